"""Random weights for the controls that need some, written where the user would put them."""

from pathlib import Path

import pytest
import torch


def _aux():
    return pytest.importorskip("controlnet_aux", exc_type=ImportError)


def pidi(folder: Path):
    _aux()
    from controlnet_aux.pidi.model import pidinet

    torch.manual_seed(1)
    state = {f"module.{key}": value for key, value in pidinet().state_dict().items()}
    torch.save({"state_dict": state}, folder / "table5_pidinet.pth")
    return {"method": "pidi", "model": str(folder)}


def hed(folder: Path):
    _aux()
    from controlnet_aux.hed import ControlNetHED_Apache2

    torch.manual_seed(1)
    torch.save(ControlNetHED_Apache2().state_dict(), folder / "ControlNetHED.pth")
    return {"method": "hed", "model": str(folder)}


def lineart(folder: Path):
    _aux()
    from controlnet_aux.lineart import Generator

    torch.manual_seed(1)
    for name in ("sk_model.pth", "sk_model2.pth"):
        torch.save(Generator(3, 1, 3).state_dict(), folder / name)
    return {"method": "realistic", "model": str(folder)}


def mlsd(folder: Path):
    _aux()
    from controlnet_aux.mlsd.models.mbv2_mlsd_large import MobileV2_MLSD_Large

    torch.manual_seed(1)
    torch.save(MobileV2_MLSD_Large().state_dict(), folder / "mlsd_large_512_fp32.pth")
    return {"method": "mlsd", "model": str(folder)}


def openpose(folder: Path):
    _aux()
    from controlnet_aux.open_pose.face import FaceNet
    from controlnet_aux.open_pose.model import bodypose_model, handpose_model

    torch.manual_seed(1)
    networks = (bodypose_model(), handpose_model(), FaceNet())
    for name, network in zip(("body_pose_model.pth", "hand_pose_model.pth", "facenet.pth"), networks, strict=True):
        state = {key.partition(".")[2] if name != "facenet.pth" else key: v for key, v in network.state_dict().items()}
        torch.save({key: torch.zeros_like(value) for key, value in state.items()}, folder / name)
    return {"model": str(folder)}


def segmentation(folder: Path):
    _aux()
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    torch.manual_seed(1)
    config = SegformerConfig(
        num_labels=7,
        hidden_sizes=[8, 8, 8, 8],
        depths=[1, 1, 1, 1],
        decoder_hidden_size=16,
        num_attention_heads=[1] * 4,
    )
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return {"model": str(folder)}


WRITERS = {"soft_edge": pidi, "openpose": openpose, "segmentation": segmentation}  # entries that cannot do without
LEARNED = {"soft_edge": hed, "lineart": lineart, "mlsd": mlsd, "scribble": pidi}  # further methods that ask a network

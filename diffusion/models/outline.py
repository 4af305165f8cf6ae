"""Outline: what a checkpoint is, told from its header or its settings alone; imports no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import WeightsError
from diffusion.models.family import Family
from diffusion.models.header import read_header
from diffusion.models.identify import UNET, identify
from diffusion.models.settings import read_settings

PIPELINE = re.compile(r"(StableDiffusion(XL)?(Img2Img|Inpaint)?|LatentConsistencyModel(Img2Img)?)Pipeline")
READS_TEXT = ".attn2.to_k.weight"  # what the UNet's layers that read the text are called


@dataclass(frozen=True, slots=True)
class Outline:
    """What other files must fit."""

    family: Family
    channels: int  # of its latents: 4, or 16 for mini
    text_width: int  # of what its attention reads: 768 (SD 1.x), 1024 (2.x), 2048 (XL), 128 for mini


def outline(checkpoint: Path) -> Outline | None:
    """The outline of a checkpoint; None where it tells too little before it is loaded, as pickled ones do.

    Args:
        checkpoint: a diffusers folder or a single file.

    Raises:
        WeightsError: for what is damaged, or no checkpoint of a known family.
    """
    try:
        if checkpoint.is_dir():
            unet = read_settings(checkpoint / "unet" / "config.json")
            family = folder_family(read_settings(checkpoint / "model_index.json"), unet)
            width, channels = unet.get("cross_attention_dim"), unet.get("out_channels")
        elif checkpoint.suffix.lower() == ".safetensors":
            header = read_header(checkpoint)
            family = identify(header.shapes, header.metadata).family
            channels = header.shapes[f"{UNET}out.2.weight"][0]
            width = next((shape[-1] for key, shape in header.shapes.items() if key.endswith(READS_TEXT)), None)
        else:
            return None
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or str(checkpoint), way_out=fault.way_out) from fault
    return Outline(family, channels, width) if isinstance(width, int) and isinstance(channels, int) else None


def folder_family(index: Mapping[str, Any], unet: Mapping[str, Any]) -> Family:
    """The family, told from what sets them apart at any size: SDXL by its added vectors, SD 2 by linear projections.

    Args:
        index: `model_index.json`.
        unet: the UNet's settings.

    Raises:
        WeightsError: for a pipeline of another kind.
    """
    name = str(index.get("_class_name"))
    if not PIPELINE.fullmatch(name):
        raise WeightsError(
            f"holds a {name}",
            way_out="Give a folder of Stable Diffusion 1.x, 2.x or XL for text to image or inpainting",
        )
    seen, given = unet.get("in_channels"), unet.get("out_channels")
    if seen != given and not (isinstance(given, int) and seen == 2 * given + 1):
        raise WeightsError(f"holds a UNet with {seen} channels in and {given} out")
    if unet.get("addition_embed_type") == "text_time":
        return "sdxl"
    return "sd2" if unet.get("use_linear_projection") else "sd1"

"""Models in a diffusers folder: one subfolder for each network, settings beside the weights."""

from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from core.errors import WeightsError
from diffusion.models.family import Family, Prediction
from diffusion.models.files import weights_files
from diffusion.models.loaded import TextPart
from diffusion.models.networks import made_autoencoder, made_text_encoder, made_unet
from diffusion.models.outline import folder_family
from diffusion.models.parts import ModelParts
from diffusion.models.settings import read_settings
from diffusion.models.signal import signal_shares
from diffusion.models.weights_file import open_weights


def load_folder(folder: Path, dtype: torch.dtype, vae_dtype: torch.dtype) -> ModelParts:
    """The parts of a model stored in the layout of diffusers.

    Raises:
        WeightsError: for anything missing, damaged or of another family.
    """
    scheduler = read_settings(folder / "scheduler" / "scheduler_config.json")
    unet = network_settings(folder / "unet")
    index = read_settings(folder / "model_index.json")
    family = folder_family(index, unet)
    is_refiner = family == "sdxl" and index.get("text_encoder") == [None, None]
    tails = ("_2",) if is_refiner else ("", "_2") if family == "sdxl" else ("",)
    return ModelParts(
        family=family,
        unet=made_unet(unet, network_tensors(folder / "unet"), dtype),
        vae=made_autoencoder(network_settings(folder / "vae"), network_tensors(folder / "vae"), vae_dtype),
        text=tuple(_text_part(folder, tail, family, dtype) for tail in tails),
        signal_shares=signal_shares(scheduler),
        prediction=_prediction(scheduler),
    )


def network_tensors(part: Path) -> dict[str, Tensor]:
    """All tensors of one network."""
    tensors: dict[str, Tensor] = {}
    for file in map(open_weights, weights_files(part)):
        tensors |= file.read(file.shapes)
    return tensors


def network_settings(part: Path) -> dict[str, Any]:
    """The settings of one network."""
    return read_settings(part / "config.json")


def _text_part(folder: Path, tail: str, family: Family, dtype: torch.dtype) -> TextPart:
    """One text encoder with its tokenizer; `tail` stands behind their folders' names."""
    from transformers import CLIPTokenizer

    encoder, tokenizer = folder / f"text_encoder{tail}", folder / f"tokenizer{tail}"
    network = made_text_encoder(network_settings(encoder), network_tensors(encoder), dtype)
    try:
        words = CLIPTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
    except Exception as fault:  # the library names no types, and its core raises plain Exception
        raise WeightsError(f"holds no CLIP tokenizer ({type(fault).__name__})", where=str(tokenizer)) from fault
    return TextPart(words, network, penultimate=family == "sdxl", projected=hasattr(network, "text_projection"))


def _prediction(scheduler: dict[str, Any]) -> Prediction:
    """What the UNet predicts.

    Raises:
        WeightsError: if it is something unknown.
    """
    stated = scheduler.get("prediction_type", "epsilon")
    if stated not in get_args(Prediction):
        raise WeightsError(f"a scheduler with prediction_type {stated!r}", way_out=f"Known: {get_args(Prediction)}")
    known: Prediction = stated
    return known

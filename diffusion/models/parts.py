"""ModelParts: what a model is made of, as it was stored, before it is put on a device."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.errors import WeightsError
from diffusion.models.loaded import Family, Prediction, TextPart

LARGEST_SETTINGS = 1 << 20  # bytes of a config.json; more is refused before it is read


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The networks of one model on the processor, in eval mode."""

    family: Family
    unet: Any  # diffusers UNet2DConditionModel
    vae: Any  # diffusers autoencoder
    text: tuple[TextPart, ...]
    signal_shares: torch.Tensor  # float64, T
    prediction: Prediction


def read_settings(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        WeightsError: if there is none.
    """
    try:
        if path.stat().st_size > LARGEST_SETTINGS:
            raise WeightsError(f"{path.stat().st_size} bytes of settings", where=str(path))
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise WeightsError(f"cannot be read as settings ({type(fault).__name__})", where=str(path)) from fault
    if not isinstance(settings, dict):
        raise WeightsError("settings are no JSON object", where=str(path))
    return settings

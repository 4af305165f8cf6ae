"""ModelParts: what a model is made of, as it was stored, before it is put on a device."""

from dataclasses import dataclass
from typing import Any

import torch

from diffusion.models.family import Family, Prediction
from diffusion.models.loaded import TextPart


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The networks of one model on the processor, in eval mode."""

    family: Family
    unet: Any  # diffusers UNet2DConditionModel
    vae: Any  # diffusers autoencoder
    text: tuple[TextPart, ...]
    signal_shares: torch.Tensor  # float64, T
    prediction: Prediction

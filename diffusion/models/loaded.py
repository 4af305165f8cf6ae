"""A loaded Stable Diffusion model: the networks and the facts a sampler needs to know about them."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from diffusion.models.family import Family, Prediction


class Autoencoder(Protocol):
    """Pictures to latents and back, already in the scale the UNet works in."""

    @property
    def network(self) -> Any:
        """The torch module that computes."""
        ...

    @property
    def factor(self) -> int:
        """Pixels per latent cell: 8, or 16 for mini."""
        ...

    @property
    def channels(self) -> int:
        """Latent channels: 4, or 16 for mini."""
        ...

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """float N x 3 x H x W in -1..1 to latents N x channels x H/factor x W/factor (the mean, no draw)."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents to float N x 3 x H x W, about -1..1."""
        ...


@dataclass(frozen=True, slots=True)
class TextPart:
    """One text encoder with its tokenizer."""

    tokenizer: Any  # transformers CLIPTokenizer
    encoder: Any  # transformers CLIPTextModel or CLIPTextModelWithProjection
    penultimate: bool  # whether the model was trained on the second last layer (SD 2, SDXL)
    projected: bool = False  # whether its pooled output goes to the UNet (SDXL's second encoder)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Networks in eval mode on their device; shared, never changed."""

    name: str  # as the user wrote it
    family: Family
    identity: str  # checksum of all weights
    unet: Any  # diffusers UNet2DConditionModel
    autoencoder: Autoencoder
    text: tuple[TextPart, ...]  # one, or two for SDXL
    alphas_cumprod: torch.Tensor  # float64, T: signal share of the variance at each training step
    prediction: Prediction
    native: tuple[int, int]  # width, height the model draws best
    device: torch.device
    dtype: torch.dtype

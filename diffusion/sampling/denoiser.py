"""Denoiser: any UNet as the one thing samplers understand, the estimate x0 of the clean latent at (x, sigma)."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from diffusion.sampling.noise_schedule import TrainingNoise

Prediction = Literal["epsilon", "v_prediction", "sample"]


class Row(NamedTuple):
    """What one row of a UNet's batch is."""

    image: int  # which image of the batch it belongs to
    is_negative: bool  # whether it is that image's negative prompt


class UNetCall(Protocol):
    """A UNet, with whatever else it needs bound to it."""

    def __call__(
        self, latents: Tensor, timesteps: Tensor, context: Tensor, pooled: Tensor | None, rows: tuple[Row, ...]
    ) -> Tensor:
        """The raw prediction.

        Args:
            latents: the denoiser's dtype, R x C x H x W, of unit variance.
            timesteps: float32, R, 0..T-1, whole or not.
            context: R x tokens x width.
            pooled: R x width, SDXL only.
            rows: what each of the R rows is.

        Returns:
            R x C x H x W, any float dtype.
        """
        ...


@dataclass(frozen=True, slots=True)
class Denoiser:
    """A UNet together with the facts that turn its predictions into clean latents.

    Convention: x = x0 + sigma * noise; the UNet sees x / sqrt(1 + sigma^2) at timestep t(sigma).
    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", table 1 (epsilon);
    Salimans and Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", appendix D (v).
    """

    unet: UNetCall
    training: TrainingNoise
    prediction: Prediction = "epsilon"
    dtype: torch.dtype = torch.float32  # what the UNet computes in
    whole_timesteps: bool = False  # rounds timesteps to whole ones

    def unet_input(self, x: Tensor, sigma: float) -> Tensor:
        """The latent scaled to unit variance in the UNet's dtype."""
        return (x * (1 / math.sqrt(1 + sigma * sigma))).to(self.dtype)

    def timestep(self, sigma: float) -> float:
        """The timestep of a level."""
        exact = self.training.timestep(sigma)
        return float(round(exact)) if self.whole_timesteps else exact

    def x0(self, x: Tensor, sigma: float, predicted: Tensor) -> Tensor:
        """The clean latent that a raw prediction at (x, sigma) means; float32, the shape of x."""
        if self.prediction == "epsilon":
            return torch.sub(x, predicted, alpha=sigma)
        if self.prediction == "v_prediction":
            variance = 1 + sigma * sigma
            return (x / variance).sub_(predicted, alpha=sigma / math.sqrt(variance))
        return predicted.to(x.dtype)

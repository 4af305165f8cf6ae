"""Denoisers whose exact answers are known, and the noise levels of Stable Diffusion 1."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion.sampling.names import SAMPLERS
from diffusion.sampling.noise_schedule import TrainingNoise
from diffusion.sampling.plan import SamplerPlan

BETAS = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
SD1 = TrainingNoise.of(np.cumprod(1 - BETAS))


@dataclass
class GaussianData:
    """The exact denoiser of data with this mean and deviation, in every element."""

    mean: float = 0.3
    deviation: float = 0.5
    calls: int = 0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.calls += 1
        return (self.deviation**2 * x + sigma**2 * self.mean) / (self.deviation**2 + sigma**2)

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        guided = self(x, sigma)
        return guided, guided

    def flowed(self, x: Tensor, sigma: float, following: float) -> Tensor:
        """The exact solution of the probability flow from one level to another."""
        shrink = math.sqrt((self.deviation**2 + following**2) / (self.deviation**2 + sigma**2))
        return self.mean + (x - self.mean) * shrink


def plan_of(sampler: str, sigmas: object) -> SamplerPlan:
    """A plan that runs exactly these levels."""
    levels = tuple(float(sigma) for sigma in sigmas)
    return SamplerPlan(SAMPLERS[sampler], levels, len(levels) - 1, 0, levels[0])


def toy_noise(latents: Tensor, timestep: float) -> Tensor:
    """A smooth, nonlinear, mixing stand-in for a UNet that predicts noise."""
    return torch.tanh(0.8 * latents + 0.2 * latents.roll(1, -1)) * (0.9 + 0.1 * math.cos(timestep / 300))

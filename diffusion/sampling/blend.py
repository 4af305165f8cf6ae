"""Blend: the part of a latent that a mask keeps, while the sampler repaints the rest."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.sampling.timesteps import GuidedDenoise

JUST_BELOW = 1 - 1e-6  # so that a share of 1 is free at the first step, and one of 0 never


@dataclass(frozen=True, slots=True)
class Blend:
    """What stays, and where something new comes."""

    kept: Tensor  # float32, N x C x H x W: clean latents
    repainted: Tensor  # float32, N x 1 x H x W, 0..1; 1 = new
    left: Callable[[float], float] | None = None  # of gradual masks: a noise level to the share of the run left, 1..0

    def over(self, x: Tensor, level: float = 0.0, noise: Tensor | None = None) -> Tensor:
        """The latents x at a noise level under what is kept; if there is noise, that is brought to the level, too.

        Under a gradual mask a place is kept until no more than its share of the run is left, then it is free: each
        place gets a denoising strength of its own.

        Source: Levin and Fried 2023, "Differential Diffusion: Giving Each Pixel Its Strength".
        """
        kept = self.kept if noise is None else self.kept.add(noise, alpha=level)
        if self.left is None:
            return torch.lerp(kept, x, self.repainted)
        return torch.where(self.repainted > self.left(level) * JUST_BELOW, x, kept)


class KeepingClean:
    """A denoiser whose estimates show the kept part as it is: for samplers on noise levels."""

    def __init__(self, denoise: GuidedDenoise, blend: Blend) -> None:
        """Args: denoise: what it asks; blend: what is kept."""
        self._denoise, self._blend = denoise, blend

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0, the shape of x."""
        return self._blend.over(self._denoise(x, sigma), sigma)

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """x0 with guidance and without."""
        guided, unguided = self._denoise.both(x, sigma)
        return self._blend.over(guided, sigma), self._blend.over(unguided, sigma)


class KeepingNoised:
    """A denoiser that sees the kept part at the level of the rest: for samplers with timesteps of their own."""

    def __init__(self, denoise: GuidedDenoise, blend: Blend, noise: Tensor) -> None:
        """Args: denoise: what it asks; blend: what is kept; noise: unit variance, that the kept part is noised with."""
        self._denoise, self._blend, self._noise = denoise, blend, noise

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0, the shape of x."""
        return self._denoise(self._blend.over(x, sigma, self._noise), sigma)

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """x0 with guidance and without."""
        return self._denoise.both(self._blend.over(x, sigma, self._noise), sigma)

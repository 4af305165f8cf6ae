"""Blend: the part of a latent that a mask keeps, while the sampler repaints the rest."""

from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.sampling.timesteps import GuidedDenoise


@dataclass(frozen=True, slots=True)
class Blend:
    """What stays, and where something new comes."""

    kept: Tensor  # float32, N x C x H x W: clean latents
    repainted: Tensor  # float32, N x 1 x H x W, 0..1; 1 = new

    def over(self, x: Tensor, level: float = 0.0, noise: Tensor | None = None) -> Tensor:
        """The latents x under what is kept, which is brought to a noise level if there is noise."""
        kept = self.kept if noise is None else self.kept.add(noise, alpha=level)
        return torch.lerp(kept, x, self.repainted)


class KeepingClean:
    """A denoiser whose estimates show the kept part as it is: for samplers on noise levels."""

    def __init__(self, denoise: GuidedDenoise, blend: Blend) -> None:
        """Args: denoise: what it asks; blend: what is kept."""
        self._denoise, self._blend = denoise, blend

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0, the shape of x."""
        return self._blend.over(self._denoise(x, sigma))

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """x0 with guidance and without."""
        guided, unguided = self._denoise.both(x, sigma)
        return self._blend.over(guided), self._blend.over(unguided)


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

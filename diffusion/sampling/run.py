"""Run: what every sampler is handed, and the few formulas that samplers share."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from torch import Tensor

from diffusion.sampling.noise import StepNoise


class Denoise(Protocol):
    """The estimate of the clean latent."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0 at (x, sigma): float32, the shape of x; a new tensor that nobody changes later."""
        ...


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """What a user may change about a sampler; each uses what its formula has."""

    eta_ancestral: float = 1.0  # 0..1, share of fresh noise of ancestral and SDE samplers
    eta_ddim: float = 0.0  # 0..1, share of fresh noise of DDIM
    s_noise: float = 1.0  # scales all fresh noise; slightly above 1 gives more detail
    s_churn: float = 0.0  # noise added and taken away again over the run by Euler, Heun and DPM2
    s_tmin: float = 0.0  # lowest noise level at which s_churn acts
    s_tmax: float = math.inf  # highest


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step done."""

    index: int  # from 0
    steps: int  # to be run in all, as planned
    sigma: float  # the level the step began at
    x0: Tensor  # the clean latent as estimated in it; for previews; do not change it


OnStep = Callable[[StepReport], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One sampler's way from the first noise level to the last."""

    sigmas: tuple[float, ...]  # falling
    noise: StepNoise  # fresh unit-variance noise
    settings: SamplerSettings
    on_step: OnStep

    def steps(self) -> Iterator[tuple[int, float, float]]:
        """(index, level, level after) of each step."""
        for index, (sigma, following) in enumerate(pairwise(self.sigmas)):
            yield index, sigma, following

    def report(self, index: int, sigma: float, x0: Tensor) -> None:
        """Tells whoever watches that step `index`, which began at `sigma`, is done."""
        self.on_step(StepReport(index, len(self.sigmas) - 1, sigma, x0))


def ancestral_levels(sigma: float, following: float, eta: float) -> tuple[float, float]:
    """A step to `following` as a step down to the first level and fresh noise of the second.

    Source: Song et al. 2020, "Denoising Diffusion Implicit Models", equation 16, in terms of sigma.
    """
    up = min(following, eta * math.sqrt(following**2 * (sigma**2 - following**2)) / sigma)
    return math.sqrt(following**2 - up**2), up


def noised(x: Tensor, run: Run, up: float, sigma: float, following: float) -> Tensor:
    """The latent with fresh noise of level `up`; draws nothing where there is none to add."""
    return x.add(run.noise(sigma, following), alpha=up * run.settings.s_noise) if up > 0 else x


def churned(x: Tensor, sigma: float, run: Run) -> tuple[Tensor, float]:
    """The latent and its level after the noise that `s_churn` adds before a step.

    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 2.
    """
    settings = run.settings
    if settings.s_churn <= 0 or not settings.s_tmin <= sigma <= settings.s_tmax:
        return x, sigma
    higher = sigma * (1 + min(settings.s_churn / (len(run.sigmas) - 1), math.sqrt(2) - 1))
    return noised(x, run, math.sqrt(higher**2 - sigma**2), sigma, higher), higher

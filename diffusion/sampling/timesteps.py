"""Samplers with timesteps of their own besides DDIM: DDIM CFG++, PLMS, UniPC; and LCM.

Convention: as everywhere, x = x0 + sigma * noise; a variance-preserving sampler's x is this one / sqrt(1 + sigma^2).
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from diffusion.sampling.run import Denoise, Run, ancestral_levels, noised

UNIPC_ORDER = 3
PLMS_WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


@runtime_checkable
class GuidedDenoise(Denoise, Protocol):
    """A denoiser that also tells the estimate without guidance."""

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """x0 with guidance, and from the negative prompt alone."""
        ...


def ddim_cfgpp(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """DDIM whose noise is predicted without guidance.

    Source: Chung et al. 2024, "CFG++: Manifold-constrained Classifier Free Guidance for Diffusion Models", algorithm 2.
    """
    assert isinstance(denoise, GuidedDenoise), "DDIM CFG++ needs a denoiser with `both`"
    for index, sigma, following in run.steps():
        x0, unguided = denoise.both(x, sigma)
        down, up = ancestral_levels(sigma, following, run.settings.eta_ddim)
        x = noised(x0.add(x - unguided, alpha=down / sigma), run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def plms(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Pseudo linear multistep: Adams-Bashforth weights for even timesteps; the first step asks the model twice.

    Source: Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", equations 12 and 13.
    """
    slopes: deque[Tensor] = deque(maxlen=4)
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        slopes.appendleft((x - x0) / sigma)
        slope = sum((s * w for s, w in zip(slopes, PLMS_WEIGHTS[len(slopes) - 1], strict=True)), torch.zeros_like(x))
        if index == 0 and following > 0:
            ahead = torch.lerp(x0, x, following / sigma)
            slope = (slope + (ahead - denoise(ahead, following)) / following) / 2
        x = x.add(slope, alpha=following - sigma)
        run.report(index, sigma, x0)
    return x


def unipc(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """UniPC of third order in the clean latent, B(h) = h: a predictor, then a corrector from the next call.

    The order falls to one over the last steps.

    Source: Zhao et al. 2023, "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
    algorithms 1 and 2.
    """
    history: list[tuple[float, Tensor]] = []  # (level, clean latent) of the steps before, newest first
    begun = x  # at the level of history[0]
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        if history:
            x = _unipc_step(begun, history, sigma, x0)
        order = min(UNIPC_ORDER, len(history) + 1, len(run.sigmas) - 1 - index)
        history = [(sigma, x0), *history][:order]
        begun = x
        x = _unipc_step(begun, history, following, None)
        run.report(index, sigma, x0)
    return x


def _unipc_step(x: Tensor, history: Sequence[tuple[float, Tensor]], following: float, arrived: Tensor | None) -> Tensor:
    """A predictor step from history[0] to `following`, or the corrector once the clean latent there is known.

    Args:
        x: at the level of history[0].
        history: (level, clean latent), newest first; its length is the order of the predictor.
        following: the level the step goes to.
        arrived: the clean latent at `following`, for the corrector.
    """
    sigma, x0 = history[0]
    plain = torch.lerp(x0, x, following / sigma)
    if following == 0:
        return plain
    h = math.log(sigma / following)
    places = [math.log(sigma / level) / h for level, _ in history[1:]]
    differences = [latent - x0 for _, latent in history[1:]]
    if arrived is not None:
        places, differences = [*places, 1.0], [*differences, arrived - x0]
    for difference, weight in zip(differences, unipc_weights(places, h), strict=True):
        plain = plain.add(difference, alpha=weight)
    return plain


def unipc_weights(places: Sequence[float], h: float) -> list[float]:
    """Weights of the differences of clean latents at `places` (in steps, negative = before) in a step of length h.

    A single place gets half of h, as the paper's B(h) = h has it, instead of the exact integral.
    """
    if not places:
        return []
    if len(places) == 1:
        return [h / 2 / places[0]]
    powers = range(1, len(places) + 1)
    moments = [-math.expm1(-h)]
    for power in powers:
        moments.append(1 - power * moments[-1] / h)
    solved = np.linalg.solve(np.power.outer(places, powers).T, moments[1:])
    return [float(weight) for weight in solved]


def lcm(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Consistency sampling: jumps to the clean latent and adds fresh noise of the next level.

    Source: Luo et al. 2023, "Latent Consistency Models", algorithm 3. Its boundary weights differ from 0 and 1 by less
    than 1e-5 at the timesteps such models know, and are left out.
    """
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        x = noised(x0, run, following, sigma, following)
        run.report(index, sigma, x0)
    return x

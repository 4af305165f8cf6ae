"""Samplers in the noise level itself: Euler, Heun, DPM2, their ancestral kin, LMS and Restart.

Convention: dx/dsigma = (x - x0(x, sigma)) / sigma, so a plain step from sigma to s is lerp(x0, x, s / sigma).
"""

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.polynomial import polynomial
from torch import Tensor

from diffusion.sampling.noise_schedule import karras_levels
from diffusion.sampling.run import Denoise, Run, ancestral_levels, churned, noised

LMS_ORDER = 4
RESTART_RANGE = (0.1, 2.0)  # noise levels between which Restart goes back and forth


def euler(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Euler's method, with churn.

    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 2
    without its correction.
    """
    for index, level, following in run.steps():
        x, sigma = churned(x, level, run)
        x0 = denoise(x, sigma)
        x = torch.lerp(x0, x, following / sigma)
        run.report(index, sigma, x0)
    return x


def euler_ancestral(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Euler's method with fresh noise after every step: DDIM with eta in terms of sigma.

    Source: Song et al. 2020, "Denoising Diffusion Implicit Models", equation 12.
    """
    return _ancestral(denoise, x, run, run.settings.eta_ancestral)


def ddim(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """DDIM: the same step with an eta of its own.

    Source: Song et al. 2020, "Denoising Diffusion Implicit Models", equation 12.
    """
    return _ancestral(denoise, x, run, run.settings.eta_ddim)


def _ancestral(denoise: Denoise, x: Tensor, run: Run, eta: float) -> Tensor:
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        down, up = ancestral_levels(sigma, following, eta)
        x = noised(torch.lerp(x0, x, down / sigma), run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def heun(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Heun's method, with churn; a step to zero is Euler's.

    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 2.
    """
    for index, level, following in run.steps():
        x, sigma = churned(x, level, run)
        x0 = denoise(x, sigma)
        x = _heun_step(denoise, x, x0, sigma, following)
        run.report(index, sigma, x0)
    return x


def _heun_step(denoise: Denoise, x: Tensor, x0: Tensor, sigma: float, following: float) -> Tensor:
    """Euler's step, then the mean of the slopes at both ends."""
    ahead = torch.lerp(x0, x, following / sigma)
    if following == 0:
        return ahead
    slope = (x - x0) / sigma + (ahead - denoise(ahead, following)) / following
    return x.add(slope, alpha=(following - sigma) / 2)


def dpm2(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """The midpoint method, its middle at the geometric mean; with churn; a step to zero is Euler's.

    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", appendix B;
    Lu et al. 2022, "DPM-Solver", section 3.2, for the middle.
    """
    for index, level, following in run.steps():
        x, sigma = churned(x, level, run)
        x0 = denoise(x, sigma)
        x = _midpoint_step(denoise, x, x0, sigma, following)
        run.report(index, sigma, x0)
    return x


def dpm2_ancestral(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """DPM2 with fresh noise after every step.

    Source: as `dpm2` and `ancestral_levels`.
    """
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        down, up = ancestral_levels(sigma, following, run.settings.eta_ancestral)
        x = noised(_midpoint_step(denoise, x, x0, sigma, down), run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def _midpoint_step(denoise: Denoise, x: Tensor, x0: Tensor, sigma: float, following: float) -> Tensor:
    """The slope at the geometric mean of both levels, taken all the way."""
    if following == 0:
        return x0
    middle = (sigma * following) ** 0.5
    halfway = torch.lerp(x0, x, middle / sigma)
    return x.add(halfway - denoise(halfway, middle), alpha=(following - sigma) / middle)


def lms(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Linear multistep: the polynomial through the last four slopes, integrated exactly.

    Source: Adams and Bashforth 1883, for uneven steps.
    """
    slopes: deque[Tensor] = deque(maxlen=LMS_ORDER)
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        slopes.appendleft((x - x0) / sigma)
        levels = run.sigmas[index::-1][: len(slopes)]
        for slope, weight in zip(slopes, multistep_weights(levels, following), strict=True):
            x = x.add(slope, alpha=weight)
        run.report(index, sigma, x0)
    return x


def multistep_weights(levels: Sequence[float], following: float) -> list[float]:
    """Integrals from levels[0] to `following` of the Lagrange polynomials through `levels` (newest first)."""
    weights = []
    for own in levels:
        others = [level for level in levels if level != own]
        basis = polynomial.polyfromroots(others) / math.prod(own - other for other in others)
        ends = polynomial.polyval(np.array([levels[0], following]), polynomial.polyint(basis))
        weights.append(float(ends[1] - ends[0]))
    return weights


def restart(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Heun's method that, near the end, goes back to more noise and down again.

    Source: Xu et al. 2023, "Restart Sampling for Improving Generative Processes", algorithm 1; the web UI's lengths.
    """
    reached = run.sigmas[0]
    for index, (sigma, following) in enumerate(restart_steps(run.sigmas)):
        if sigma > reached:
            x = noised(x, run, (sigma**2 - reached**2) ** 0.5, reached, sigma)
        x0 = denoise(x, sigma)
        x = _heun_step(denoise, x, x0, sigma, following)
        reached = following
        run.report(index, sigma, x0)
    return x


def restart_steps(sigmas: Sequence[float]) -> list[tuple[float, float]]:
    """(level, level after) of all steps of Restart: as many as `sigmas` has.

    From 20 steps on nine go back and down again once; from 36 on a quarter does, twice; all of them spaced as in the
    Karras schedule. With fewer steps, or where they begin below the range of going back, they are those of `sigmas`.
    """
    steps = len(sigmas) - 1
    length, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    if steps < 20:
        return list(pairwise(sigmas))
    main = [*karras_levels(sigmas[0], sigmas[-2], steps - length * times).tolist(), 0.0]
    low, high = (min(range(len(main)), key=lambda i: abs(main[i] - level)) for level in RESTART_RANGE)
    if high >= low:
        return list(pairwise(sigmas))
    again = list(pairwise(karras_levels(main[high], main[low], length + 1).tolist()))
    there = list(pairwise(main))
    return there[:low] + again * times + there[low:]

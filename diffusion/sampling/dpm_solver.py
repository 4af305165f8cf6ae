"""DPM-Solver in the noise: orders one to three in one step, fixed (DPM fast) or chosen by error (DPM adaptive).

Convention: time is -ln(sigma); h is the length of a step in it; noise means (x - x0) / sigma. A run with a single level
above 0 is a plain step to 0.
"""

import math

import torch
from torch import Tensor

from core.errors import BrokenPicture
from diffusion.sampling.euler import euler
from diffusion.sampling.run import Denoise, Run, ancestral_levels, noised

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 0.05, 0.0078  # error allowed in one step of DPM adaptive
FIRST_STEP = 0.05
ACCEPTED = 0.81  # a step is taken if the next could be at least this share of it
MOST_ATTEMPTS = 1000


def dpm_fast(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """DPM-Solver-fast: even steps of order three and what is left of the calls; ends at the last level above 0.

    Source: Lu et al. 2022, "DPM-Solver", section 3.4, with fresh noise by `ancestral_levels`.
    """
    calls = sum(sigma > 0 for sigma in run.sigmas)
    if calls == 1:
        return euler(denoise, x, run)
    orders = fast_orders(calls)
    start, end = -math.log(run.sigmas[0]), -math.log(run.sigmas[calls - 1])
    for index, order in enumerate(orders):
        time = start + (end - start) * index / len(orders)
        following = start + (end - start) * (index + 1) / len(orders)
        sigma = math.exp(-time)
        x0 = denoise(x, sigma)
        target, up = _target(time, following, end, run.settings.eta_ancestral)
        x = noised(_step(denoise, x, x0, time, target, order), run, up, sigma, math.exp(-following))
        run.report(index, sigma, x0)
    return x


def fast_orders(calls: int) -> list[int]:
    """Orders of the steps that use up exactly `calls` calls."""
    whole, rest = divmod(calls, 3)
    return [3] * (whole - 1) + [2, 1] if rest == 0 else [3] * whole + [rest]


def dpm_adaptive(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """DPM-Solver-23 with steps as long as the error allows; one picture at a time; ends at the last level above 0.

    A model that gives NaN ends the run with NaN, as with any other sampler.

    Source: Lu et al. 2022, "DPM-Solver", appendix C and D.6, with fresh noise by `ancestral_levels`.

    Raises:
        BrokenPicture: if the steps that keep the error small are too short to ever arrive.
    """
    eta = run.settings.eta_ancestral
    time, end = -math.log(run.sigmas[0]), -math.log(min(sigma for sigma in run.sigmas if sigma > 0))
    if time == end:
        return euler(denoise, x, run)
    h, before, x0, index = FIRST_STEP, x, denoise(x, run.sigmas[0]), 0
    for _ in range(MOST_ATTEMPTS):
        following = min(end, time + h)
        target, up = _target(time, following, end, eta)
        low, high = _embedded_pair(denoise, x, x0, time, target)
        factor = _step_factor(low, high, before, order=1.5 if eta else 3)
        if math.isnan(factor):
            return high
        h *= factor
        if factor < ACCEPTED:
            continue
        x = noised(high, run, up, math.exp(-time), math.exp(-following))
        run.report(index, math.exp(-time), x0)
        before, time, index = low, following, index + 1
        if time >= end - 1e-5:
            return x
        x0 = denoise(x, math.exp(-time))
    raise BrokenPicture(
        "DPM adaptive does not arrive: the model's error stays large", way_out="Try another sampler or model"
    )


def _target(time: float, following: float, end: float, eta: float) -> tuple[float, float]:
    """The time a step goes to, and the level of the fresh noise that leads back to `following`."""
    down, _ = ancestral_levels(math.exp(-time), math.exp(-following), eta)
    target = min(end, -math.log(down))
    return target, math.sqrt(max(math.exp(-2 * following) - math.exp(-2 * target), 0.0))


def _step(denoise: Denoise, x: Tensor, x0: Tensor, time: float, following: float, order: int) -> Tensor:
    """One step of order one, two (middle at 1/2) or three (at 1/3 and 2/3)."""
    if order == 3:
        return _embedded_pair(denoise, x, x0, time, following)[1]
    h = following - time
    noise = (x - x0) * math.exp(time)
    plain = _stage(x, noise, following, h)
    if order == 1:
        return plain
    middle = _noise(denoise, _stage(x, noise, time + h / 2, h / 2), time + h / 2)
    return plain.sub(middle - noise, alpha=math.exp(-following) * math.expm1(h))


def _embedded_pair(denoise: Denoise, x: Tensor, x0: Tensor, time: float, following: float) -> tuple[Tensor, Tensor]:
    """The same step with order two and three, from the same three calls."""
    h = following - time
    noise = (x - x0) * math.exp(time)
    first, second = time + h / 3, time + 2 * h / 3
    change = _noise(denoise, _stage(x, noise, first, h / 3), first) - noise
    bent = _stage(x, noise, second, 2 * h / 3).sub(change, alpha=2 * math.exp(-second) * _phi(2 * h / 3))
    later_change = _noise(denoise, bent, second) - noise
    plain = _stage(x, noise, following, h)
    low = plain.sub(change, alpha=1.5 * math.exp(-following) * math.expm1(h))
    return low, plain.sub(later_change, alpha=1.5 * math.exp(-following) * _phi(h))


def _stage(x: Tensor, noise: Tensor, following: float, h: float) -> Tensor:
    """The first-order step of length h to `following`."""
    return x.sub(noise, alpha=math.exp(-following) * math.expm1(h))


def _noise(denoise: Denoise, x: Tensor, time: float) -> Tensor:
    sigma = math.exp(-time)
    return (x - denoise(x, sigma)) / sigma


def _phi(h: float) -> float:
    return math.expm1(h) / h - 1


def _step_factor(low: Tensor, high: Tensor, before: Tensor, *, order: float) -> float:
    """How much longer the next step may be, judged by the difference of both orders.

    Source: Soderlind 2003, "Digital filters in adaptive time-stepping": integrating control, smooth limit.
    """
    allowed = (torch.maximum(low.abs(), before.abs()) * RELATIVE_TOLERANCE).clamp_(min=ABSOLUTE_TOLERANCE)
    error = float(((low - high) / allowed).square().mean().sqrt())
    return 1 + math.atan((error + 1e-8) ** (-1 / order) - 1)

"""Samplers of the DPM-Solver++ family: exact in the linear part, polynomial in the clean latent.

Convention: time is -ln(sigma), so the length of a step is h = ln(sigma / following).
"""

import math

import torch
from torch import Tensor

from diffusion.sampling.run import Denoise, Run, ancestral_levels, noised


def dpmpp_2s_ancestral(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Singlestep DPM-Solver++ of second order with fresh noise after every step; a step to zero is Euler's.

    Source: Lu et al. 2022, "DPM-Solver++", algorithm 1 with r = 1/2, and `ancestral_levels`.
    """
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        down, up = ancestral_levels(sigma, following, run.settings.eta_ancestral)
        middle_x0 = x0
        if down > 0:
            middle = math.sqrt(sigma * down)
            middle_x0 = denoise(torch.lerp(x0, x, middle / sigma), middle)
        x = noised(torch.lerp(middle_x0, x, down / sigma), run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def dpmpp_sde(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Two-stage DPM-Solver++ with fresh noise in both stages; a step to zero is Euler's.

    Source: Lu et al. 2022, "DPM-Solver++", algorithm 1 with r = 1/2, and `ancestral_levels` for both stages.
    """
    eta = run.settings.eta_ancestral
    for index, sigma, following in run.steps():
        x0 = target = denoise(x, sigma)
        if following > 0:
            middle = math.sqrt(sigma * following)
            down, up = ancestral_levels(sigma, middle, eta)
            target = denoise(noised(torch.lerp(x0, x, down / sigma), run, up, sigma, middle), middle)
        down, up = ancestral_levels(sigma, following, eta)
        x = noised(torch.lerp(target, x, down / sigma), run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def dpmpp_2m(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Multistep DPM-Solver++ of second order; its first step and one to zero are Euler's.

    Source: Lu et al. 2022, "DPM-Solver++", algorithm 2.
    """
    before, h_before = None, 0.0
    for index, sigma, following in run.steps():
        x0 = target = denoise(x, sigma)
        if following > 0:
            h = math.log(sigma / following)
            target = x0 if before is None else torch.lerp(before, x0, 1 + h / (2 * h_before))
            before, h_before = x0, h
        x = torch.lerp(target, x, following / sigma)
        run.report(index, sigma, x0)
    return x


def dpmpp_2m_sde(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Multistep SDE-DPM-Solver++ of second order, midpoint form; a step to zero is Euler's.

    Source: Lu et al. 2022, "DPM-Solver++", equation 18.
    """
    return _multistep_sde(denoise, x, run, heun=False)


def dpmpp_2m_sde_heun(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Multistep SDE-DPM-Solver++ of second order, Heun's form; a step to zero is Euler's.

    Source: Lu et al. 2022, "DPM-Solver++", equation 18 with the first Taylor coefficient integrated exactly.
    """
    return _multistep_sde(denoise, x, run, heun=True)


def _multistep_sde(denoise: Denoise, x: Tensor, run: Run, *, heun: bool) -> Tensor:
    eta = run.settings.eta_ancestral
    before, h_before = None, 0.0
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        kept, up = _sde_levels(sigma, following, eta)
        x = torch.lerp(x0, x, kept)
        if following > 0:
            h = math.log(sigma / following)
            weight = 1 - (1 - kept) / (h * (1 + eta)) if heun else (1 - kept) / 2
            x = x if before is None else x.add(x0 - before, alpha=weight * h / h_before)
            before, h_before = x0, h
        x = noised(x, run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def dpmpp_3m_sde(denoise: Denoise, x: Tensor, run: Run) -> Tensor:
    """Multistep SDE-DPM-Solver++ of third order; a step to zero is Euler's.

    Source: Lu et al. 2022, "DPM-Solver++", section 4, carried to the second derivative by divided differences.
    """
    eta = run.settings.eta_ancestral
    history: list[tuple[Tensor, float]] = []  # clean latents and lengths of the last two steps, newest first
    for index, sigma, following in run.steps():
        x0 = denoise(x, sigma)
        kept, up = _sde_levels(sigma, following, eta)
        x = torch.lerp(x0, x, kept)
        if following > 0:
            h = math.log(sigma / following)
            x = _curved(x, x0, history, h, h * (1 + eta))
            history = [(x0, h), *history[:1]]
        x = noised(x, run, up, sigma, following)
        run.report(index, sigma, x0)
    return x


def _curved(x: Tensor, x0: Tensor, history: list[tuple[Tensor, float]], h: float, reach: float) -> Tensor:
    """The step with the terms of the first and second derivative of the clean latent, as far as history gives them."""
    if not history:
        return x
    phi_2 = 1 + math.expm1(-reach) / reach
    phi_3 = phi_2 / reach - 0.5
    last, h_1 = history[0]
    slope = (x0 - last) * (h / h_1)
    if len(history) == 1:
        return x.add(slope, alpha=phi_2)
    oldest, h_2 = history[1]
    bend = (slope - (last - oldest) * (h / h_2)) * (h / (h_1 + h_2))
    return x.add(slope, alpha=phi_2).add(bend, alpha=phi_2 * h_1 / h - phi_3)


def _sde_levels(sigma: float, following: float, eta: float) -> tuple[float, float]:
    """The share of x that an exact step of the reverse SDE keeps, and the level of its fresh noise."""
    ratio = following / sigma
    return ratio ** (1 + eta), following * math.sqrt(1 - ratio ** (2 * eta))

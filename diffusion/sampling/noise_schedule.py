"""Noise schedules: the noise levels (sigmas) that the n steps of a sampler pass through.

Convention: a picture at level sigma is x = x0 + sigma * noise, so sigma = sqrt((1 - a) / a) for the signal
share a (alphas_cumprod). Levels are float64 on the processor, falling, and end with 0 where not said otherwise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UnknownName, UserError
from diffusion.sampling.names import SCHEDULES

Levels = NDArray[np.float64]
MOST_STEPS = 10_000  # more is refused before memory is asked for
LOWEST_LEVEL, HIGHEST_LEVEL = 2.0**-14, 2.0**14  # levels beyond these are refused
SMALLEST_SIGNAL = 2.0**-24  # stands for a signal share of zero, so that the highest level stays finite


@dataclass(frozen=True, slots=True, eq=False)
class TrainingNoise:
    """The noise levels that a model was trained at, and the timesteps they belong to."""

    sigmas: Levels  # T, rising
    log_sigmas: Levels  # T

    @classmethod
    def of(cls, alphas_cumprod: Sequence[float] | Levels, *, zero_terminal: bool = False) -> "TrainingNoise":
        """From the signal shares at each training timestep (falling, in 0..1).

        Args:
            alphas_cumprod: T numbers; a float64 tensor on the processor will do as well.
            zero_terminal: for models trained with no signal at the last timestep.
        """
        shares = np.asarray(alphas_cumprod, dtype=np.float64)
        if zero_terminal:
            shares = zero_terminal_shares(shares)
        sigmas = np.sqrt((1 - shares) / shares)
        return cls(sigmas, np.log(sigmas))

    @property
    def lowest(self) -> float:
        """The lowest level trained at."""
        return float(self.sigmas[0])

    @property
    def highest(self) -> float:
        """The highest level trained at."""
        return float(self.sigmas[-1])

    def at(self, timesteps: Levels) -> Levels:
        """Levels at timesteps 0..T-1, whole or not: linear in the logarithm."""
        return np.asarray(np.exp(np.interp(timesteps, np.arange(len(self.sigmas)), self.log_sigmas)))

    def timestep(self, sigma: float) -> float:
        """The timestep 0..T-1 of a level, whole or not: the inverse of `at`; levels outside get the nearest end."""
        return float(np.interp(math.log(sigma), self.log_sigmas, np.arange(len(self.sigmas))))


def zero_terminal_shares(shares: Levels) -> Levels:
    """Signal shares moved and stretched so that nothing is left of the signal at the last timestep.

    Source: Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1.
    The last share is SMALLEST_SIGNAL instead of 0 (as in diffusers, Apache-2.0).
    """
    roots = np.sqrt(shares)
    stretched = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    return np.asarray(np.maximum(stretched**2, SMALLEST_SIGNAL))


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """What a user may change about a noise schedule."""

    sigma_min: float = 0.0  # lowest level before the end; 0 = the model's own
    sigma_max: float = 0.0  # highest level; 0 = the model's own
    rho: float = 0.0  # bend of karras (7) and polyexponential (1); 0 = the schedule's own
    drop_penultimate: bool = False  # leaves the next-to-last level out, as some samplers do anyway
    for_sdxl: bool = False  # chooses the SDXL table of "align your steps"


@dataclass(frozen=True, slots=True)
class _Range:
    """What every schedule function is given besides the number of steps."""

    training: TrainingNoise
    lowest: float
    highest: float
    rho: float
    for_sdxl: bool


def noise_levels(
    schedule: str, steps: int, training: TrainingNoise, options: ScheduleOptions | None = None
) -> tuple[float, ...]:
    """The levels that `steps` steps pass through, falling: usually steps + 1 of them, the last 0.

    "kl_optimal" ends above zero; "ddim" gives more levels where steps does not divide the training timesteps.

    Args:
        schedule: a key of SCHEDULES.
        steps: 1 to MOST_STEPS.
        training: the model's noise levels.
        options: range, bend and what is left out; the model's and schedule's own by default.

    Raises:
        UnknownName: for an unknown schedule.
        UserError: for a number of steps or a range that the schedule cannot give.
    """
    if schedule not in SCHEDULES:
        raise UnknownName("noise schedule", schedule, tuple(SCHEDULES))
    if not 1 <= steps <= MOST_STEPS:
        raise UserError(f"{steps} sampling steps", way_out=f"Choose 1 to {MOST_STEPS}")
    options = options or ScheduleOptions()
    given = _Range(
        training,
        options.sigma_min or training.lowest,
        options.sigma_max or training.highest,
        options.rho,
        options.for_sdxl,
    )
    if not LOWEST_LEVEL <= given.lowest < given.highest <= HIGHEST_LEVEL:
        raise UserError(
            f"noise levels from {given.highest:g} to {given.lowest:g}",
            way_out=f"sigma_max must lie above sigma_min, both between {LOWEST_LEVEL:g} and {HIGHEST_LEVEL:g}",
        )
    levels = _SCHEDULES[schedule](steps + options.drop_penultimate, given)
    if schedule != "kl_optimal":
        levels = np.append(levels, 0.0)
    if options.drop_penultimate:
        levels = np.delete(levels, -2)
    return tuple(levels.tolist())


def _uniform(steps: int, given: _Range) -> Levels:
    """Even timesteps, both ends included."""
    return given.training.at(np.linspace(len(given.training.sigmas) - 1, 0, steps))


def _normal(steps: int, given: _Range) -> Levels:
    """Even timesteps between those of the highest and lowest level."""
    training = given.training
    return training.at(np.linspace(training.timestep(given.highest), training.timestep(given.lowest), steps))


def _sgm_uniform(steps: int, given: _Range) -> Levels:
    """Even timesteps, the last left out."""
    return _normal(steps + 1, given)[:-1]


def karras_levels(highest: float, lowest: float, count: int, rho: float = 7.0) -> Levels:
    """`count` levels from `highest` to `lowest`, even in the rho-th root.

    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", equation 5.
    """
    return np.asarray(np.linspace(highest ** (1 / rho), lowest ** (1 / rho), count) ** rho)


def _karras(steps: int, given: _Range) -> Levels:
    """Even in the rho-th root."""
    return karras_levels(given.highest, given.lowest, steps, given.rho or 7.0)


def _exponential(steps: int, given: _Range) -> Levels:
    """Even in the logarithm."""
    return np.exp(np.linspace(math.log(given.highest), math.log(given.lowest), steps))


def _polyexponential(steps: int, given: _Range) -> Levels:
    """Even in the rho-th root of the logarithm's share."""
    ramp = np.linspace(1, 0, steps) ** (given.rho or 1.0)
    return np.asarray(given.lowest * (given.highest / given.lowest) ** ramp)


def _kl_optimal(steps: int, given: _Range) -> Levels:
    """Even angles; steps + 1 levels, the last above zero.

    Source: Sabour et al. 2024, "Align Your Steps: Optimizing Sampling Schedules in Diffusion Models", section 3.1.
    """
    return np.tan(np.linspace(math.atan(given.highest), math.atan(given.lowest), steps + 1))


def _align_your_steps(steps: int, given: _Range) -> Levels:
    """Tables found by optimisation for ten steps, linear in the logarithm for other numbers.

    Source: Sabour et al. 2024, "Align Your Steps: Optimizing Sampling Schedules in Diffusion Models", published tables.
    """
    table = _ALIGNED_SDXL if given.for_sdxl else _ALIGNED
    if steps == len(table):
        return np.array(table)
    return np.exp(np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(table)), np.log(table)))


_ALIGNED = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
_ALIGNED_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


def _simple(steps: int, given: _Range) -> Levels:
    """Every n-th training level, counted from the top."""
    sigmas = given.training.sigmas
    return sigmas[-(1 + np.arange(steps) * len(sigmas) // steps)]


def _ddim(steps: int, given: _Range) -> Levels:
    """Every n-th training level, counted from timestep 1; n is a whole number, so there may be more than `steps`."""
    sigmas = given.training.sigmas
    if steps >= len(sigmas):
        raise UserError(
            f"{steps} steps on a noise schedule of {len(sigmas)} training timesteps",
            way_out=f"Choose less than {len(sigmas)}, or another schedule",
        )
    return sigmas[1 :: len(sigmas) // steps][::-1]


def _beta(steps: int, given: _Range) -> Levels:
    """Quantiles of a beta distribution with both parameters 0.6, spread over the range.

    Source: Lee et al. 2024, "Beta Sampling is All You Need".
    """
    shares = np.array([_beta_quantile(share, 0.6) for share in np.linspace(1, 0, steps)])
    return np.asarray(given.lowest + shares * (given.highest - given.lowest))


def _beta_quantile(share: float, a: float) -> float:
    """The quantile of the symmetric beta distribution with parameters (a, a), by its power series and bisection."""
    if share > 0.5:
        return 1 - _beta_quantile(1 - share, a)
    log_beta = 2 * math.lgamma(a) - math.lgamma(2 * a)
    terms = np.arange(64)
    coefficients = np.cumprod(np.append(1.0, (terms[1:] - a) / terms[1:])) / (a + terms)
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        below = middle**a * float(np.polynomial.polynomial.polyval(middle, coefficients)) / math.exp(log_beta)
        low, high = (middle, high) if below < share else (low, middle)
    return (low + high) / 2


def _turbo(steps: int, given: _Range) -> Levels:
    """The first of the ten levels that adversarially distilled models are trained at.

    Source: Sauer et al. 2023, "Adversarial Diffusion Distillation": every 100th timestep from the top.
    """
    return _every_nth_from_the_top(10, given)[: _at_most(steps, 10, "turbo")]


def _lcm(steps: int, given: _Range) -> Levels:
    """Spread evenly over the fifty levels that consistency models are distilled at.

    Source: Luo et al. 2023, "Latent Consistency Models"; spacing as in diffusers' LCMScheduler (Apache-2.0).
    """
    trained = _every_nth_from_the_top(50, given)
    return trained[np.arange(_at_most(steps, 50, "lcm")) * 50 // steps]


def _every_nth_from_the_top(parts: int, given: _Range) -> Levels:
    """`parts` training levels at even distances, the highest first."""
    sigmas = given.training.sigmas
    if len(sigmas) < parts:
        raise UserError(f"a noise schedule of {parts} levels for a model of {len(sigmas)}", way_out="Choose another")
    return sigmas[::-1][:: len(sigmas) // parts][:parts]


def _at_most(steps: int, most: int, schedule: str) -> int:
    if steps > most:
        raise UserError(f"{steps} steps on the noise schedule {schedule}", way_out=f"Choose 1 to {most}")
    return steps


_SCHEDULES: dict[str, Callable[[int, _Range], Levels]] = {
    "uniform": _uniform,
    "karras": _karras,
    "exponential": _exponential,
    "polyexponential": _polyexponential,
    "sgm_uniform": _sgm_uniform,
    "kl_optimal": _kl_optimal,
    "align_your_steps": _align_your_steps,
    "simple": _simple,
    "normal": _normal,
    "ddim": _ddim,
    "beta": _beta,
    "turbo": _turbo,
    "lcm": _lcm,
}

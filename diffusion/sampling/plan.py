"""SamplerPlan: what one run of a sampler will do, decided before any model is asked. Imports no torch."""

import math
from dataclasses import dataclass

from core.errors import UserError
from diffusion.request import StepRule
from diffusion.sampling.names import SAMPLERS, Sampler, SamplerChoice
from diffusion.sampling.noise_schedule import MOST_STEPS, ScheduleOptions, TrainingNoise, noise_levels

MOST_DENOISE = 0.999  # a higher denoising strength counts as this, as in the web UI


@dataclass(frozen=True, slots=True)
class SamplerPlan:
    """One run of a sampler. Pictures with equal plans can share a batch if `sampler.fits_batch`."""

    sampler: Sampler
    sigmas: tuple[float, ...]  # the levels actually run, falling; steps + 1 of them, or none if nothing is to do
    steps: int  # as asked for
    start: int = 0  # index in the whole schedule of the first level run
    noised_to: float = 0.0  # level that `start` brings an init latent to
    full_variance: bool = False  # text to image starts from noise * sqrt(1 + sigma^2) instead of noise * sigma

    @property
    def steps_run(self) -> int:
        """How many steps are run."""
        return max(len(self.sigmas) - 1, 0)

    @property
    def prompt_steps(self) -> int:
        """How many entries per-step conditioning should have: as in the web UI, one for each call of a full run.

        Image to image begins at the first entry, too.
        """
        return self.steps * self.sampler.calls_per_step


def sampler_plan(
    choice: SamplerChoice,
    steps: int,
    training: TrainingNoise,
    *,
    denoise: float | None = None,
    rule: StepRule = "web-ui",
    options: ScheduleOptions | None = None,
    full_variance: bool = False,
) -> SamplerPlan:
    """The plan of a run.

    Args:
        choice: from `names.resolve`.
        steps: 1 to MOST_STEPS.
        training: the model's noise levels.
        denoise: None for text to image; for image to image the strength 0..1.
        rule: how many steps image to image runs. "web-ui": with t = int(min(denoise, 0.999) * steps) the last
            t + 1 (samplers with their own timesteps: t, from a picture noised one level higher). "exact": as many
            as `steps` says, the end of a schedule that is longer in proportion; none for strength 0.
        options: changes to the noise schedule.
        full_variance: starts text to image with the variance the model saw in training, as SGM does.

    Raises:
        UserError: for a strength outside 0..1 or a number of steps that the schedule cannot give.
    """
    if denoise is not None and not 0 <= denoise <= 1:
        raise UserError(f"a denoising strength of {denoise}", way_out="Choose 0 (keeps the picture) to 1 (ignores it)")
    sampler = SAMPLERS[choice.sampler]
    total = _schedule_steps(steps, denoise, rule)
    if total == 0:
        return SamplerPlan(sampler, (), steps)
    options = options or ScheduleOptions()
    levels = noise_levels(choice.schedule, total, training, _with_drop(options, sampler))
    if sampler.own_timesteps:
        levels = (*levels[:-1], training.lowest)
        full_variance = True
    if denoise is None:
        return SamplerPlan(sampler, levels, steps, 0, levels[0], full_variance)
    encoded = int(min(denoise, MOST_DENOISE) * steps) if rule == "web-ui" else steps - 1
    if sampler.own_timesteps and rule == "web-ui":
        start = len(levels) - 1 - encoded
        run = levels[start:] if encoded else ()
        return SamplerPlan(sampler, run, steps, start, levels[start - 1], full_variance)
    start = total - encoded - 1
    return SamplerPlan(sampler, levels[start:], steps, start, levels[start], full_variance)


def _schedule_steps(steps: int, denoise: float | None, rule: StepRule) -> int:
    """Steps of the whole schedule; 0 if there is nothing to run.

    Raises:
        UserError: if there would be more than MOST_STEPS.
    """
    if denoise is None or rule == "web-ui":
        return steps
    if denoise == 0:
        return 0
    total = steps / min(denoise, MOST_DENOISE)
    if total > MOST_STEPS:
        raise UserError(
            f"{steps} steps at a denoising strength of {denoise:g}",
            way_out=f"Choose a strength of at least {math.ceil(steps / MOST_STEPS * 1e4) / 1e4:g}",
        )
    return int(total)


def _with_drop(options: ScheduleOptions, sampler: Sampler) -> ScheduleOptions:
    """The options with the sampler's habit of leaving the next-to-last level out."""
    return ScheduleOptions(
        options.sigma_min,
        options.sigma_max,
        options.rho,
        options.drop_penultimate or sampler.drops_penultimate,
        options.for_sdxl,
    )

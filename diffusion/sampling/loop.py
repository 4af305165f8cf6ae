"""The sampler loop: from noise, or a noised latent, to a clean latent.

One batch, from names to latents (every tensor float32, N x C x H x W, unless said otherwise):

    choice = resolve("DPM++ 2M Karras")                      # names.py: SamplerChoice; no torch
    training = TrainingNoise.of(model.alphas_cumprod)        # noise_schedule.py; once per model
    plan = sampler_plan(choice, steps, training, denoise=0.5)  # plan.py: SamplerPlan; denoise=None for text to image
    # per-step conditioning is made for plan.prompt_steps steps; plan.sampler.fits_batch says whether N may be > 1
    denoiser = Denoiser(unet, training, model.prediction, dtype)  # denoiser.py; unet: UNetCall
    guidance = Guidance(denoiser, plan, conditionings, cfgs)  # guidance.py; one per run; it counts its calls
    noise = SeededNoise([NoiseSeed(seed), ...], (C, H, W), device=device)  # noise.py; one per run
    x = start(plan, noise.initial() * multiplier, init)      # init: latents, or None for text to image
    latents = sample(guidance, x, plan, noise, settings, on_step)

Any `(x, sigma: float) -> x0` is a denoiser for `sample`, so masks, references and previews wrap `guidance`.
To cancel, raise from `on_step`. Images of one batch have plans that are equal; each has its own seed, prompts and cfg.
"""

import math
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from diffusion.sampling import dpm, dpm_solver, euler, timesteps
from diffusion.sampling.noise import StepNoise
from diffusion.sampling.plan import SamplerPlan
from diffusion.sampling.run import Denoise, OnStep, Run, SamplerSettings, StepReport

Routine = Callable[[Denoise, Tensor, Run], Tensor]


class StepNoises(Protocol):
    """The noise drawn while sampling, as `SeededNoise` has it."""

    @property
    def white(self) -> StepNoise:
        """The next draw, whatever the levels."""
        ...

    @property
    def brownian(self) -> StepNoise:
        """Noise that depends on the two levels alone."""
        ...


ROUTINES: dict[str, Routine] = {
    "DPM++ 2M": dpm.dpmpp_2m,
    "DPM++ SDE": dpm.dpmpp_sde,
    "DPM++ 2M SDE": dpm.dpmpp_2m_sde,
    "DPM++ 2M SDE Heun": dpm.dpmpp_2m_sde_heun,
    "DPM++ 2S a": dpm.dpmpp_2s_ancestral,
    "DPM++ 3M SDE": dpm.dpmpp_3m_sde,
    "Euler a": euler.euler_ancestral,
    "Euler": euler.euler,
    "LMS": euler.lms,
    "Heun": euler.heun,
    "DPM2": euler.dpm2,
    "DPM2 a": euler.dpm2_ancestral,
    "DPM fast": dpm_solver.dpm_fast,
    "DPM adaptive": dpm_solver.dpm_adaptive,
    "Restart": euler.restart,
    "DDIM": euler.ddim,
    "DDIM CFG++": timesteps.ddim_cfgpp,
    "PLMS": timesteps.plms,
    "UniPC": timesteps.unipc,
    "LCM": timesteps.lcm,
}


def start(plan: SamplerPlan, noise: Tensor, init: Tensor | None = None) -> Tensor:
    """What sampling begins with.

    Args:
        plan: of the run.
        noise: unit variance times the user's noise multiplier; N x C x H x W.
        init: clean latents of image to image, the shape of noise; None for text to image.
    """
    if not plan.sigmas:
        return noise * 0 if init is None else init.float()
    first = plan.sigmas[0]
    if init is None:
        return noise * (math.sqrt(1 + first * first) if plan.full_variance else first)
    x = init.float().add(noise, alpha=plan.noised_to)
    return x if plan.noised_to == first else x * math.sqrt((1 + first**2) / (1 + plan.noised_to**2))


def sample(
    denoise: Denoise,
    x: Tensor,
    plan: SamplerPlan,
    noise: StepNoises,
    settings: SamplerSettings | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """Runs a plan.

    Args:
        denoise: the estimate of the clean latent; `Guidance` or anything around it.
        x: from `start`.
        plan: what to run.
        noise: the batch's; its `initial` has been drawn.
        settings: of the sampler.
        on_step: told after each step.

    Returns:
        The latents at the plan's last level, usually clean: float32, N x C x H x W.
    """
    assert plan.sampler.fits_batch or len(x) == 1, f"{plan.sampler.name} takes one image at a time"
    if plan.steps_run == 0:
        return x
    source = noise.brownian if plan.sampler.noise == "brownian" else noise.white
    run = Run(plan.sigmas, source, settings or SamplerSettings(), on_step or _nobody)
    x = ROUTINES[plan.sampler.name](denoise, x, run)
    if plan.sampler.own_timesteps:
        return x / math.sqrt(1 + plan.sigmas[-1] ** 2)
    return x


def _nobody(report: StepReport) -> None:
    """Watches nothing."""

"""Where diffusers' scheduler does the same maths, the pictures are the same to 1e-4."""

import math

import diffusers
import pytest
import torch

from diffusion.sampling.denoiser import Denoiser
from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import SAMPLERS, resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.plan import SamplerPlan, sampler_plan
from diffusion.sampling.run import SamplerSettings
from tests.diffusion.sampling.toys import SD1, plan_of, toy_noise

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")
SHAPE = (4, 8, 8)
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def theirs(scheduler, steps, *, seed=5, **given):
    """A run of diffusers' loop, from the noise of a seed; latents as their pipeline leaves them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((1, *SHAPE), generator=generator)
    scheduler.set_timesteps(steps)
    x = x * scheduler.init_noise_sigma
    if "generator" in given:
        given["generator"] = generator
    for timestep in scheduler.timesteps:
        predicted = toy_noise(scheduler.scale_model_input(x, timestep), float(timestep))
        x = scheduler.step(predicted, timestep, x, **given).prev_sample
    return x


def ours(plan: SamplerPlan, *, seed=5, x=None, **settings):
    """The same run with our loop."""

    def unet(latents, timesteps, *_):
        return toy_noise(latents, float(timesteps[0]))

    denoiser = Denoiser(unet, SD1)
    noise = SeededNoise([NoiseSeed(seed)], SHAPE)
    initial = noise.initial()

    def denoise(x, sigma):
        timesteps = torch.tensor([denoiser.timestep(sigma)])
        return denoiser.x0(x, sigma, unet(denoiser.unet_input(x, sigma), timesteps))

    return sample(denoise, start(plan, initial) if x is None else x * initial, plan, noise, SamplerSettings(**settings))


def trailing(scheduler):
    """A scheduler of Stable Diffusion 1 whose timesteps are whole, and its levels."""
    return scheduler(**SD, timestep_spacing="trailing")


def levels(scheduler, steps):
    scheduler.set_timesteps(steps)
    return list(dict.fromkeys(scheduler.sigmas.tolist()))


def same(a, b):
    return float((a - b).abs().max()) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("steps", [4, 20])
@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [("Euler", diffusers.EulerDiscreteScheduler), ("Euler a", diffusers.EulerAncestralDiscreteScheduler),
     ("Heun", diffusers.HeunDiscreteScheduler)],
)  # fmt: skip
def test_samplers_in_the_noise_level_agree(sampler, scheduler, steps):
    theirs_to_run = trailing(scheduler)
    generator = {"generator": None} if sampler == "Euler a" else {}
    expected = theirs(theirs_to_run, steps, **generator)
    plan = plan_of(sampler, levels(theirs_to_run, steps))
    assert same(ours(plan, x=float(theirs_to_run.init_noise_sigma)), expected)


def test_euler_agrees_on_the_karras_schedule():
    scheduler = diffusers.EulerDiscreteScheduler(**SD, use_karras_sigmas=True)
    assert same(ours(sampler_plan(resolve("Euler Karras"), 15, SD1)), theirs(scheduler, 15))


@pytest.mark.parametrize("steps", [4, 20])
def test_dpmpp_2m_agrees(steps):
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **SD, timestep_spacing="trailing", final_sigmas_type="zero", euler_at_final=True
    )
    expected = theirs(scheduler, steps)
    plan = plan_of("DPM++ 2M", levels(scheduler, steps))
    assert same(preserving(plan), expected)


def preserving(plan):
    """Our run from noise of unit variance at the first level."""
    return ours(plan, x=math.sqrt(1 + plan.sigmas[0] ** 2))


@pytest.mark.parametrize("steps", [10, 20])
def test_ddim_agrees_from_names_to_latents(steps):
    scheduler = diffusers.DDIMScheduler(**SD, set_alpha_to_one=False, steps_offset=1, clip_sample=False)
    assert same(ours(sampler_plan(resolve("DDIM"), steps, SD1)), theirs(scheduler, steps))


def test_ddim_agrees_with_eta():
    scheduler = diffusers.DDIMScheduler(**SD, set_alpha_to_one=False, steps_offset=1, clip_sample=False)
    expected = theirs(scheduler, 10, eta=0.7, generator=None)
    assert same(ours(sampler_plan(resolve("DDIM"), 10, SD1), eta_ddim=0.7), expected)


@pytest.mark.parametrize("steps", [10, 20])
def test_plms_agrees_from_names_to_latents(steps):
    scheduler = diffusers.PNDMScheduler(**SD, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1)
    assert same(ours(sampler_plan(resolve("PLMS"), steps, SD1)), theirs(scheduler, steps))


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_lcm_agrees_from_names_to_latents(steps):
    scheduler = diffusers.LCMScheduler(**SD)
    expected = theirs(scheduler, steps, generator=None)
    assert same(ours(sampler_plan(resolve("LCM"), steps, SD1, full_variance=True)), expected)


@pytest.mark.parametrize("steps", [5, 20])
def test_unipc_agrees(steps):
    scheduler = diffusers.UniPCMultistepScheduler(
        **SD, solver_order=3, solver_type="bh1", timestep_spacing="trailing", final_sigmas_type="sigma_min"
    )
    expected = theirs(scheduler, steps)
    scheduler.set_timesteps(steps)
    plan = SamplerPlan(SAMPLERS["UniPC"], tuple(scheduler.sigmas.tolist()), steps)
    assert same(preserving(plan), expected)


def test_lms_agrees():
    scheduler = trailing(diffusers.LMSDiscreteScheduler)
    expected = theirs(scheduler, 12)
    plan = plan_of("LMS", levels(scheduler, 12))
    assert same(ours(plan, x=float(scheduler.init_noise_sigma)), expected)

import math

import pytest
import torch

from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import SAMPLERS, resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.plan import sampler_plan
from diffusion.sampling.run import SamplerSettings, ancestral_levels
from tests.diffusion.sampling.toys import SD1, GaussianData, plan_of

SHAPE = (4, 8, 8)


def run(sampler, *, steps=6, on_step=None, denoise=None, data=None):
    plan = sampler_plan(resolve(sampler), steps, SD1, denoise=denoise)
    noise = SeededNoise([NoiseSeed(1)], SHAPE)
    init = None if denoise is None else torch.zeros(1, *SHAPE)
    return sample(data or GaussianData(), start(plan, noise.initial(), init), plan, noise, None, on_step)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_run_gives_the_same_bits(sampler):
    assert torch.equal(run(sampler), run(sampler))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps_give_finite_float32(sampler, steps):
    latents = run(sampler, steps=steps, denoise=0.9)
    assert latents.dtype == torch.float32
    assert latents.isfinite().all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampling_leaves_its_start_untouched(sampler):
    plan = sampler_plan(resolve(sampler), 4, SD1)
    noise = SeededNoise([NoiseSeed(1)], SHAPE)
    x = start(plan, noise.initial())
    before = x.clone()
    sample(GaussianData(), x, plan, noise, SamplerSettings(s_churn=1.0))
    assert torch.equal(x, before)


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - {"DPM adaptive", "DPM fast"}))
def test_every_step_is_reported_once_in_order(sampler):
    reports = []
    run(sampler, steps=5, on_step=reports.append)
    assert [report.index for report in reports] == list(range(5))
    assert {report.steps for report in reports} == {5}


@pytest.mark.parametrize("sampler", ["DPM adaptive", "DPM fast"])
def test_reports_of_samplers_with_steps_of_their_own_fall_in_level(sampler):
    reports = []
    run(sampler, on_step=reports.append)
    sigmas = [report.sigma for report in reports]
    assert sigmas == sorted(sigmas, reverse=True)
    assert len(sigmas) > 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_broken_model_gives_nan_within_the_usual_calls(sampler):
    class Broken(GaussianData):
        def __call__(self, x, sigma):
            return super().__call__(x, sigma) * float("nan")

    data = Broken()
    assert run(sampler, data=data).isnan().all()
    assert data.calls <= 14


def test_raising_from_a_report_stops_the_run():
    data = GaussianData()

    def stop(report):
        if report.index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("Euler", on_step=stop, data=data)
    assert data.calls == 3


def test_a_plan_of_no_steps_gives_back_its_start():
    noise = SeededNoise([NoiseSeed(1)], SHAPE)
    x = torch.ones(1, *SHAPE)
    assert sample(GaussianData(), x, plan_of("Euler", [1.0]), noise) is x


def test_cfgpp_takes_its_noise_from_the_negative_prompt():
    class Denoise(GaussianData):
        def both(self, x, sigma):
            return torch.full_like(x, 2.0), torch.full_like(x, 1.0)

    x = torch.full((1, *SHAPE), 5.0)
    end = sample(Denoise(), x, plan_of("DDIM CFG++", [4.0, 2.0]), SeededNoise([NoiseSeed(1)], SHAPE))
    assert float(end[0, 0, 0, 0]) * math.sqrt(1 + 2**2) == pytest.approx(2.0 + 2.0 * (5.0 - 1.0) / 4.0)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_an_ancestral_step_keeps_the_whole_variance(eta):
    down, up = ancestral_levels(3.0, 1.2, eta)
    assert math.hypot(down, up) == pytest.approx(1.2)


def test_ancestral_samplers_without_eta_are_their_plain_kin():
    def end(sampler):
        noise = SeededNoise([NoiseSeed(1)], SHAPE)
        plan = plan_of(sampler, [8.0, 3.0, 1.0, 0.0])
        return sample(GaussianData(), noise.initial() * 8, plan, noise, SamplerSettings(eta_ancestral=0.0))

    assert torch.equal(end("Euler a"), end("Euler"))
    assert torch.equal(end("DPM2 a"), end("DPM2"))

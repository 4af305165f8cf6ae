import pytest
import torch

from core.errors import UserError
from diffusion.sampling.loop import start
from diffusion.sampling.names import SAMPLERS, SCHEDULES, SamplerChoice, resolve
from diffusion.sampling.plan import sampler_plan
from tests.diffusion.sampling.toys import SD1


@pytest.mark.parametrize(
    ("steps", "denoise", "calls", "total"),
    [(20, 0.75, 16, 26), (20, 0.5, 11, 40), (20, 1.0, 20, 20), (30, 0.3, 10, 100), (25, 0.35, 9, 71)],
)
def test_image_to_image_runs_as_many_steps_as_the_web_ui(steps, denoise, calls, total):
    usual = sampler_plan(resolve("Euler"), steps, SD1, denoise=denoise)
    exact = sampler_plan(resolve("Euler"), steps, SD1, denoise=denoise, rule="exact")
    assert (usual.steps_run, exact.steps_run, exact.start + exact.steps_run) == (calls, steps, total)


def test_strength_zero_runs_one_step_or_exactly_none():
    assert sampler_plan(resolve("Euler"), 20, SD1, denoise=0.0).steps_run == 1
    assert sampler_plan(resolve("Euler"), 20, SD1, denoise=0.0, rule="exact").steps_run == 0


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M Karras", "DPM2", "Euler KL Optimal"])
@pytest.mark.parametrize("denoise", [0.0, 0.3, 1.0])
def test_image_to_image_runs_the_end_of_the_whole_schedule(name, denoise):
    whole = sampler_plan(resolve(name), 20, SD1)
    part = sampler_plan(resolve(name), 20, SD1, denoise=denoise)
    assert part.sigmas == whole.sigmas[part.start :]
    assert part.noised_to == part.sigmas[0]


def test_own_timesteps_start_one_level_below_the_noise_as_in_the_web_ui():
    plan = sampler_plan(resolve("DDIM"), 20, SD1, denoise=0.5)
    ran = SD1.sigmas[[451, 401, 351, 301, 251, 201, 151, 101, 51, 1, 0]]
    assert plan.sigmas == pytest.approx(ran)
    assert plan.noised_to == pytest.approx(SD1.sigmas[501])


def test_own_timesteps_run_exactly_as_many_steps_as_asked():
    plan = sampler_plan(resolve("DDIM"), 20, SD1, denoise=0.5, rule="exact")
    assert (plan.steps_run, plan.noised_to) == (20, plan.sigmas[0])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_stronger_denoise_never_runs_fewer_steps(sampler):
    choice = resolve(sampler)
    run = [sampler_plan(choice, 12, SD1, denoise=tenth / 10).steps_run for tenth in range(11)]
    assert run == sorted(run)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_has_a_plan_on_every_schedule(sampler):
    assert {sampler_plan(SamplerChoice(sampler, schedule), 8, SD1).steps_run for schedule in SCHEDULES} == {8}


@pytest.mark.parametrize("rule", ["web-ui", "exact"])
def test_two_call_samplers_stretch_prompt_schedules(rule):
    assert sampler_plan(resolve("Heun"), 20, SD1, denoise=0.3, rule=rule).prompt_steps == 40


def test_plans_are_values():
    assert sampler_plan(resolve("Heun"), 20, SD1) == sampler_plan(resolve("k_heun"), 20, SD1)


@pytest.mark.parametrize("denoise", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_its_range_is_refused(denoise):
    with pytest.raises(UserError, match="denoising strength"):
        sampler_plan(resolve("Euler"), 20, SD1, denoise=denoise)


def test_an_endless_exact_schedule_is_refused_with_the_least_strength():
    with pytest.raises(UserError, match=r"at least 0\.002"):
        sampler_plan(resolve("Euler"), 20, SD1, denoise=1e-9, rule="exact")


def test_text_to_image_starts_from_the_first_level():
    noise = torch.ones(1, 4, 2, 2)
    plan = sampler_plan(resolve("Euler"), 20, SD1)
    assert start(plan, noise)[0, 0, 0, 0] == pytest.approx(14.6146, abs=1e-4)


def test_own_timesteps_start_with_unit_variance():
    plan = sampler_plan(resolve("DDIM"), 20, SD1)
    x = start(plan, torch.ones(1, 4, 2, 2))
    assert x[0, 0, 0, 0] / (1 + plan.sigmas[0] ** 2) ** 0.5 == pytest.approx(1)


def test_image_to_image_starts_from_the_noised_picture():
    plan = sampler_plan(resolve("Euler"), 20, SD1, denoise=0.5)
    x = start(plan, torch.full((1, 4, 2, 2), 2.0), torch.full((1, 4, 2, 2), 3.0))
    assert x[0, 0, 0, 0] == pytest.approx(3 + 2 * plan.sigmas[0])


def test_a_plan_of_no_steps_starts_from_the_picture_itself():
    plan = sampler_plan(resolve("Euler"), 20, SD1, denoise=0.0, rule="exact")
    init = torch.full((1, 4, 2, 2), 3.0)
    assert torch.equal(start(plan, torch.ones(1, 4, 2, 2), init), init)

import pytest

from core.errors import UnknownName
from diffusion.sampling.names import SAMPLERS, SCHEDULES, resolve
from diffusion.sampling.plan import sampler_plan
from diffusion.sampling.presets import PRESETS, preset
from tests.diffusion.sampling.toys import SD1


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_what_there_is_and_runs_its_steps(name):
    recipe = PRESETS[name]
    assert recipe.sampler in SAMPLERS
    assert recipe.schedule in SCHEDULES
    plan = sampler_plan(resolve(recipe.sampler, recipe.schedule), recipe.steps, SD1)
    assert plan.steps_run == recipe.steps
    assert plan.sigmas[0] == pytest.approx(SD1.highest), "few-step models start from full noise"


def test_lightning_asks_at_the_timesteps_it_was_made_for():
    recipe = preset("lightning-4")
    plan = sampler_plan(resolve(recipe.sampler, recipe.schedule), recipe.steps, SD1)
    timesteps = [SD1.timestep(sigma) for sigma in plan.sigmas[:-1]]
    assert timesteps == pytest.approx([999, 749, 499, 249], abs=1)


def test_an_unknown_preset_names_the_nearest():
    assert preset(" LCM ") is PRESETS["lcm"]
    with pytest.raises(UnknownName, match="lightning-4"):
        preset("lightening-4")

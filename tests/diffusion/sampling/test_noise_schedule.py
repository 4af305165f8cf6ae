import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import betaincinv

from core.errors import UnknownName, UserError
from diffusion.sampling.names import SCHEDULES
from diffusion.sampling.noise_schedule import ScheduleOptions, TrainingNoise, noise_levels
from tests.diffusion.sampling.toys import BETAS, SD1

# n = 5 on Stable Diffusion 1, as the web UI gives them
FIVE_STEPS = {
    "uniform": (14.6146, 4.0861, 1.6156, 0.6951, 0.0292, 0),
    "karras": (14.6146, 4.7965, 1.2741, 0.2479, 0.0292, 0),
    "exponential": (14.6146, 3.0890, 0.6529, 0.1380, 0.0292, 0),
    "sgm_uniform": (14.6146, 5.0924, 2.2797, 1.1629, 0.5712, 0),
    "kl_optimal": (14.6146, 2.6329, 1.2948, 0.7116, 0.3356, 0.0292),
    "align_your_steps": (14.615, 3.2269, 1.396, 0.51, 0.029, 0),
    "simple": (14.6146, 5.0878, 2.2765, 1.1606, 0.5693, 0),
    "ddim": (5.1344, 2.2929, 1.1682, 0.5741, 0.0413, 0),
}


@pytest.mark.parametrize("schedule", FIVE_STEPS)
def test_five_steps_are_those_of_the_web_ui(schedule):
    assert noise_levels(schedule, 5, SD1) == pytest.approx(FIVE_STEPS[schedule], abs=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_levels_fall_to_the_end(schedule):
    for steps in (1, 2, 4, 10):
        levels = noise_levels(schedule, steps, SD1)
        assert len(levels) == steps + 1
        assert all(a > b for a, b in pairwise(levels))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_only_kl_optimal_ends_above_zero(schedule):
    assert (noise_levels(schedule, 8, SD1)[-1] > 0) == (schedule == "kl_optimal")


@pytest.mark.parametrize("schedule", ["karras", "exponential", "polyexponential", "normal", "kl_optimal", "beta"])
def test_a_range_override_moves_both_ends(schedule):
    levels = noise_levels(schedule, 8, SD1, ScheduleOptions(sigma_min=0.1, sigma_max=10))
    assert levels[0] == pytest.approx(10)
    assert (levels[-1] or levels[-2]) == pytest.approx(0.1)


def test_the_penultimate_level_is_left_out():
    longer = noise_levels("karras", 9, SD1)
    assert noise_levels("karras", 8, SD1, ScheduleOptions(drop_penultimate=True)) == (*longer[:-2], longer[-1])


def test_polyexponential_with_rho_one_is_exponential():
    assert noise_levels("polyexponential", 12, SD1) == pytest.approx(noise_levels("exponential", 12, SD1))


def test_karras_obeys_rho():
    assert noise_levels("karras", 3, SD1, ScheduleOptions(rho=1))[1] == pytest.approx((SD1.lowest + SD1.highest) / 2)


def test_align_your_steps_knows_sdxl():
    levels = noise_levels("align_your_steps", 11, SD1, ScheduleOptions(for_sdxl=True))
    assert levels == (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029, 0)


def test_ddim_steps_that_do_not_divide_give_one_more():
    levels = noise_levels("ddim", 30, SD1)
    assert levels[:-1] == pytest.approx(SD1.sigmas[np.arange(1, 992, 33)[::-1]])
    assert len(levels) == 32


def test_beta_agrees_with_scipy():
    shares = betaincinv(0.6, 0.6, 1 - np.linspace(0, 1, 20))
    assert noise_levels("beta", 20, SD1)[:-1] == pytest.approx(SD1.lowest + shares * (SD1.highest - SD1.lowest))


def test_turbo_starts_at_the_last_timestep_and_takes_every_hundredth():
    assert noise_levels("turbo", 4, SD1)[:-1] == pytest.approx(SD1.sigmas[[999, 899, 799, 699]])


def test_lcm_takes_levels_it_was_distilled_at():
    assert noise_levels("lcm", 4, SD1)[:-1] == pytest.approx(SD1.sigmas[[999, 759, 499, 259]])


def test_timestep_inverts_at():
    timesteps = np.linspace(0, 999, 77)
    assert [SD1.timestep(sigma) for sigma in SD1.at(timesteps)] == pytest.approx(timesteps)


def test_levels_outside_training_get_the_nearest_timestep():
    assert (SD1.timestep(1e-3), SD1.timestep(1e3)) == (0, 999)


def test_zero_terminal_noise_keeps_the_first_level_and_ends_without_signal():
    rescaled = TrainingNoise.of(np.cumprod(1 - BETAS), zero_terminal=True)
    assert rescaled.lowest == pytest.approx(SD1.lowest)
    assert rescaled.highest == pytest.approx(4096, rel=1e-6)
    assert (np.diff(rescaled.sigmas) > 0).all()


@pytest.mark.parametrize(
    ("schedule", "steps", "options"),
    [
        ("karras", 0, {}),
        ("karras", 10**9, {}),
        ("turbo", 11, {}),
        ("lcm", 51, {}),
        ("ddim", 1000, {}),
        ("karras", 5, {"sigma_min": 20.0}),
        ("karras", 5, {"sigma_max": -1.0}),
        ("karras", 5, {"sigma_max": math.inf}),
        ("karras", 5, {"sigma_min": math.nan}),
    ],
)
def test_what_a_schedule_cannot_give_is_refused(schedule, steps, options):
    with pytest.raises(UserError):
        noise_levels(schedule, steps, SD1, ScheduleOptions(**options))


@pytest.mark.parametrize("schedule", ["turbo", "lcm"])
def test_schedules_of_trained_levels_need_as_many(schedule):
    with pytest.raises(UserError, match="Choose another"):
        noise_levels(schedule, 4, TrainingNoise.of([0.9, 0.5, 0.1]))


def test_an_unknown_schedule_is_refused():
    with pytest.raises(UnknownName):
        noise_levels("karas", 5, SD1)

"""Samplers against the exact solution for Gaussian data: by order of convergence or by distribution."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from diffusion.sampling.dpm_solver import fast_orders
from diffusion.sampling.euler import multistep_weights, restart_steps
from diffusion.sampling.loop import ROUTINES, sample, start
from diffusion.sampling.names import SAMPLERS, resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.noise_schedule import karras_levels, noise_levels
from diffusion.sampling.plan import sampler_plan
from diffusion.sampling.run import SamplerSettings
from diffusion.sampling.timesteps import unipc_weights
from tests.diffusion.sampling.toys import SD1, GaussianData, plan_of

HIGH, LOW = 10.0, 0.1
STILL = SamplerSettings(eta_ancestral=0.0)
# Measured order at 32 to 128 steps. "DPM++ 3M SDE" weighs the second derivative as the published solver does, which
# makes it of second order; LMS, UniPC and PLMS begin, and UniPC ends, with steps of lower order.
ORDERS = {
    "Euler": 1, "Euler a": 1, "DDIM": 1, "DDIM CFG++": 1,
    "Heun": 2, "DPM2": 2, "DPM2 a": 2, "DPM++ 2M": 2, "DPM++ 2S a": 2, "DPM++ SDE": 2,
    "DPM++ 2M SDE": 2, "DPM++ 2M SDE Heun": 2, "DPM++ 3M SDE": 2, "PLMS": 2, "UniPC": 2,
    "LMS": 3.5,
}  # fmt: skip


def error(sampler, steps):
    """The largest error at the end of a run from HIGH to LOW over latents from -20 to 20, in float64."""
    data = GaussianData()
    x = torch.linspace(-20, 20, 41, dtype=torch.float64).view(1, 1, 1, 41)
    end = sample(
        data, x, plan_of(sampler, karras_levels(HIGH, LOW, steps + 1)), SeededNoise([NoiseSeed(0)], (1, 1, 41)), STILL
    )
    if SAMPLERS[sampler].own_timesteps:
        end = end * math.sqrt(1 + LOW**2)
    return float((end - data.flowed(x, HIGH, LOW)).abs().max())


@pytest.mark.parametrize("sampler", ORDERS)
def test_the_error_falls_with_the_order_of_the_sampler(sampler):
    assert math.log2(error(sampler, 32) / error(sampler, 128)) / 2 == pytest.approx(ORDERS[sampler], abs=0.2)


def test_dpm_fast_converges_at_least_with_second_order():
    assert math.log2(error("DPM fast", 32) / error("DPM fast", 128)) / 2 > 1.8


def test_dpm_adaptive_keeps_its_tolerance():
    assert error("DPM adaptive", 2) < 0.05 * 20 / 10


def test_restart_without_going_back_is_heun():
    assert error("Restart", 19) == error("Heun", 19)


@pytest.mark.parametrize(
    ("sampler", "calls"),
    [("Euler", 10), ("Heun", 19), ("DPM2", 19), ("DPM++ 2S a", 19), ("DPM++ SDE", 19), ("PLMS", 11), ("UniPC", 10),
     ("LMS", 10), ("DPM fast", 10), ("DPM++ 3M SDE", 10), ("Restart", 19)],
)  # fmt: skip
def test_ten_steps_ask_the_model_as_often_as_the_method_needs(sampler, calls):
    data = GaussianData()
    noise = SeededNoise([NoiseSeed(0)], (1, 4, 4))
    sample(data, torch.ones(1, 1, 4, 4), plan_of(sampler, noise_levels("karras", 10, SD1)), noise)
    assert data.calls == calls


# Those that add noise, with the steps at which their distribution is within the tolerance.
@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        ("Euler a", 200), ("DDIM", 200), ("DPM2 a", 40), ("DPM++ 2S a", 40), ("DPM++ SDE", 40), ("DPM++ 2M SDE", 60),
        ("DPM++ 2M SDE Heun", 60), ("DPM++ 3M SDE", 60), ("DPM fast", 60), ("Restart", 60), ("Euler", 200),
        ("Heun", 60), ("DPM2", 60),
    ],
)  # fmt: skip
def test_samplers_with_fresh_noise_give_the_distribution_of_the_data(sampler, steps):
    data, shape = GaussianData(), (1, 128, 128)
    noise = SeededNoise([NoiseSeed(7)], shape)
    settings = SamplerSettings(eta_ddim=1.0, s_churn=steps / 10)
    plan = plan_of(sampler, noise_levels("karras", steps, SD1))
    drawn = sample(data, start(plan, noise.initial()), plan, noise, settings)
    assert float(drawn.mean()) == pytest.approx(data.mean, abs=0.015)
    assert float(drawn.std()) == pytest.approx(data.deviation, rel=0.03)


def test_dpm_adaptive_with_fresh_noise_gives_the_distribution_of_the_data():
    data = GaussianData()
    noise = SeededNoise([NoiseSeed(7)], (1, 128, 128))
    plan = sampler_plan(resolve("DPM adaptive"), 20, SD1)
    drawn = sample(data, start(plan, noise.initial()), plan, noise)
    assert float(drawn.mean()) == pytest.approx(data.mean, abs=0.015)
    assert float(drawn.std()) == pytest.approx(data.deviation, rel=0.05)


def test_lcm_with_an_exact_consistency_function_gives_the_distribution_of_the_data():
    data = GaussianData()
    noise = SeededNoise([NoiseSeed(7)], (1, 128, 128))
    plan = sampler_plan(resolve("LCM"), 4, SD1)
    drawn = sample(lambda x, sigma: data.flowed(x, sigma, 0.0), start(plan, noise.initial()), plan, noise)
    assert float(drawn.mean()) == pytest.approx(data.mean, abs=0.015)
    assert float(drawn.std()) == pytest.approx(data.deviation, rel=0.03)


def test_s_noise_scales_fresh_noise_alone():
    def drawn(s_noise):
        noise = SeededNoise([NoiseSeed(3)], (1, 8, 8))
        x = torch.zeros(1, 1, 8, 8)
        plan = plan_of("Euler a", [2.0, 1.0])
        return sample(lambda x, sigma: x, x, plan, noise, SamplerSettings(s_noise=s_noise))

    assert torch.allclose(drawn(1.5), drawn(1.0) * 1.5)


def test_churn_acts_only_between_its_levels():
    settings = SamplerSettings(s_churn=5.0, s_tmin=1.0, s_tmax=4.0)
    asked = []

    def denoise(x, sigma):
        asked.append(sigma)
        return x * 0

    noise = SeededNoise([NoiseSeed(3)], (1, 2, 2))
    sample(denoise, torch.ones(1, 1, 2, 2), plan_of("Euler", [8.0, 4.0, 2.0, 0.5, 0.0]), noise, settings)
    assert asked == pytest.approx([8.0, 4.0 * math.sqrt(2), 2.0 * math.sqrt(2), 0.5])


def test_linear_multistep_integrates_cubic_slopes_exactly():
    levels, following = [3.0, 3.7, 5.1, 6.0], 2.2
    weights = multistep_weights(levels, following)
    for power in range(4):
        exact = (following ** (power + 1) - levels[0] ** (power + 1)) / (power + 1)
        assert sum(w * level**power for w, level in zip(weights, levels, strict=True)) == pytest.approx(exact)


def test_unipc_integrates_cubic_latents_exactly():
    places, h = [-0.7, -1.9, 1.0], 0.8
    weights = unipc_weights(places, h)
    nodes, node_weights = np.polynomial.legendre.leggauss(20)
    u = (nodes + 1) / 2
    for power in range(1, 4):
        exact = float(np.sum(node_weights / 2 * h * np.exp(-h * (1 - u)) * u**power))
        assert sum(w * place**power for w, place in zip(weights, places, strict=True)) == pytest.approx(exact)


@pytest.mark.parametrize("steps", [20, 35, 36, 40, 60])
def test_restart_goes_back_within_its_range_and_keeps_the_number_of_steps(steps):
    taken = restart_steps(noise_levels("karras", steps, SD1))
    jumps = [(a[1], b[0]) for a, b in pairwise(taken) if b[0] > a[1]]
    assert len(taken) == steps
    assert len(jumps) == (2 if steps >= 36 else 1)
    assert all(0.05 < low < 0.2 and 1 < high < 4 for low, high in jumps)
    assert taken[-1][1] == 0


@pytest.mark.parametrize("calls", range(1, 12))
def test_dpm_fast_uses_up_its_calls(calls):
    assert sum(fast_orders(calls)) == calls


def test_every_sampler_that_can_be_named_has_its_routine():
    assert set(ROUTINES) == set(SAMPLERS)

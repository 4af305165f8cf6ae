import math

import numpy as np
import pytest
import torch

from diffusion.sampling.denoiser import Denoiser
from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.noise_schedule import TrainingNoise
from diffusion.sampling.plan import sampler_plan
from tests.diffusion.sampling.toys import BETAS, SD1, GaussianData

SIGMAS = [0.03, 0.7, 14.0]


def no_unet(*_):
    raise AssertionError


@pytest.mark.parametrize("sigma", SIGMAS)
def test_every_kind_of_prediction_of_the_truth_gives_the_clean_latent(sigma):
    clean, noise = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(1)).unbind()
    x = clean + sigma * noise
    share = 1 / math.sqrt(1 + sigma**2)  # of the signal, in the picture of unit variance
    truths = {"epsilon": noise, "v_prediction": share * noise - share * sigma * clean, "sample": clean}
    for prediction, truth in truths.items():
        found = Denoiser(no_unet, SD1, prediction).x0(x, sigma, truth)
        assert float((found - clean).abs().max()) < 1e-5 * max(1, sigma), prediction


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_unet_sees_unit_variance(sigma):
    noise = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    seen = Denoiser(no_unet, SD1).unet_input(noise * math.sqrt(1 + sigma**2), sigma)
    assert torch.allclose(seen, noise, rtol=1e-6)


def test_the_unet_sees_its_own_dtype():
    assert Denoiser(no_unet, SD1, dtype=torch.bfloat16).unet_input(torch.ones(1), 1.0).dtype == torch.bfloat16


def test_clean_latents_are_float32_whatever_the_unet_computes_in():
    x, half = torch.ones(1, 4, 2, 2), torch.ones(1, 4, 2, 2, dtype=torch.bfloat16)
    for prediction in ("epsilon", "v_prediction", "sample"):
        assert Denoiser(no_unet, SD1, prediction).x0(x, 1.0, half).dtype == torch.float32


def test_finding_the_clean_latent_changes_neither_argument():
    x, predicted = torch.ones(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    for prediction in ("epsilon", "v_prediction", "sample"):
        Denoiser(no_unet, SD1, prediction).x0(x, 3.0, predicted)
    assert torch.equal(x, torch.ones_like(x))
    assert torch.equal(predicted, torch.ones_like(predicted))


def test_a_v_model_without_signal_at_the_last_timestep_gives_the_distribution_of_the_data():
    training, data = TrainingNoise.of(np.cumprod(1 - BETAS), zero_terminal=True), GaussianData()

    def unet(latents, timesteps):
        sigma = float(training.at(timesteps.double().numpy())[0])
        root = math.sqrt(1 + sigma**2)
        return (latents - data(latents * root, sigma) * root) / sigma

    def denoise(x, sigma):
        timesteps = torch.tensor([denoiser.timestep(sigma)], dtype=torch.float64)
        return denoiser.x0(x, sigma, unet(denoiser.unet_input(x, sigma), timesteps))

    denoiser = Denoiser(no_unet, training, "v_prediction")
    plan = sampler_plan(resolve("Euler SGM Uniform"), 200, training, full_variance=True)
    noise = SeededNoise([NoiseSeed(3)], (1, 128, 128))
    drawn = sample(denoise, start(plan, noise.initial()), plan, noise)
    assert float(drawn.mean()) == pytest.approx(data.mean, abs=0.015)
    assert float(drawn.std()) == pytest.approx(data.deviation, rel=0.05)


def test_timesteps_are_real_unless_asked_whole():
    between = float(SD1.at([500.4])[0])
    assert Denoiser(no_unet, SD1).timestep(between) == pytest.approx(500.4)
    assert Denoiser(no_unet, SD1, whole_timesteps=True).timestep(between) == 500

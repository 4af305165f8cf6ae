import math

import pytest
import torch

from diffusion.sampling.denoiser import Denoiser
from tests.diffusion.sampling.toys import SD1

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


def test_timesteps_are_real_unless_asked_whole():
    between = float(SD1.at([500.4])[0])
    assert Denoiser(no_unet, SD1).timestep(between) == pytest.approx(500.4)
    assert Denoiser(no_unet, SD1, whole_timesteps=True).timestep(between) == 500

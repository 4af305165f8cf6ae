import pytest
import torch
from diffusers import DDIMScheduler

from core.errors import WeightsError
from diffusion.models.signal import signal_shares

STABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def test_noise_levels_of_stable_diffusion():
    shares = signal_shares(STABLE)
    sigmas = ((1 - shares) / shares).sqrt()
    assert sigmas[[0, -1]].tolist() == pytest.approx([0.0291672, 14.6146], rel=1e-5)


@pytest.mark.parametrize(
    "settings", [STABLE, {**STABLE, "beta_schedule": "linear"}, {}, {"trained_betas": [0.1, 0.2, 0.3]}]
)
def test_same_as_diffusers(settings):
    theirs = DDIMScheduler.from_config(settings).alphas_cumprod.double()
    assert torch.allclose(signal_shares(settings), theirs, atol=1e-6)


def test_nothing_is_left_at_the_last_timestep_where_the_settings_say_so():
    shares = signal_shares({**STABLE, "rescale_betas_zero_snr": True})
    assert 0 < shares[-1] < 1e-7
    assert (shares.diff() < 0).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"beta_schedule": "magic"},
        {"num_train_timesteps": 10**12},
        {"num_train_timesteps": "many"},
        {"beta_start": -1},
        {"beta_end": 7},
        {"beta_end": float("nan")},
        {"trained_betas": [0.1, "x"]},
        {"trained_betas": [0.1, 2.0]},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(WeightsError):
        signal_shares(settings)

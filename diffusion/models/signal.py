"""Signal shares: how much of the picture is left at each training timestep, from a scheduler's settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from core.errors import WeightsError
from diffusion.sampling.noise_schedule import zero_terminal_shares

MOST_TIMESTEPS = 100_000


def signal_shares(settings: Mapping[str, Any]) -> torch.Tensor:
    """`alphas_cumprod` of a diffusers `scheduler_config.json`; float64, T, falling within 0..1.

    Raises:
        WeightsError: for a noise schedule that is not known or makes no sense.
    """
    betas = _betas(settings)
    if betas.ndim != 1 or not 1 < len(betas) <= MOST_TIMESTEPS or not np.all((betas > 0) & (betas < 1)):
        raise WeightsError("the scheduler's betas are not between 0 and 1")
    shares = np.cumprod(1 - betas)
    if settings.get("rescale_betas_zero_snr"):
        shares = zero_terminal_shares(shares)
    return torch.from_numpy(shares)


def _betas(settings: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Noise added at each training timestep; float64, T."""
    try:
        if settings.get("trained_betas"):
            return np.array(settings["trained_betas"], dtype=np.float64)
        steps = int(settings.get("num_train_timesteps", 1000))
        first, last = float(settings.get("beta_start", 0.0001)), float(settings.get("beta_end", 0.02))
    except (TypeError, ValueError) as fault:
        raise WeightsError(f"the scheduler's settings hold no numbers ({fault})") from fault
    if not (1 < steps <= MOST_TIMESTEPS and first > 0 and last > 0):
        raise WeightsError(f"the scheduler's settings: {steps} timesteps, betas from {first:g} to {last:g}")
    schedule = settings.get("beta_schedule", "linear")
    if schedule == "linear":
        return np.linspace(first, last, steps)
    if schedule == "scaled_linear":
        return np.linspace(first**0.5, last**0.5, steps) ** 2
    raise WeightsError(f"the noise schedule {schedule!r}", way_out="Known: linear, scaled_linear")

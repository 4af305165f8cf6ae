"""Errors and orders of convergence of samplers on Gaussian data: `python -m benchmarks.sampler_orders`.

The exact denoiser of Gaussian data and the exact end of the probability flow are known in closed form, so the error
is that of the sampler alone; float64, fresh noise off.
"""

import math

import torch
from torch import Tensor

from diffusion.sampling.loop import sample
from diffusion.sampling.names import SAMPLERS
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.noise_schedule import karras_levels
from diffusion.sampling.plan import SamplerPlan
from diffusion.sampling.run import SamplerSettings

HIGH, LOW = 10.0, 0.1  # noise levels
MEAN, SPREAD = 0.3, 0.5  # of the data
STEPS = (8, 16, 32, 64, 128)
NO_ORDER = ("LCM", "DPM adaptive", "Restart")  # jumps to the data; chooses its own steps; adds noise from 20 steps on


class Gaussian:
    """The exact denoiser."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0."""
        return (SPREAD**2 * x + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Guidance changes nothing."""
        return self(x, sigma), self(x, sigma)


def error(sampler: str, steps: int) -> float:
    """The largest error at the end, over latents from -20 to 20."""
    x = torch.linspace(-20, 20, 41, dtype=torch.float64).view(1, 1, 1, 41)
    levels = tuple(karras_levels(HIGH, LOW, steps + 1).tolist())
    plan = SamplerPlan(SAMPLERS[sampler], levels, steps, 0, levels[0])
    end = sample(Gaussian(), x, plan, SeededNoise([NoiseSeed(0)], (1, 1, 41)), SamplerSettings(eta_ancestral=0.0))
    if SAMPLERS[sampler].own_timesteps:
        end = end * math.sqrt(1 + LOW**2)
    exact = MEAN + (x - MEAN) * math.sqrt((SPREAD**2 + LOW**2) / (SPREAD**2 + HIGH**2))
    return float((end - exact).abs().max())


def main() -> None:
    """Prints a line a sampler: errors by steps, and the mean order from 16 steps on."""
    print("sampler".ljust(20) + "".join(f"{steps:>10}" for steps in STEPS) + "     order")
    for sampler in SAMPLERS:
        if sampler in NO_ORDER:
            continue
        errors = [error(sampler, steps) for steps in STEPS]
        order = math.log2(errors[1] / errors[-1]) / (len(STEPS) - 2)
        print(sampler.ljust(20) + "".join(f"{value:10.1e}" for value in errors) + f"{order:10.2f}")


if __name__ == "__main__":
    main()

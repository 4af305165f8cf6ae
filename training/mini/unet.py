"""Trains the UNet and the text encoder together to predict the velocity of noised latents."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.image import Image
from training.mini.loop import Plan, Training
from training.mini.model import MiniModel, write_weights
from training.mini.run import RunFolder
from training.mini.samples import SHEET_PROMPTS, drawn, sheet

LOW_NOISE, HIGH_NOISE = 150, 500  # of 1000 training steps: below the first, pictures are nearly clean ...
LOW_WEIGHT, HIGH_WEIGHT = 0.3, 1.4  # ... and are drawn less often; above the second, layout and colour are decided


class VelocityTask:
    """UNet and text encoder of a model folder, on their way to better ones."""

    def __init__(self, start: Path, device: str = "cpu") -> None:
        """Args: start: the model folder; device: where it is trained."""
        self.model = MiniModel.load(start, device)

    def networks(self) -> dict[str, nn.Module]:
        """UNet and text encoder."""
        return {"unet": self.model.unet, "text": self.model.text}

    def loss(self, latents: Tensor, captions: list[str], seed: int) -> Tensor:
        """Mean squared error of the predicted velocity; noise and times follow from the seed.

        Source: Salimans, Ho, Progressive distillation for fast sampling of diffusion models (2022), appendix D.
        """
        draw = torch.Generator(latents.device).manual_seed(seed)
        times = spread_times(len(latents), self.model.scheduler.config.num_train_timesteps, draw)
        noise = torch.randn(latents.shape, generator=draw, device=latents.device)
        signal, spread = shares(self.model, times)
        told = self.model.text(self.model.tokens(captions)).last_hidden_state
        given = self.model.unet(signal * latents + spread * noise, times, told).sample
        return functional.mse_loss(given, signal * noise - spread * latents)

    def sheet(self) -> Image:
        """Three pictures of each of the fixed prompts."""
        rows = [drawn(self.model, [prompt] * 3, (1, 2, 3)) for prompt in SHEET_PROMPTS]
        return sheet(rows, SHEET_PROMPTS)


def export(run: Path, start: Path, folder: Path) -> None:
    """Writes a run's averaged weights into a model folder.

    Args:
        run: the run's folder.
        start: the model folder it started from.
        folder: a copy of that model folder, or itself.

    Raises:
        UserError: if nothing was trained there.
    """
    RunFolder(run).refuse_untrained()
    training = Training(VelocityTask, Plan(start, run, run, minutes=1))
    with training.average.swapped():
        write_weights(training.task.model, folder)


def shares(model: MiniModel, times: Tensor) -> tuple[Tensor, Tensor]:
    """Amplitudes of signal and noise at training times, N x 1 x 1 x 1 each."""
    signal = model.scheduler.alphas_cumprod.to(times.device)[times].reshape(-1, 1, 1, 1)
    return signal.sqrt(), (1 - signal).sqrt()


def spread_times(count: int, steps: int, draw: torch.Generator) -> Tensor:
    """Training times 0..steps-1, one in each of `count` equally likely parts of their distribution."""
    weights = torch.ones(steps, device=draw.device)
    weights[: LOW_NOISE * steps // 1000] = LOW_WEIGHT
    weights[HIGH_NOISE * steps // 1000 :] = HIGH_WEIGHT
    chances = torch.rand(count, generator=draw, device=draw.device)
    places = (torch.arange(count, device=draw.device) + chances) / count
    return torch.searchsorted(torch.cumsum(weights / weights.sum(), 0), places).clamp(max=steps - 1)

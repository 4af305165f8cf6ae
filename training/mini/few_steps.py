"""Distils the UNet into one that draws in few steps without guidance, and keeps what changed as a LoRA.

Source: Luo et al., Latent consistency models (2023), algorithm 1, with one fixed guidance scale; the target is the
student itself without gradient, as in Song, Dhariwal, Improved techniques for training consistency models (2023).
"""

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from core.image import Image
from diffusion.models.extracted import extracted_lora, write_lora
from training.mini.loop import Plan, Training
from training.mini.model import MiniModel
from training.mini.samples import SHEET_PROMPTS, drawn_in_few, sheet
from training.mini.unet import shares

GUIDANCE = 4.0  # what the teacher's pictures are drawn with
SOLVER_STEPS = 50  # of the teacher's way from noise to picture
DATA_SPREAD, TIME_SCALE = 0.5, 10.0  # of the boundary condition: how soon the network's answer fades towards time 0
HUBER = 1e-3  # differences below this count squared


class ConsistencyTask:
    """A copy of the UNet that learns where its teacher's path ends."""

    def __init__(self, start: Path) -> None:
        """Args: start: folder of the teacher."""
        self.model = MiniModel.load(start)
        self._teacher = copy.deepcopy(self.model.unet).requires_grad_(False)
        self.model.text.requires_grad_(False)

    def networks(self) -> dict[str, nn.Module]:
        """The UNet alone: the words mean what they meant."""
        return {"unet": self.model.unet}

    def loss(self, latents: Tensor, captions: list[str], seed: int) -> Tensor:
        """Distance between the ends that the student foretells from two neighbouring places of one path."""
        draw = torch.Generator().manual_seed(seed)
        steps = self.model.scheduler.config.num_train_timesteps
        stride = steps // SOLVER_STEPS
        places = (torch.arange(len(latents)) + torch.rand(len(latents), generator=draw)) / len(latents)
        late = (places * SOLVER_STEPS).long() * stride + stride - 1
        early = (late - stride).clamp(min=0)
        noise = torch.randn(latents.shape, generator=draw)
        signal, spread = shares(self.model, late)
        noisy = signal * latents + spread * noise
        with torch.no_grad():
            told = self.model.text(self.model.tokens(captions)).last_hidden_state
            cleaner = self._step(noisy, late, early, told)
            wanted = self._end(cleaner, early, told)
        error = self._end(noisy, late, told) - wanted
        return (torch.sqrt(error**2 + HUBER**2) - HUBER).mean()

    def sheet(self) -> Image:
        """Three pictures of each of the fixed prompts, in four steps."""
        rows = [drawn_in_few(self.model, [prompt] * 3, (1, 2, 3)) for prompt in SHEET_PROMPTS]
        return sheet(rows, SHEET_PROMPTS)

    def _step(self, noisy: Tensor, late: Tensor, early: Tensor, told: Tensor) -> Tensor:
        """One DDIM step of the guided teacher.

        Source: Song et al., Denoising diffusion implicit models (2021), equation 12 with eta 0.
        """
        untold = self.model.text(self.model.tokens([""])).last_hidden_state.expand_as(told)
        both = self._teacher(torch.cat([noisy] * 2), torch.cat([late] * 2), torch.cat([untold, told])).sample
        free, bound = both.chunk(2)
        velocity = free + GUIDANCE * (bound - free)
        signal, spread = shares(self.model, late)
        clean, noise = signal * noisy - spread * velocity, signal * velocity + spread * noisy
        signal, spread = shares(self.model, early)
        return signal * clean + spread * noise

    def _end(self, noisy: Tensor, times: Tensor, told: Tensor) -> Tensor:
        """The clean latents that the student foretells; at time 0 what it is given.

        Source: Luo et al. (2023), equation 9 and its boundary condition.
        """
        velocity = self.model.unet(noisy, times, told).sample
        signal, spread = shares(self.model, times)
        scaled = (TIME_SCALE * times).reshape(-1, 1, 1, 1)
        kept = DATA_SPREAD**2 / (scaled**2 + DATA_SPREAD**2)
        return kept * noisy + (1 - kept).sqrt() * (signal * noisy - spread * velocity)


def export(run: Path, start: Path, file: Path, rank: int) -> None:
    """Writes what a run changed in the UNet as a LoRA with kohya's names.

    Args:
        run: the run's folder.
        start: the model folder it started from.
        file: a .safetensors file.
        rank: of each layer's change; more keeps more of it.
    """
    training = Training(ConsistencyTask, Plan(start, run, run, minutes=1))
    with training.average.swapped():
        tensors = extracted_lora(MiniModel.load(start).unet, training.task.model.unet, rank)
    write_lora(file, tensors, rank=rank, base_model="mini")

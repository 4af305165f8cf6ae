"""Distils guidance into the UNet, so that it draws in few steps and once a step, and keeps what changed as a LoRA.

Source: Meng et al., On distillation of guided diffusion models (2023), section 3.1, with one fixed guidance scale.
"""

import copy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.image import Image
from diffusion.models.extracted import extracted_lora, write_lora
from training.mini.loop import Plan, Training
from training.mini.model import MiniModel
from training.mini.run import RunFolder
from training.mini.samples import FULL, QUICK, SHEET_PROMPTS, drawn, sheet
from training.mini.unet import shares

GUIDANCE = FULL.guidance


class GuidanceTask:
    """A copy of the UNet that learns to say at once what its teacher says with guidance."""

    def __init__(self, start: Path, device: str = "cpu") -> None:
        """Args: start: folder of the teacher; device: where it is trained."""
        self.model = MiniModel.load(start, device)
        self._teacher = copy.deepcopy(self.model.unet).requires_grad_(False)
        self.model.text.requires_grad_(False)

    def networks(self) -> dict[str, nn.Module]:
        """The UNet alone: the words mean what they meant."""
        return {"unet": self.model.unet}

    def loss(self, latents: Tensor, captions: list[str], seed: int) -> Tensor:
        """Mean squared distance between the student's velocity and the teacher's with guidance.

        Times are spread evenly: few steps pass through all of them.
        """
        draw, count = torch.Generator(latents.device).manual_seed(seed), len(latents)
        steps = self.model.scheduler.config.num_train_timesteps
        chances = torch.rand(count, generator=draw, device=latents.device)
        places = (torch.arange(count, device=latents.device) + chances) / count
        times = (places * steps).long()
        signal, spread = shares(self.model, times)
        noisy = signal * latents + spread * torch.randn(latents.shape, generator=draw, device=latents.device)
        with torch.no_grad():
            told = self.model.text(self.model.tokens(captions)).last_hidden_state
            wanted = self._guided(noisy, times, told)
        return functional.mse_loss(self.model.unet(noisy, times, told).sample, wanted)

    def sheet(self) -> Image:
        """Three pictures of each of the fixed prompts."""
        rows = [drawn(self.model, [prompt] * 3, (1, 2, 3), manner=QUICK) for prompt in SHEET_PROMPTS]
        return sheet(rows, SHEET_PROMPTS)

    def _guided(self, noisy: Tensor, times: Tensor, told: Tensor) -> Tensor:
        """The teacher's velocity with guidance.

        Source: Ho, Salimans, Classifier-free diffusion guidance (2021), equation 6.
        """
        untold = self.model.text(self.model.tokens([""])).last_hidden_state.expand_as(told)
        both = self._teacher(torch.cat([noisy] * 2), torch.cat([times] * 2), torch.cat([untold, told])).sample
        free, bound = both.chunk(2)
        return free + GUIDANCE * (bound - free)


def export(run: Path, start: Path, file: Path, rank: int) -> None:
    """Writes what a run changed in the UNet as a LoRA with kohya's names.

    Args:
        run: the run's folder.
        start: the model folder it started from.
        file: a .safetensors file.
        rank: of each layer's change; more keeps more of it.

    Raises:
        UserError: if nothing was trained there.
    """
    RunFolder(run).refuse_untrained()
    training = Training(GuidanceTask, Plan(start, run, run, minutes=1))
    with training.average.swapped():
        tensors = extracted_lora(MiniModel.load(start).unet, training.task.model.unet, rank)
    write_lora(file, tensors, rank=rank, base_model="mini")

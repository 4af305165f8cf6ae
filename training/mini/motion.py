"""Trains a motion module of the embedded model on moving scenes; the UNet around it stays as it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import MotionAdapter, UNetMotionModel
from torch import Tensor, nn

from core.image import Image, Size
from core.seeds import derive
from training.mini.clips import FRAMES, ClipPlan, read
from training.mini.loop import Plan, Training
from training.mini.model import MiniModel
from training.mini.run import RunFolder, in_half
from training.mini.samples import NATIVE, decoded, sheet, write_sheet
from training.mini.unet import spread_times
from training.painter.briefs import FAMILIAR

LEAST_SHARED, MOST_SHARED = 0.3, 0.95  # of the noise's variance that all frames of a clip have in common
DRAWN_NOISE = 0.6  # the same share when clips are drawn: a little steadier than in training
DRAWN_STEADY = 0.75  # share of the steps in which drawn frames are averaged with their neighbours, likewise
CHANGE_WEIGHT = 2.0  # of the error in what changes from frame to frame, which is the module's part of the work
HELD_OUT = 4  # clips
SHEET_PROMPTS = ("clouds at day", "ocean at sunset", "abstract waves, teal", "a spiral galaxy, blue")
FACTS = "motion.json"  # beside the module: what sampling must know of its training


@dataclass(frozen=True, slots=True)
class MotionPlan:
    """Settings of a run."""

    start: Path  # model folder whose UNet is set in motion
    data: Path  # painted clips are kept here
    run: Path  # checkpoint, log and the finished module
    minutes: float  # whole budget, over all resumptions
    clips: int = 486
    batch: int = 1  # clips of one step
    peak: float = 6e-4  # learning rate
    seed: int = 1
    size: Size = NATIVE
    device: str = "cpu"
    layouts: int = FAMILIAR  # compositions of each subject
    sheets: bool = True  # one after each tenth of the budget


class MotionTask:
    """The motion module of a model folder, its last layers zero at the start: it begins as no motion at all."""

    def __init__(self, start: Path, device: str = "cpu") -> None:
        """Args: start: the model folder; device: where it is trained."""
        self.model = MiniModel.load(start, device)
        channels = tuple(self.model.unet.config.block_out_channels)
        self._adapter = MotionAdapter(
            block_out_channels=channels,
            motion_layers_per_block=self.model.unet.config.layers_per_block,
            motion_norm_num_groups=self.model.unet.config.norm_num_groups,
            motion_num_attention_heads=8,
            motion_max_seq_length=FRAMES,
        )
        for name, values in self._adapter.named_parameters():
            if "proj_out" in name:
                nn.init.zeros_(values)
        self.moving = UNetMotionModel.from_unet2d(self.model.unet, self._adapter).to(device)
        self.moving.requires_grad_(False)
        self.model.text.requires_grad_(False)

    def networks(self) -> Mapping[str, nn.Module]:
        """The module's parts."""
        blocks = [*self.moving.down_blocks, self.moving.mid_block, *self.moving.up_blocks]
        return {"motion": nn.ModuleList(block.motion_modules for block in blocks)}

    def loss(self, latents: Tensor, captions: list[str], seed: int) -> Tensor:
        """Error of the predicted velocity, and of its change from frame to frame; all draws follow from the seed.

        Args:
            latents: float32, N x FRAMES x C x h x w.
            captions: one a clip.
            seed: of noise and times.
        """
        draw = torch.Generator(latents.device).manual_seed(seed)
        times = spread_times(len(latents), self.model.scheduler.config.num_train_timesteps, draw)
        chance = torch.rand((len(latents), 1, 1, 1, 1), generator=draw, device=draw.device)
        noise = mixed_noise(latents.shape, draw, LEAST_SHARED + (MOST_SHARED - LEAST_SHARED) * chance)
        signal = self.model.scheduler.alphas_cumprod.to(times.device)[times].reshape(-1, 1, 1, 1, 1)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        told = self.model.text(self.model.tokens(captions)).last_hidden_state
        told = told.repeat_interleave(latents.shape[1], dim=0)
        given = self.moving(noisy.transpose(1, 2), times, told).sample.transpose(1, 2)
        error = given - (signal.sqrt() * noise - (1 - signal).sqrt() * latents)
        return error.square().mean() + CHANGE_WEIGHT * (error - error.mean(1, keepdim=True)).square().mean()

    def sheet(self) -> Image:
        """Every fifth frame of a clip of each of the fixed prompts."""
        rows = [drawn(self, prompt, seed=1)[::5] for prompt in SHEET_PROMPTS]
        return sheet(rows, SHEET_PROMPTS)

    def write(self, folder: Path) -> None:
        """The module as diffusers keeps it, float16, with what sampling must know of it."""
        kept = {name: values for name, values in self.moving.state_dict().items() if "motion_modules" in name}
        self._adapter.load_state_dict(in_half(kept))
        self._adapter.half().save_pretrained(folder)
        self._adapter.float()
        facts = {"betas": "own", "window": FRAMES, "shared_noise": DRAWN_NOISE, "steady": DRAWN_STEADY}
        (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def mixed_noise(shape: torch.Size, draw: torch.Generator, share: float | Tensor = DRAWN_NOISE) -> Tensor:
    """Normal noise N x frames x ... of which all frames of a clip have a share of the variance in common.

    Source: Ge et al., Preserve your own correlation: a noise prior for video diffusion models (2023), mixed noise.
    """
    common = torch.randn((shape[0], 1, *shape[2:]), generator=draw, device=draw.device)
    own = torch.randn(shape, generator=draw, device=draw.device)
    return share**0.5 * common + (1 - share) ** 0.5 * own


def train(plan: MotionPlan) -> Path:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Returns:
        The folder of the module.
    """
    painted = ClipPlan(plan.start, plan.data, plan.clips, plan.size, plan.layouts)
    held_out = read(ClipPlan(plan.start, plan.data / "held-out", HELD_OUT, plan.size), plan.device)
    found, folder = read(painted, plan.device), RunFolder(plan.run)
    own = Plan(plan.start, plan.data, plan.run, plan.minutes, 1, plan.batch, plan.peak, device=plan.device)
    training = Training(MotionTask, own)
    task = training.task
    while not training.clock.is_up():
        seed = derive(plan.seed, "batch", training.step)
        error = task.loss(*found.batch(plan.batch, np.random.default_rng(seed)), seed)
        training.advance(error)
        training.average.update(training.step)
        if training.clock.is_time_to_save():
            training.save()
            with training.average.swapped(), torch.inference_mode():
                apart = task.loss(held_out.latents.float(), [texts[0] for texts in held_out.captions], seed=0)
                folder.log(f"motion step {training.step} loss {error.item():.4f} held out {apart.item():.4f}")
                task.write(plan.run / "motion")
                drawn_at = plan.run / f"sheet-{int(10 * training.clock.progress()):02d}.png"
                if plan.sheets and not drawn_at.exists():
                    write_sheet(drawn_at, task.sheet())
    return plan.run / "motion"


@torch.inference_mode()
def drawn(task: MotionTask, prompt: str, seed: int, *, steps: int = 12, guidance: float = 4.0) -> list[Image]:
    """The frames of one clip, from noise."""
    side = task.model.unet.config.sample_size
    shape = torch.Size((1, FRAMES, task.model.unet.config.in_channels, side, side))
    latents = mixed_noise(shape, torch.Generator().manual_seed(seed)).transpose(1, 2).to(task.model.device)
    told = task.model.text(task.model.tokens(["", prompt])).last_hidden_state.repeat_interleave(FRAMES, dim=0)
    task.model.scheduler.set_timesteps(steps)
    for step in task.model.scheduler.timesteps:
        free, bound = task.moving(torch.cat([latents, latents]), step, told).sample.chunk(2)
        latents = task.model.scheduler.step(free + guidance * (bound - free), step, latents).prev_sample
    return decoded(task.model, latents[0].transpose(0, 1))

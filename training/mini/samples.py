"""Pictures drawn by the model in training: for sample sheets and gates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from core.image import Image, Size, to_image
from training.mini.model import MiniModel

NATIVE = Size(256, 256)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a picture is drawn."""

    steps: int = 14
    guidance: float = 4.0  # 1: none, at half the cost


FULL = Manner()
QUICK = Manner(steps=4, guidance=1.0)  # of a model that was distilled for it
SHEET_PROMPTS = (
    "mountains at sunset",
    "ocean at night with moon",
    "desert dunes at sunrise, sun",
    "green forest at day",
    "city skyline at night",
    "a spiral galaxy, blue",
    "a pink flower",
    "clouds at day",
    "abstract waves, teal",
    "red mountains at day",
    "purple ocean at sunset",
    "orange city at sunrise",
)


@torch.inference_mode()
def drawn(
    model: MiniModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    size: Size = NATIVE,
    manner: Manner = FULL,
) -> list[Image]:
    """One picture a prompt, from noise."""
    noise = _noise(model, seeds, size)
    model.scheduler.set_timesteps(manner.steps)
    noise = noise * model.scheduler.init_noise_sigma
    return decoded(model, _denoised(model, noise, prompts, manner.guidance, skipped=0))


@torch.inference_mode()
def redrawn(
    model: MiniModel,
    images: Sequence[Image],
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    strength: float,
    manner: Manner = FULL,
) -> list[Image]:
    """Each picture drawn anew from itself with noise; strength 0..1 is the share of the steps that is done."""
    latents = encoded(model.autoencoder, images)
    noise = _noise(model, seeds, Size.of(images[0]))
    model.scheduler.set_timesteps(manner.steps)
    skipped = manner.steps - max(1, round(manner.steps * strength))
    start = model.scheduler.timesteps[skipped : skipped + 1].repeat(len(images))
    model.scheduler.set_begin_index(skipped)
    noisy = model.scheduler.add_noise(latents, noise, start)
    return decoded(model, _denoised(model, noisy, prompts, manner.guidance, skipped=skipped))


@torch.inference_mode()
def encoded(autoencoder: Any, images: Sequence[Image]) -> Tensor:
    """Latents N x C x h x w of uint8 pictures of one size."""
    parts = [as_tensor(images[k : k + 8]).to(autoencoder.device) for k in range(0, len(images), 8)]
    return torch.cat([autoencoder.encode(part).latents for part in parts])


def as_tensor(images: Sequence[Image]) -> Tensor:
    """uint8 pictures of one size as float N x 3 x H x W in -1..1."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1


def _noise(model: MiniModel, seeds: Sequence[int], size: Size) -> Tensor:
    """The noise that pictures of a size start from, each from its own seed."""
    factor = 2 ** (len(model.autoencoder.config.block_out_channels) - 1)
    cells = (model.autoencoder.config.latent_channels, size.height // factor, size.width // factor)
    noise = [torch.randn(cells, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(noise).to(model.device)


def _denoised(model: MiniModel, latents: Tensor, prompts: Sequence[str], guidance: float, *, skipped: int) -> Tensor:
    """The scheduler's steps from `skipped` on, with classifier-free guidance."""
    told = model.text(model.tokens(prompts)).last_hidden_state
    untold = model.text(model.tokens([""] * len(prompts))).last_hidden_state
    model.scheduler.set_begin_index(skipped)
    for step in model.scheduler.timesteps[skipped:]:
        velocity = model.unet(latents, step, told).sample
        if guidance != 1:
            free = model.unet(latents, step, untold).sample
            velocity = free + guidance * (velocity - free)
        latents = model.scheduler.step(velocity, step, latents).prev_sample
    return latents


def decoded(model: MiniModel, latents: Tensor) -> list[Image]:
    """Latents as uint8 pictures."""
    pictures = torch.cat([model.autoencoder.decode(part).sample for part in torch.split(latents, 8)]).cpu()
    return [to_image(np.clip(picture.permute(1, 2, 0).numpy() / 2 + 0.5, 0, 1)) for picture in pictures]


def sheet(rows: Sequence[Sequence[Image]], titles: Sequence[str]) -> Image:
    """Rows of pictures of one size, each under its title."""
    strips = []
    for row, title in zip(rows, titles, strict=True):
        pictures = np.hstack(list(row))
        label = np.full((16, pictures.shape[1], 3), 255, np.uint8)
        cv2.putText(label, title, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        strips += [label, pictures]
    return np.vstack(strips)


def write_sheet(path: Path, image: Image) -> None:
    """The sheet as a picture file; the ending of the name chooses the format."""
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

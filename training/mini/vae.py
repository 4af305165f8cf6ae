"""Trains the autoencoder on crops of painted scenes, from a model folder's weights or from the PCA of patches."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from core.image import Image
from core.seeds import derive
from training.mini.crew import shared_out
from training.mini.data import DataPlan, painted
from training.mini.model import load_autoencoder
from training.mini.run import Average, Clock, RunFolder, in_half, rate
from training.mini.samples import as_tensor
from training.painter.briefs import LAYOUTS

CROP = 128  # pixels
ENCODER_PARTS = ("linear_encoder", "fine_encoder", "coarse_encoder")
HELD_OUT = 18  # pictures of the validation set


@dataclass(frozen=True, slots=True)
class VaePlan:
    """Settings of a run."""

    start: Path  # model folder
    run: Path  # checkpoint, log and finished weights
    minutes: float  # whole budget, over all resumptions
    pictures: int = 900  # painted once, then cropped
    batch: int = 8
    peak: float = 6e-4  # learning rate
    seed: int = 1
    decoder_only: bool = True  # keeps the latents, so that a trained UNet stays right
    from_pca: bool = False  # sets the linear part to the PCA of patches first; makes new latents
    device: str = "cpu"
    processes: int = 1  # that paint


def train(plan: VaePlan) -> Path:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Returns:
        The weights file, float16, in the run's folder.
    """
    network, folder = load_autoencoder(plan.start).train(), RunFolder(plan.run)
    scenes = DataPlan(plan.start, plan.run, layouts=LAYOUTS)
    numbers = [*range(plan.pictures), *range(2**30, 2**30 + HELD_OUT)]
    images = list(shared_out(partial(_painted, scenes), numbers, plan.processes))
    images, held_out = images[: plan.pictures], images[plan.pictures :]
    if plan.from_pca and folder.load() is None:
        set_to_pca(network, images)
    network.to(plan.device)
    trained = [
        values.requires_grad_(not (plan.decoder_only and name.startswith(ENCODER_PARTS)))
        for name, values in network.named_parameters()
    ]
    trained = [values for values in trained if values.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=plan.peak, weight_decay=0.0)
    average, step, clock = Average(trained), 0, Clock(plan.minutes)
    if (kept := folder.load()) is not None:
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average.restore(kept["average"])
        step, clock = kept["step"], Clock(plan.minutes, kept["seconds"])
    while not clock.is_up():
        for group in optimizer.param_groups:
            group["lr"] = rate(clock.progress(), plan.peak)
        pictures = crops(images, plan.batch, np.random.default_rng(derive(plan.seed, "crops", step))).to(plan.device)
        error = loss(network.decode(network.encode(pictures).latents).sample, pictures)
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        average.update(step)
        if clock.is_time_to_save():
            with average.swapped():
                folder.log(f"vae step {step} loss {error.item():.4f} held out {decibels(network, held_out):.2f} dB")
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average.values}
            folder.save({**state, "step": step, "seconds": clock.seconds()})
    with average.swapped():
        save_file(in_half(network.state_dict()), plan.run / "vae.safetensors", metadata={"format": "pt"})
    return plan.run / "vae.safetensors"


def _painted(scenes: DataPlan, number: int) -> Image:
    return painted(number, scenes).image


def loss(given: Tensor, wanted: Tensor) -> Tensor:
    """Absolute error, that of the slopes, which keeps edges sharp, and squared error."""
    error = given - wanted
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * slopes + 2 * functional.mse_loss(given, wanted)


def crops(images: list[Image], count: int, draw: np.random.Generator) -> Tensor:
    """Random crops, mirrored half of the time, float N x 3 x CROP x CROP in -1..1."""
    found = []
    for index in draw.integers(0, len(images), count):
        top, left = (int(draw.integers(0, side - CROP + 1)) for side in images[index].shape[:2])
        crop = images[index][top : top + CROP, left : left + CROP]
        found.append(crop[:, ::-1] if draw.random() < 0.5 else crop)
    return as_tensor(found)


@torch.inference_mode()
def decibels(network: Any, images: list[Image]) -> float:
    """Mean peak signal-to-noise ratio of pictures sent through the autoencoder."""
    ratios = []
    for image in images:
        picture = as_tensor([image]).to(network.device)
        back = network.decode(network.encode(picture).latents).sample.clamp(-1, 1)
        ratios.append(10 * np.log10(4 / float(functional.mse_loss(back, picture))))
    return float(np.mean(ratios))


@torch.no_grad()
def set_to_pca(network: Any, images: list[Image]) -> None:
    """Sets the linear part to the principal components of the images' patches, each with unit variance.

    With the residual convolutions at zero, the autoencoder is then the best linear one there is.
    """
    channels, _, factor, _ = network.linear_encoder.weight.shape
    patches = functional.unfold(as_tensor(images[:128]), factor, stride=factor).transpose(1, 2).flatten(0, 1)
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    spread = values[-channels:].flip(0).sqrt()[:, None]
    basis = vectors[:, -channels:].T.flip(0)
    network.linear_encoder.weight.copy_((basis / spread).reshape(channels, 3, factor, factor))
    network.linear_encoder.bias.copy_(-(basis / spread) @ mean)
    network.linear_decoder.weight.copy_((basis * spread).reshape(channels, 3, factor, factor))
    network.linear_decoder.bias.zero_()
    network.mean_patch.copy_(mean.reshape(3, factor, factor))

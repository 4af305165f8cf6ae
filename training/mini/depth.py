"""Trains the mini depth model on painted scenes, part of them spoilt the way a feedback loop spoils pictures."""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from core.image import Image, Size, to_float, to_image
from core.seeds import derive
from motion.depth._network import FARTHEST, DepthNetwork
from motion.depth.mini import SHORT_SIDE, WEIGHTS
from training.mini.run import Average, Clock, RunFolder, in_half, rate
from training.painter.briefs import LAYOUTS, SUBJECTS, brief
from training.painter.compose import scene
from training.painter.theatre import Shot, view


@dataclass(frozen=True, slots=True)
class DepthPlan:
    """Settings of a depth run."""

    run: Path  # checkpoints and log
    minutes: float  # whole budget, over all resumptions
    pictures: int = 1800  # painted once, then varied
    batch: int = 8
    peak: float = 2e-3  # learning rate
    seed: int = 1
    side: int = SHORT_SIDE  # pixels


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and its true depth."""

    image: Image
    depth: np.ndarray  # float32, H x W, log depth over log FARTHEST: 0 near, 1 sky


def examples(seed: int, first: int, count: int, side: int) -> list[Example]:
    """Square painted scenes seen from cameras moved a little."""
    return [
        _example(derive(seed, "depth", number), SUBJECTS[number % len(SUBJECTS)], side)
        for number in range(first, first + count)
    ]


def _example(seed: int, subject: str, side: int) -> Example:
    draw = np.random.default_rng(seed)
    shot = Shot(draw.uniform(-0.15, 0.15), draw.uniform(-0.04, 0.04), draw.uniform(0, 0.2), draw.uniform(0, 10))
    seen = view(scene(brief(seed, subject, LAYOUTS)), Size(side, side), shot)
    return Example(seen.image, as_share(seen.depth))


def as_share(depth: np.ndarray) -> np.ndarray:
    """Distances as what the network gives: 0 at 1 and nearer, 1 at FARTHEST."""
    return np.asarray(np.log(np.clip(depth, 1, FARTHEST)) / np.float32(math.log(FARTHEST)), np.float32)


def spoilt(image: Image, draw: np.random.Generator) -> Image:
    """The picture as a loop of warps and weak models might hand it on: blurred, noisy, blotched, off in colour."""
    picture = to_float(image)
    if draw.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.4, 2.2))
    if draw.random() < 0.4:
        cells = draw.normal(0, draw.uniform(0.02, 0.1), (16, 16, 3)).astype(np.float32)
        picture = picture + cv2.resize(cells, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    if draw.random() < 0.4:
        picture = picture + draw.normal(0, draw.uniform(0.01, 0.06), picture.shape).astype(np.float32)
    gain = draw.uniform(0.75, 1.25) * draw.uniform(0.92, 1.08, 3)
    return to_image(np.clip((picture - 0.5) * draw.uniform(0.8, 1.2) + 0.5, 0, 1) * gain.astype(np.float32))


def loss(given: Tensor, wanted: Tensor) -> Tensor:
    """Mean error of the log depth plus that of its slopes, which keeps edges where they are."""
    error = given - wanted
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * slopes


def train(plan: DepthPlan) -> Path:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Returns:
        The weights file, float16, in the run's folder.
    """
    torch.manual_seed(plan.seed)
    network, folder = DepthNetwork(), RunFolder(plan.run)
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=plan.peak, weight_decay=0.01)
    average, step, clock = Average(parameters, 0.995), 0, Clock(plan.minutes)
    if (kept := folder.load()) is not None:
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average.restore(kept["average"])
        step, clock = kept["step"], Clock(plan.minutes, kept["seconds"])
    painted = examples(plan.seed, 0, plan.pictures, plan.side)
    while not clock.is_up():
        for group in optimizer.param_groups:
            group["lr"] = rate(clock.progress(), plan.peak)
        pictures, wanted = _batch(painted, plan, step)
        error = loss(network(pictures), wanted)
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        average.update(step)
        if clock.is_time_to_save():
            folder.log(f"depth step {step} loss {error.item():.4f}")
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average.values}
            folder.save({**state, "step": step, "seconds": clock.seconds()})
    with average.swapped():
        save_file(in_half(network.state_dict()), plan.run / WEIGHTS)
    return plan.run / WEIGHTS


def _batch(painted: list[Example], plan: DepthPlan, step: int) -> tuple[Tensor, Tensor]:
    """Pictures N x 3 x H x W in 0..1 and their depth N x 1 x H/2 x W/2; each step its own draw."""
    draw = np.random.default_rng(derive(plan.seed, "batch", step))
    images, depths = [], []
    for index in draw.integers(0, len(painted), plan.batch):
        image, depth = painted[index].image, painted[index].depth
        if draw.random() < 0.5:
            image, depth = image[:, ::-1], depth[:, ::-1]
        images.append(to_float(spoilt(image, draw) if draw.random() < 0.6 else image))
        depths.append(depth.copy())
    pictures = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    return pictures, functional.avg_pool2d(torch.from_numpy(np.stack(depths))[:, None], 2)

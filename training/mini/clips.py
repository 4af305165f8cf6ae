"""Moving scenes as latents with captions, cached on disk once: what the motion module is trained on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.image import Image, Size
from core.seeds import derive
from training.mini.crew import shared_out
from training.mini.model import load_autoencoder
from training.mini.samples import NATIVE, encoded
from training.painter.briefs import FAMILIAR, SUBJECTS, Brief, brief
from training.painter.captions import caption
from training.painter.compose import scene
from training.painter.theatre import Shot, view

FRAMES = 16  # of a clip: what the motion module sees at once
SHARD = 9  # clips of one file, one of each subject
CAPTIONS = 4  # of each clip
SECONDS = (0.5, 1.0)  # of the scene's time from frame to frame, so that slow drift is seen
STILL = 0.15  # share of the clips whose camera rests
# Where the camera goes from frame to frame: to the right, down, forward. It follows from the subject, so that the
# module can know it from what it sees; what lies near moves the way clouds drift.
MOVES: dict[str, tuple[float, float, float]] = {
    "mountains": (-0.08, 0.0, 0.0),
    "ocean": (-0.03, 0.0, 0.0),
    "desert": (-0.05, 0.0, 0.0),
    "forest": (0.0, 0.0, 0.02),
    "city": (-0.08, 0.0, 0.0),
    "galaxy": (-0.05, 0.0, 0.0),
    "clouds": (0.0, 0.0, 0.0),
    "flower": (0.0, 0.0, 0.015),
    "waves": (0.0, 0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """Settings of a cache of clips."""

    model: Path  # folder whose autoencoder makes the latents
    folder: Path  # where the shards go
    clips: int = 486
    size: Size = NATIVE
    layouts: int = FAMILIAR  # compositions of each subject; fewer are learned sooner


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips of one size in memory."""

    latents: Tensor  # float16, N x FRAMES x C x h x w
    captions: tuple[tuple[str, ...], ...]  # of each clip

    def batch(self, size: int, draw: np.random.Generator) -> tuple[Tensor, list[str]]:
        """Random clips, float32, and one caption each."""
        chosen = draw.integers(0, len(self.captions), size)
        texts = [self.captions[index] for index in chosen]
        return self.latents[torch.from_numpy(chosen)].float(), [text[int(draw.integers(len(text)))] for text in texts]


def shots(asked: Brief, seed: int) -> tuple[Shot, ...]:
    """Where the camera stands at each frame of a clip, and when."""
    draw = np.random.default_rng(derive(seed, "camera"))
    start, seconds = draw.uniform(0, 4), draw.uniform(*SECONDS)
    speed = 0.0 if draw.random() < STILL else draw.uniform(0.5, 1.0)
    right, down, forward = (speed * step for step in MOVES[asked.subject])
    return tuple(Shot(right * index, down * index, forward * index, start + seconds * index) for index in range(FRAMES))


def painted(seed: int, plan: ClipPlan) -> tuple[list[Image], tuple[str, ...]]:
    """A clip and its captions: subjects take turns."""
    asked = brief(seed, SUBJECTS[seed % len(SUBJECTS)], plan.layouts)
    stage, draw = scene(asked), np.random.default_rng(derive(seed, "captions"))
    images = [view(stage, plan.size, shot).image for shot in shots(asked, seed)]
    return images, tuple(caption(asked, draw) for _ in range(CAPTIONS))


def shards(plan: ClipPlan, processes: int = 1) -> Iterator[Path]:
    """Paints and encodes shard after shard; those that hold all their clips are left as they are.

    Yields:
        The file of each shard.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    yield from shared_out(partial(_shard, plan), range(0, plan.clips, SHARD), processes)


def _shard(plan: ClipPlan, first: int) -> Path:
    file, count = plan.folder / f"clips-{first:05d}.npz", min(SHARD, plan.clips - first)
    if not file.exists() or _held(file) < count:  # of a cache for which fewer clips were asked
        autoencoder = load_autoencoder(plan.model)
        found = [painted(seed, plan) for seed in range(first, first + count)]
        latents = torch.stack([encoded(autoencoder, images) for images, _ in found])
        unfinished = file.with_suffix(".unfinished.npz")
        texts = json.dumps([captions for _, captions in found])
        np.savez(unfinished, latents=latents.half().numpy(), captions=np.array(texts))
        unfinished.replace(file)
    return file


def read(plan: ClipPlan, device: str = "cpu") -> Clips:
    """All clips of a plan, painted where they do not exist yet."""
    latents, captions = [], []
    for file in shards(plan):
        with np.load(file) as kept:
            latents.append(torch.from_numpy(kept["latents"]))
            captions += [tuple(texts) for texts in json.loads(str(kept["captions"]))]
    return Clips(torch.cat(latents)[: plan.clips].to(device), tuple(captions[: plan.clips]))


def _held(file: Path) -> int:
    """How many clips a shard holds."""
    with np.load(file) as kept:
        return len(json.loads(str(kept["captions"])))

"""Painted scenes as latents with captions, cached on disk once: what the UNet is trained on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.image import Image, Size
from core.seeds import derive
from training.mini.model import MiniModel, load_autoencoder
from training.mini.samples import NATIVE, as_tensor
from training.painter.briefs import SUBJECTS, Brief, brief
from training.painter.captions import caption
from training.painter.compose import scene
from training.painter.theatre import Shot, view

CAPTIONS = 4  # of each picture
SHARD = 256  # pictures of one file


@dataclass(frozen=True, slots=True)
class DataPlan:
    """Settings of a cache of latents."""

    model: Path  # folder whose autoencoder makes the latents
    folder: Path  # where the shards go
    first: int = 0  # number of the first shard; its pictures' seeds follow from it
    count: int = 8  # shards
    layouts: int = 3  # compositions of each subject; fewer are learned sooner
    size: Size = NATIVE


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture and what it shows."""

    brief: Brief
    image: Image
    captions: tuple[str, ...]


def painted(seed: int, plan: DataPlan) -> Painted:
    """One picture: subjects take turns, the camera stands a little off its home."""
    draw = np.random.default_rng(derive(seed, "shot"))
    asked = brief(seed, SUBJECTS[seed % len(SUBJECTS)], plan.layouts)
    shot = Shot(draw.uniform(-0.03, 0.03), draw.uniform(-0.01, 0.01), draw.uniform(0, 0.05), draw.uniform(0, 4))
    image = view(scene(asked), plan.size, shot).image
    return Painted(asked, image, tuple(caption(asked, draw) for _ in range(CAPTIONS)))


@torch.inference_mode()
def cache(plan: DataPlan, pictures: int = SHARD) -> Iterator[Path]:
    """Paints and encodes shard after shard; those that exist are left as they are.

    Yields:
        The file of each shard.
    """
    autoencoder = load_autoencoder(plan.model)
    plan.folder.mkdir(parents=True, exist_ok=True)
    for number in range(plan.first, plan.first + plan.count):
        file = plan.folder / f"{number:04d}.npy"
        if not file.exists():
            found = [painted(number * pictures + index, plan) for index in range(pictures)]
            parts = [as_tensor([one.image for one in found[k : k + 8]]) for k in range(0, pictures, 8)]
            latents = torch.cat([autoencoder.encode(part).latents for part in parts])
            file.with_suffix(".json").write_text(json.dumps([one.captions for one in found]), encoding="utf-8")
            unfinished = file.with_suffix(".unfinished.npy")
            np.save(unfinished, latents.half().numpy())
            unfinished.replace(file)
        yield file


@dataclass(frozen=True, slots=True)
class Latents:
    """A cache in memory."""

    latents: Tensor  # float16, N x C x h x w
    captions: tuple[tuple[str, ...], ...]  # of each picture

    @classmethod
    def read(cls, folder: Path) -> "Latents":
        """All finished shards of a folder."""
        files = sorted(file for file in folder.glob("*.npy") if "unfinished" not in file.name)
        parts = [torch.from_numpy(np.load(file)) for file in files]
        texts = [json.loads(file.with_suffix(".json").read_text(encoding="utf-8")) for file in files]
        return cls(torch.cat(parts), tuple(tuple(captions) for text in texts for captions in text))

    def batch(self, size: int, draw: np.random.Generator) -> tuple[Tensor, list[str]]:
        """A random batch: float32 latents and one caption each."""
        chosen = draw.integers(0, len(self.captions), size)
        texts = [self.captions[index] for index in chosen]
        return self.latents[torch.from_numpy(chosen)].float(), [text[int(draw.integers(len(text)))] for text in texts]


def validation(model: MiniModel, plan: DataPlan, count: int) -> Latents:
    """Pictures whose seeds no shard has, with one caption each."""
    found = [painted(2**30 + index, plan) for index in range(count)]
    with torch.inference_mode():
        latents = model.autoencoder.encode(as_tensor([one.image for one in found])).latents
    return Latents(latents.half(), tuple(one.captions[:1] for one in found))

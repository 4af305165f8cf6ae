"""Painted scenes as latents with captions, cached on disk once: what the UNet is trained on."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.image import Image, Size
from core.seeds import derive
from training.mini.crew import shared_out
from training.mini.model import MiniModel, load_autoencoder
from training.mini.samples import NATIVE, encoded
from training.painter.briefs import FAMILIAR, SUBJECTS, Brief, brief
from training.painter.captions import caption
from training.painter.compose import scene
from training.painter.theatre import Shot, view

CAPTIONS = 4  # of each picture
SHARD = 256  # pictures of one file, fewer where they are larger
SIZES = (*(NATIVE,) * 9, Size(384, 256), Size(256, 384), Size(512, 512))  # of the pictures of one shard after the other
STYLED = 0.3  # share of the pictures that are in a style


@dataclass(frozen=True, slots=True)
class DataPlan:
    """Settings of a cache of latents."""

    model: Path  # folder whose autoencoder makes the latents
    folder: Path  # where the shards go
    first: int = 0  # number of the first shard; its pictures' seeds follow from it
    count: int = 8  # shards
    layouts: int = FAMILIAR  # compositions of each subject; fewer are learned sooner
    styles: float = STYLED  # share of the pictures that are in a style
    sizes: tuple[Size, ...] = SIZES  # of the pictures of one shard after the other; the first is the native one


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture and what it shows."""

    brief: Brief
    image: Image
    captions: tuple[str, ...]


def painted(seed: int, plan: DataPlan, size: Size | None = None) -> Painted:
    """One picture, of the native size by default: subjects take turns, the camera stands a little off its home."""
    draw = np.random.default_rng(derive(seed, "shot"))
    asked = brief(seed, SUBJECTS[seed % len(SUBJECTS)], plan.layouts, plan.styles)
    shot = Shot(draw.uniform(-0.03, 0.03), draw.uniform(-0.01, 0.01), draw.uniform(0, 0.05), draw.uniform(0, 4))
    image = view(scene(asked), size or plan.sizes[0], shot).image
    return Painted(asked, image, tuple(caption(asked, draw) for _ in range(CAPTIONS)))


def shards(plan: DataPlan, pictures: int = SHARD, processes: int = 1) -> Iterator[Path]:
    """Paints and encodes shard after shard; those that exist are left as they are.

    Yields:
        The file of each shard.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    numbers = range(plan.first, plan.first + plan.count)
    yield from shared_out(partial(_shard, plan, pictures), numbers, processes)


def _shard(plan: DataPlan, pictures: int, number: int) -> Path:
    file = plan.folder / f"{number:04d}.npy"
    if not file.exists():
        size = plan.sizes[number % len(plan.sizes)]
        count = pictures * plan.sizes[0].width * plan.sizes[0].height // (size.width * size.height)
        autoencoder = load_autoencoder(plan.model)
        found = [painted(number * pictures + index, plan, size) for index in range(count)]
        latents = encoded(autoencoder, [one.image for one in found])
        file.with_suffix(".json").write_text(json.dumps([one.captions for one in found]), encoding="utf-8")
        unfinished = file.with_suffix(".unfinished.npy")
        np.save(unfinished, latents.half().numpy())
        unfinished.replace(file)
    return file


@dataclass(frozen=True, slots=True)
class Latents:
    """Pictures of one size as latents in memory."""

    latents: Tensor  # float16, N x C x h x w
    captions: tuple[tuple[str, ...], ...]  # of each picture

    @property
    def cells(self) -> int:
        """Latent cells of one picture."""
        return self.latents.shape[2] * self.latents.shape[3]


def _joined(shards: Sequence[Latents]) -> Latents:
    """Shards of one size as one."""
    texts = chain.from_iterable(shard.captions for shard in shards)
    return Latents(torch.cat([shard.latents for shard in shards]), tuple(texts))


@dataclass(frozen=True, slots=True)
class Cache:
    """All pictures of a cache, by size."""

    folder: Path
    shards: int  # read from it
    groups: tuple[Latents, ...]
    device: str = "cpu"  # where the latents are

    @classmethod
    def read(cls, folder: Path, device: str = "cpu") -> "Cache":
        """All finished shards of a folder."""
        by_size: dict[tuple[int, ...], list[Latents]] = {}
        files = finished(folder)
        for file in files:
            latents = torch.from_numpy(np.load(file)).to(device)
            texts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
            shard = Latents(latents, tuple(tuple(captions) for captions in texts))
            by_size.setdefault(tuple(latents.shape[2:]), []).append(shard)
        return cls(folder, len(files), tuple(_joined(shards) for shards in by_size.values()), device)

    def grown(self) -> "Cache":
        """The cache with what has been painted since."""
        return Cache.read(self.folder, self.device) if len(finished(self.folder)) > self.shards else self

    def batch(self, size: int, draw: np.random.Generator) -> tuple[Tensor, list[str]]:
        """A random batch: float32 latents of one size and one caption each.

        Args:
            size: pictures of the smallest size; fewer where they are larger, so that all batches cost alike.
            draw: where the choice comes from; sizes take turns by the area they cover in the cache.
        """
        areas = np.array([len(group.captions) * group.cells for group in self.groups])
        group = self.groups[int(draw.choice(len(areas), p=areas / areas.sum()))]
        count = max(1, round(size * min(group.cells for group in self.groups) / group.cells))
        chosen = draw.integers(0, len(group.captions), count)
        texts = [group.captions[index] for index in chosen]
        return group.latents[torch.from_numpy(chosen)].float(), [text[int(draw.integers(len(text)))] for text in texts]


def finished(folder: Path) -> list[Path]:
    """The shards that lie in a folder, whole."""
    return sorted(file for file in folder.glob("*.npy") if "unfinished" not in file.name)


def validation(model: MiniModel, plan: DataPlan, count: int) -> Latents:
    """Pictures whose seeds no shard has, with one caption each."""
    found = [painted(2**30 + index, plan) for index in range(count)]
    latents = encoded(model.autoencoder, [one.image for one in found])
    return Latents(latents.half(), tuple(one.captions[:1] for one in found))

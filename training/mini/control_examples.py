"""What ControlNets of the embedded model learn from: painted pictures, and the very hints that rendering will show."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from core.image import Image, to_image
from core.seeds import derive
from diffusion.controls import Given, canny, depth, temporal
from diffusion.hints import Hint
from motion.fields import warped
from training.mini.crew import shared_out
from training.mini.data import STYLED
from training.mini.model import load_autoencoder
from training.mini.samples import NATIVE, as_tensor, encoded
from training.painter.briefs import LAYOUTS, SUBJECTS, Brief, brief
from training.painter.captions import caption
from training.painter.compose import scene
from training.painter.theatre import Shot, flow, view

Kind = Literal["canny", "depth", "temporal"]
CHANNELS = {"canny": 3, "depth": 3, "temporal": 6}  # of the hint
WORDLESS = 0.2  # share of the captions left out besides those that are empty already: then the hint alone tells
CARRIED, FROM_SOURCE = 0.5, 0.1  # temporal: shares whose frame before came moved along, or from an unstyled source
SHARD = 64  # pictures of one file
STEPS = (0.003, 0.05)  # temporal: how far the camera goes from frame to frame, in the distances' unit


@dataclass(frozen=True, slots=True)
class ExamplePlan:
    """Settings of a set of examples."""

    kind: Kind
    model: Path  # folder whose autoencoder makes the latents
    folder: Path  # they are kept here
    pictures: int = 900
    seed: int = 1
    layouts: int = LAYOUTS  # of each subject: more than the model draws by itself, so that hints are needed


@dataclass(frozen=True, slots=True)
class Examples:
    """What a network learns from."""

    latents: Tensor  # float16, N x C x h x w
    hints: Tensor  # uint8, N x channels x H x W
    captions: tuple[str, ...]

    def chosen(self, places: Tensor) -> "Examples":
        """Those at the places."""
        return Examples(self.latents[places], self.hints[places], tuple(self.captions[place] for place in places))

    def on(self, device: str) -> "Examples":
        """The same on another device."""
        return Examples(self.latents.to(device), self.hints.to(device), self.captions)


def shards(plan: ExamplePlan, processes: int = 1) -> Iterator[Path]:
    """Paints shard after shard; those that exist are left as they are.

    Yields:
        The file of each shard.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    yield from shared_out(partial(_shard, plan), range(0, plan.pictures, SHARD), processes)


def _shard(plan: ExamplePlan, first: int) -> Path:
    count = min(SHARD, plan.pictures - first)
    file = plan.folder / f"{plan.kind}-{first:05d}-{count}.npz"
    if not file.is_file():
        autoencoder = load_autoencoder(plan.model)
        pairs = [painted(plan, index, autoencoder) for index in range(first, first + count)]
        latents = encoded(autoencoder, [image for image, _, _ in pairs])
        hints = np.stack([_levels(hint) for _, hint, _ in pairs])
        unfinished = file.with_suffix(".unfinished.npz")
        texts = json.dumps([text for _, _, text in pairs])
        np.savez(unfinished, latents=latents.half().numpy(), hints=hints, captions=np.array(texts))
        unfinished.replace(file)
    return file


def examples(plan: ExamplePlan) -> Examples:
    """All examples of a plan, painted where they do not exist yet."""
    latents, hints, captions = [], [], []
    for file in shards(plan):
        with np.load(file) as kept:
            latents.append(torch.from_numpy(kept["latents"]))
            hints.append(torch.from_numpy(kept["hints"]))
            captions += json.loads(str(kept["captions"]))
    return Examples(torch.cat(latents), torch.cat(hints), tuple(captions))


def painted(plan: ExamplePlan, index: int, autoencoder: Any) -> tuple[Image, Hint, str]:
    """A picture, its hint and its caption."""
    draw = np.random.default_rng(derive(plan.seed, "control", plan.kind, index))
    asked = brief(derive(plan.seed, "scene", index), SUBJECTS[index % len(SUBJECTS)], plan.layouts, STYLED)
    shot = Shot(draw.uniform(-0.1, 0.1), draw.uniform(-0.03, 0.03), draw.uniform(0, 0.15), draw.uniform(0, 4))
    seen = view(scene(asked), NATIVE, shot)
    text = "" if draw.random() < WORDLESS else caption(asked, draw)
    if plan.kind == "canny":
        low = float(draw.uniform(50, 150))
        return seen.image, canny.Canny(canny.Options(low, 2 * low)).hint(Given(seen.image)), text
    if plan.kind == "depth":
        return seen.image, depth.Depth(depth.Options()).hint(Given(seen.image, depth=lambda _: seen.depth)), text
    return seen.image, _temporal(asked, shot, draw, autoencoder), text


def _temporal(asked: Brief, shot: Shot, draw: np.random.Generator, autoencoder: Any) -> Hint:
    """The frame before a shot and how it moved; or that frame moved along, or an unstyled first one, both at rest."""
    network = temporal.Temporal(temporal.Options(version="2"))
    chance = draw.random()
    if chance < FROM_SOURCE:
        source = view(scene(replace(asked, style="")), NATIVE, shot).image
        return network.hint(Given(source))
    length = np.exp(draw.uniform(*np.log(STEPS)))
    x, y, z = length * draw.normal(0, (1, 0.4, 0.7))
    before = Shot(shot.x + x, shot.y + y, max(shot.z + z, 0.0), shot.seconds - 1 / draw.uniform(8, 30))
    seen = view(scene(asked), NATIVE, before)
    spoilt = _spoilt(seen.image, draw, autoencoder)
    if chance < FROM_SOURCE + CARRIED:
        here = view(scene(asked), NATIVE, shot)
        return network.hint(Given(warped(spoilt, flow(scene(asked), here, shot, before))))
    return network.hint(Given(spoilt, flow=lambda: flow(scene(asked), seen, before, shot)))


@torch.inference_mode()
def _spoilt(image: Image, draw: np.random.Generator, autoencoder: Any) -> Image:
    """A picture as a frame that was generated is: through the autoencoder, softer, noisier, of drifted contrast.

    The network learns to lead back from that, so that faults do not grow from frame to frame.
    """
    latents = autoencoder.encode(as_tensor([image])).latents
    latents = latents + torch.from_numpy(draw.normal(0, draw.uniform(0, 0.15), tuple(latents.shape))).float()
    decoded = autoencoder.decode(latents).sample[0].permute(1, 2, 0).numpy() / 2 + 0.5
    soft = cv2.GaussianBlur(decoded, (0, 0), draw.uniform(0.2, 1.2))
    drifted = (soft - 0.5) * draw.uniform(0.85, 1.2) + 0.5 + draw.uniform(-0.03, 0.03)
    return to_image(np.clip(drifted, 0, 1).astype(np.float32))


def _levels(hint: Hint) -> np.ndarray:
    """uint8, channels x H x W."""
    parts = [hint.image] if hint.flow is None else [hint.image, hint.flow]
    return np.concatenate(parts, axis=2).transpose(2, 0, 1)

"""The frame before, for TemporalNet 1 and XL; for TemporalNet 2 also how the picture moved since; no model."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import FlowField, Image
from diffusion.controls import Given
from diffusion.hints import Hint

Version = Literal["auto", "1", "2", "xl"]
WHEEL = (("RY", 15), ("YG", 6), ("GC", 4), ("CB", 11), ("BM", 13), ("MR", 6))  # hues between primaries, and how many


@dataclass(frozen=True, slots=True)
class Options:
    """Which TemporalNet."""

    version: Version = "auto"  # 1 and xl see the frame before; 2 sees the flow, too; auto: as the network has channels


@dataclass(frozen=True, slots=True)
class Temporal:
    """The picture it is given, which is the frame before; where there was none, whatever stands in for it."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the version."""
        return fingerprint("temporal", self.options)

    def hint(self, given: Given) -> Hint:
        """Three channels, or six: the picture, then the flow in colours; no flow counts as no motion."""
        if self.options.version in ("1", "xl"):
            return Hint(given.image)
        flow = np.zeros((*given.image.shape[:2], 2), np.float32) if given.flow is None else given.flow()
        return Hint(given.image, flow=flow_colours(flow), needs_flow=self.options.version == "2")


def build(options: Options, pool: ModelPool) -> Temporal:
    """The control; the pool is not needed."""
    return Temporal(options)


def flow_colours(flow: FlowField) -> Image:
    """A flow field as a picture: the hue is the direction, the saturation the length; white where nothing moves.

    Lengths are shares of the longest in this very field, as TemporalNet 2 has seen them in training: slow and fast
    motion look alike.

    Source: Baker et al. 2011, "A Database and Evaluation Methodology for Optical Flow", section 3.1, and the colour
    wheel published with it.

    Args:
        flow: float32, H x W x 2, (dx, dy) in pixels: how far each pixel of the frame before moves, on that frame's
            grid, as TemporalNet 2 has seen it.
    """
    lengths = np.hypot(flow[..., 0], flow[..., 1])
    longest = float(lengths.max(initial=0))
    share = (lengths / max(longest, np.finfo(np.float32).eps)).astype(np.float32)
    wheel = colour_wheel()
    place = (np.arctan2(-flow[..., 1], -flow[..., 0]) / np.pi + 1) / 2 * (len(wheel) - 1)
    first = np.floor(place).astype(np.intp)
    weight = (place - first).astype(np.float32)[..., None]
    hue = wheel[first % len(wheel)] * (1 - weight) + wheel[(first + 1) % len(wheel)] * weight
    return np.asarray(np.floor(255 * (1 - share[..., None] * (1 - hue))), np.uint8)


def colour_wheel() -> NDArray[np.float32]:
    """55 hues round the circle; float32, 55 x 3, RGB, 0..1."""
    primaries = {"R": (1, 0, 0), "Y": (1, 1, 0), "G": (0, 1, 0), "C": (0, 1, 1), "B": (0, 0, 1), "M": (1, 0, 1)}
    hues = []
    for between, count in WHEEL:
        way = np.floor(np.arange(count) * (255 / count))[:, None] / 255
        here, there = np.array(primaries[between[0]]), np.array(primaries[between[1]])
        # a channel that falls starts at full and one that rises at none
        hues.append(np.where(there > here, way, np.where(there < here, 1 - way, here)))
    return np.concatenate(hues).astype(np.float32)

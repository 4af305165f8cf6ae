"""Optical flow both ways, mindful of what is hidden; needs no weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.devices import ModelPool
from core.image import FlowField, Image, to_image
from interpolation.models import refuse_senseless

SMALLEST = 16  # pixels; smaller pictures are continued by their edges before motion is looked for
ROUNDS = 5  # of the search for where a pixel comes from
LOST = 0.05  # weight of a picture that does not show a place; above 0 so that two such still make a mean
DOUBT = 1.5  # pixels; a way there and back that misses by this much is half believed

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Options:
    """Flow has no options."""


@dataclass(frozen=True, slots=True)
class FlowInterpolator:
    """Each frame from both pictures, moved along dense inverse search flow, where they show the place.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016; OpenCV's implementation.
    """

    identity: str = "flow"

    def between(self, a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        """See `Interpolator.between`."""
        refuse_senseless(a, b, times)
        ahead, back = _motion(a, b), _motion(b, a)
        doubts = _doubt(ahead, back), _doubt(back, ahead)
        frames = []
        for time in times:
            one, trust = _moved(a, ahead, doubts[0], time)
            other, other_trust = _moved(b, back, doubts[1], 1 - time)
            weights = (1 - time) * trust, time * other_trust
            mixed = weights[0][..., None] * one + weights[1][..., None] * other
            frames.append(to_image(mixed / (255 * (weights[0] + weights[1])[..., None])))
        return frames


def build(options: Options, pool: ModelPool) -> FlowInterpolator:
    """The interpolator."""
    return FlowInterpolator()


def _motion(here: Image, there: Image) -> FlowField:
    """Where what lies at a pixel of `here` goes to in `there`: here(p) = there(p + motion(p))."""
    height, width = here.shape[:2]
    found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(_grey(here), _grey(there), None)
    return np.ascontiguousarray(found[:height, :width], np.float32)


def _grey(image: Image) -> NDArray[np.uint8]:
    """Brightness, at least SMALLEST on each side."""
    down, right = (max(0, SMALLEST - side) for side in image.shape[:2])
    levels = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.copyMakeBorder(levels, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def _doubt(motion: FlowField, back: FlowField) -> Floats:
    """By how many pixels the way there and back misses its start; large where the other picture hides the place."""
    return np.asarray(np.linalg.norm(motion + _read(back, motion), axis=-1), np.float32)


def _moved(image: Image, motion: FlowField, doubt: Floats, share: float) -> tuple[Floats, Floats]:
    """The picture a share of the way on, levels 0..255, and how far each pixel is to be trusted, LOST..1.

    The pixel that arrives at q is p with p + share * motion(p) = q, found by going back again and again.
    """
    offset = -np.float32(share) * motion
    for _ in range(ROUNDS):
        offset = -np.float32(share) * _read(motion, offset)
    miss = np.linalg.norm(offset + np.float32(share) * _read(motion, offset), axis=-1)
    doubted = miss + np.float32(share) * _read(doubt, offset)
    trust = np.float32(LOST) + np.float32(1 - LOST) / (1 + (doubted / np.float32(DOUBT)) ** 4)
    return _read(image.astype(np.float32), offset, cv2.INTER_CUBIC), np.asarray(trust, np.float32)


def _read(values: Floats, offset: FlowField, sampling: int = cv2.INTER_LINEAR) -> Floats:
    """values(q + offset(q)); outside, the values at the edge go on."""
    height, width = offset.shape[:2]
    x = offset[..., 0] + np.arange(width, dtype=np.float32)
    y = offset[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(values, x, y, sampling, borderMode=cv2.BORDER_REPLICATE), np.float32)

"""Large pictures in overlapping parts, so that memory does not grow with them."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from core.image import Image, rounded, to_float

Pair = Callable[[Image, Image], Image]


def tiled(make: Pair, one: Image, other: Image, *, side: int, overlap: int) -> Image:
    """What `make` gives for two pictures, made part by part where they are large; parts fade into each other.

    Args:
        make: gives one picture for two.
        one: uint8, H x W x 3.
        other: likewise, of the same size.
        side: of a part, pixels.
        overlap: of neighbouring parts, pixels, below half of `side`.
    """
    height, width = one.shape[:2]
    if max(height, width) <= side:
        return make(one, other)
    total, weights = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 1), np.float32)
    for top in _starts(height, side, overlap):
        for left in _starts(width, side, overlap):
            part = np.s_[top : top + side, left : left + side]
            made = to_float(make(np.ascontiguousarray(one[part]), np.ascontiguousarray(other[part])))
            weight = _ramp(made.shape[0], overlap)[:, None, None] * _ramp(made.shape[1], overlap)[None, :, None]
            total[part] += made * weight
            weights[part] += weight
    return rounded(total / weights * 255)


def _starts(length: int, side: int, overlap: int) -> Iterator[int]:
    """Where parts begin: evenly, the last one ending at the edge."""
    if length <= side:
        yield 0
        return
    parts = -(-(length - overlap) // (side - overlap))
    yield from (round(n * (length - side) / (parts - 1)) for n in range(parts))


def _ramp(length: int, overlap: int) -> NDArray[np.float32]:
    """Weights that rise from the edges over the overlap."""
    place = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)) / (overlap + 1)
    return np.minimum(place, 1).astype(np.float32)

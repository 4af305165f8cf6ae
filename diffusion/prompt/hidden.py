"""Data hidden in the pixels of a picture, as the web UI shares textual inversions.

Left and right of the picture proper, each set off by a black column, stands a block of pixels: the low four bits of
the left one are the low halves of the bytes, those of the right one the high halves, both mixed with the same series
of pseudo-random numbers. Together they are one zlib stream, repeated until the block is full.

Source: the layout written by AUTOMATIC1111/stable-diffusion-webui, described independently; no code of it.
"""

import zlib
from itertools import accumulate, repeat

import numpy as np
from numpy.typing import NDArray

from core.image import Image

LARGEST = 64 << 20  # bytes after unpacking
MULTIPLIER, INCREMENT, MODULUS, RANGE = 1664525, 1013904223, 1 << 32, 255  # Numerical Recipes' generator
HALF = 0x0F


def hidden_data(image: Image) -> bytes | None:
    """What is hidden in a picture; None if nothing is.

    Args:
        image: uint8, H x W x 3, RGB.
    """
    halves = _without_border(image) & HALF
    black = np.flatnonzero(~halves.any(axis=2).any(axis=0))
    if len(black) < 2:
        return None
    low, high = halves[:, : black[0]], halves[:, black[-1] + 1 :]
    if low.shape != high.shape or not low.size:
        return None
    mixed = ((high << 4) | low).ravel()
    mask = _series(mixed.size)
    packed = (mixed ^ (mask | (mask << 4))).tobytes()
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(packed, LARGEST)
    except zlib.error:
        return None
    return found if unpacking.eof else None


def _without_border(image: Image) -> Image:
    """The image without the black rows and columns around it."""
    lit: NDArray[np.bool_] = np.all(image > 0, axis=2)
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if not len(rows):
        return image[:0, :0]
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _series(length: int) -> NDArray[np.uint8]:
    """The four low bits of the pseudo-random series that data are mixed with."""
    numbers = accumulate(repeat(0, length + 1), lambda state, _: (MULTIPLIER * state + INCREMENT) % MODULUS)
    next(numbers)
    drawn = np.fromiter(numbers, np.int64, length)
    return (drawn % RANGE & HALF).astype(np.uint8)

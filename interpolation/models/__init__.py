"""Makers of frames between two frames, one file each."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from core.errors import UserError
from core.image import Image, Size
from core.registry import Registry

REGISTRY = Registry("interpolator", "interpolation.models")


class Interpolator(Protocol):
    """Makes frames between two."""

    @property
    def identity(self) -> str:
        """Changes when the frames it would make of the same two change: name, options, checksum of weights."""
        ...

    def between(self, a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        """One picture a time, each of the size of `a` and `b`.

        Args:
            a: uint8, H x W x 3, RGB; at time 0.
            b: likewise, of the same size; at time 1.
            times: ascending, between 0 and 1.

        Raises:
            UserError: for pictures of different sizes, or times that do not ascend between 0 and 1.
        """
        ...


def refuse_senseless(a: Image, b: Image, times: Sequence[float]) -> None:
    """Raises UserError for pictures of different sizes, or times that do not ascend between 0 and 1."""
    if a.shape != b.shape:
        what = f"frames between pictures of {Size.of(a)} and {Size.of(b)}"
        raise UserError(what, way_out="Give pictures of one size")
    steps = (0.0, *times, 1.0)
    if not all(before < after for before, after in pairwise(steps)):
        raise UserError(f"times {list(times)}", way_out="Times ascend, above 0 and below 1")

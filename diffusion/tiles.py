"""Tiles: a picture cut into overlapping rectangles of one size, and laid together again without seams."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import Image, Size, rounded


@dataclass(frozen=True, slots=True)
class Tiles:
    """Where the tiles of a picture lie: evenly spread, the last ones at its right and lower edge."""

    whole: Size
    tile: Size  # of each, at most the whole
    overlap: int  # pixels that neighbours share at least, and over which one turns into the other
    lefts: tuple[int, ...]
    tops: tuple[int, ...]

    @classmethod
    def of(cls, whole: Size, tile: Size, overlap: int) -> "Tiles":
        """As few tiles as cover a picture.

        Args:
            whole: the size of the picture.
            tile: of one tile; sides longer than the picture's are cut to it.
            overlap: pixels, less than the sides of a tile.
        """
        tile = Size(min(tile.width, whole.width), min(tile.height, whole.height))
        lefts = _starts(whole.width, tile.width, overlap)
        return cls(whole, tile, overlap, lefts, _starts(whole.height, tile.height, overlap))

    def cut(self, image: Image) -> Iterator[Image]:
        """The tiles of a picture, row by row."""
        for top in self.tops:
            for left in self.lefts:
                yield np.ascontiguousarray(image[top : top + self.tile.height, left : left + self.tile.width])

    def joined(self, parts: Iterable[Image], times: int = 1) -> Image:
        """The picture out of its tiles; each fades in over the overlap with those on its left and above it.

        Args:
            parts: uint8, H x W x 3, row by row, each `times` as large as a tile.
            times: how often as large the result is.
        """
        source = iter(parts)
        width, height = self.whole.width * times, self.whole.height * times
        whole = np.empty((height, width, 3), np.uint8)
        for top in self.tops:
            row = np.empty((self.tile.height * times, width, 3), np.uint8)
            for left in self.lefts:
                _lay(row, next(source), left * times, self.overlap * times)
            _lay(whole.swapaxes(0, 1), row.swapaxes(0, 1), top * times, self.overlap * times)
        return whole


def _starts(whole: int, tile: int, overlap: int) -> tuple[int, ...]:
    """Where tiles of one length begin on a line."""
    count = max(1, math.ceil((whole - overlap) / max(1, tile - overlap))) if whole > tile else 1
    step = (whole - tile) / (count - 1) if count > 1 else 0
    return tuple(min(int(n * step), whole - tile) for n in range(count))


def _lay(under: NDArray[np.uint8], part: NDArray[np.uint8], start: int, overlap: int) -> None:
    """Lays a part into a picture along the second axis, fading in over the overlap unless it is the first."""
    fade = min(overlap, part.shape[1]) if start else 0
    under[:, start + fade : start + part.shape[1]] = part[:, fade:]
    if fade:
        share = (np.arange(fade, dtype=np.float32) / fade)[:, None]
        place = under[:, start : start + fade]
        place[...] = rounded(place * (1 - share) + part[:, :fade] * share)

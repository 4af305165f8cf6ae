"""Bridge: new frames from the end of a clip to its beginning, in steps like the clip's own."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.image import Image
from interpolation.stride import look, shrunk, step

Between = Callable[[Image, Image, Sequence[float]], Sequence[Image]]  # frames at ascending times in 0..1

REST = 4  # frames at either end of a clip that a bridge takes up, if there are enough
MARKS = 16  # stretches of the way between both ends that are measured
SLOWEST = 0.02  # of the usual step: what the way goes on by at least

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """The way between the ends of a clip.

    Both ends keep their own motion: over twice as many frames as are given it comes to rest in the last frame while
    the way to the first one begins, and takes up again from the first one before that way ends. So neither jerks.
    """

    late: Sequence[Image]  # the end of the clip, one frame or more, the last one last
    early: Sequence[Image]  # its beginning, as many
    between: Between
    usual: float  # the clip's usual step, see `Stride.step`

    @property
    def rest(self) -> int:
        """Frames at either end that are taken up into the way."""
        return len(self.late) - 1

    def length(self, most: int) -> int:
        """How many frames make steps like those of the clip, 2 `rest` + 1 .. most."""
        least = 2 * self.rest + 1
        lacking = self._way()[-1] - self._advances(least).sum()  # every further frame adds a usual step
        return int(min(max(least, most), least + max(0, math.ceil(lacking / self.usual))))

    def frames(self, count: int) -> Iterator[Image]:
        """The `count` frames, above 2 `rest`, from `late[0]` to `early[-1]`."""
        way, advances = self._way(), self._advances(count)
        places = np.cumsum(advances)[:-1] / advances.sum()
        times = np.interp(places * way[-1], way, _marks()) if way[-1] else places
        for n, time in enumerate(times, 1):
            one, other = self._rested(self.late, n), self._rested(self.early[::-1], count + 1 - n)
            yield self.between(one, other, (float(time),))[0]

    def _way(self) -> Values:
        """How far the interpolator has come at even times from 0 to 1, levels; rises from 0."""
        last, first = shrunk(self.late[-1]), shrunk(self.early[0])
        inner = self.between(last, first, [float(time) for time in _marks()[1:-1]])
        return np.concatenate([[0.0], np.cumsum(_steps([last, *inner, first]))])

    def _advances(self, count: int) -> Values:
        """By how much the way goes on in each of the `count` + 1 steps, levels: as much as own motion leaves.

        Squares of steps add up where way and motion have nothing to do with each other. Where the way leads back
        against the motion they do not, and the clip all but stands while it turns.
        """
        squares = np.full(count + 1, float(self.usual) ** 2)
        eased = range(2 * self.rest + 1)
        for images, around in ((self.late, squares), (self.early[::-1], squares[::-1])):
            small = tuple(map(shrunk, images))
            around[: len(eased) - 1] -= _steps([self._rested(small, n) for n in eased]) ** 2
        return np.asarray(np.sqrt(np.maximum(squares, (SLOWEST * self.usual) ** 2)))

    def _rested(self, images: Sequence[Image], frames: int) -> Image:
        """What shows so many frames after the first of `images`, while motion through them comes to rest in the last.

        Speed falls as a raised cosine from 1 to 0, so it neither begins nor ends to fall with a jerk.
        """
        share = min(1.0, frames / max(1, 2 * self.rest))
        place = self.rest * (share + np.sin(np.pi * share) / np.pi)
        before = int(place + 1e-6)
        part = float(place - before)
        return images[before] if part < 1e-6 else self.between(images[before], images[before + 1], (part,))[0]


def _marks() -> Values:
    return np.linspace(0, 1, MARKS + 1)


def _steps(images: Sequence[Image]) -> Values:
    looks = [look(image) for image in images]
    return np.array([step(one, other) for one, other in pairwise(looks)])

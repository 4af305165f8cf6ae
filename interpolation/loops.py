"""Loops out of clips that do not loop: there and back, faded over, bridged, or cut where the clip meets itself.

All of them stream: a few frames are held, whatever the clip's length.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import FlowField, Image, resized
from core.image import Size as PictureSize

HELD_BYTES = 128 << 20  # of pictures held while a clip is played backward
LOOK = PictureSize(48, 48)  # at which frames are compared in search of a loop
LONGEST_SEARCH = 20_000  # frames of a clip that is searched
NEIGHBOURS = np.array([1, 4, 6, 4, 1]) / 16  # weights of the frames around both ends: motion has to meet, too

Between = Callable[[Image, Image, Sequence[float]], Sequence[Image]]  # frames at ascending times in 0..1


class Clip(Protocol):
    """Frames that can be read again from any place."""

    @property
    def count(self) -> int:
        """How many frames there are."""
        ...

    def frames(self, start: int, stop: int) -> Iterator[Image]:
        """Frames start .. stop - 1, uint8, H x W x 3, RGB, all of one size."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a clip."""

    clip: Clip
    first: int
    count: int

    def frames(self, start: int, stop: int) -> Iterator[Image]:
        """Frames of the stretch."""
        return self.clip.frames(self.first + start, self.first + min(stop, self.count))


def pingpong(clip: Clip) -> Iterator[Image]:
    """There and back, neither end twice: 2 n - 2 frames.

    Raises:
        MediaError: for fewer than three frames.
    """
    _refuse_short(clip.count, 3, "there and back")
    held = 0
    for image in clip.frames(0, clip.count):
        held = image.nbytes
        yield image
    chunk = max(1, HELD_BYTES // held)
    for stop in range(clip.count - 1, 1, -chunk):
        yield from reversed(list(clip.frames(max(1, stop - chunk), stop)))


def faded(clip: Clip, over: int, between: Between) -> Iterator[Image]:
    """The beginning goes over from the end: n - `over` frames, frame i of them at the time of the clip's frame i.

    Args:
        clip: more than twice as long as `over`.
        over: frames, 1 or more.
        between: how two pictures become one: `dissolved`, or one that moves both.

    Raises:
        MediaError: for a clip that is too short.
    """
    _refuse_short(clip.count, 2 * over + 1, f"a fade over {over} frames")
    kept = clip.count - over
    ends = zip(clip.frames(kept, clip.count), clip.frames(0, over), strict=True)
    for n, (late, early) in enumerate(ends):
        yield between(late, early, ((n + 1) / (over + 1),))[0]
    yield from clip.frames(over, kept)


def bridged(clip: Clip, over: int, between: Between) -> Iterator[Image]:
    """The clip, then `over` new frames that lead from its last frame to its first.

    Raises:
        MediaError: for fewer than two frames.
    """
    _refuse_short(clip.count, 2, "a bridge")
    first: Image | None = None
    for image in clip.frames(0, clip.count):
        first, last = image if first is None else first, image
        yield image
    assert first is not None
    for n in range(over):
        yield between(last, first, ((n + 1) / (over + 1),))[0]


def dissolved(one: Image, other: Image, times: Sequence[float]) -> list[Image]:
    """A cross-fade, linear in sRGB levels. It is a `Between`."""
    return [np.asarray(cv2.addWeighted(one, 1 - time, other, time, 0), np.uint8) for time in times]


def morphing(flow: Callable[[Image, Image], FlowField], warped: Callable[[Image, FlowField], Image]) -> Between:
    """A cross-fade of pictures that are moved toward each other meanwhile; good for small motion.

    Args:
        flow: (source, target) to a field with target(p) = source(p + flow(p)), pixels.
        warped: the source moved by such a field.
    """

    def between(one: Image, other: Image, times: Sequence[float]) -> list[Image]:
        there, back = flow(one, other), flow(other, one)
        return [
            dissolved(warped(one, there * np.float32(time)), warped(other, back * np.float32(1 - time)), (time,))[0]
            for time in times
        ]

    return between


def eased(between: Between) -> Between:
    """The same on a way that begins and ends slowly, so that motion has no corner where a fade begins."""
    return lambda one, other, times: between(one, other, [time * time * (3 - 2 * time) for time in times])


class Loop(NamedTuple):
    """Where a clip meets itself."""

    start: int  # the loop's first frame
    length: int  # frames; frame start + length looks like the first one
    distance: float  # root mean square difference of what meets, levels
    usual: float  # the same between successive frames of the clip


def found(images: Iterator[Image], shortest: int, longest: int) -> Loop:
    """The stretch of a clip that comes back best to where it began, in position and motion.

    Source: Schödl et al., Video Textures, SIGGRAPH 2000: frames are alike when their neighbours are, too.

    Args:
        images: the whole clip; each is looked at once, small and gray.
        shortest: frames of the loop, 2 or more.
        longest: frames of the loop, at least `shortest`.

    Raises:
        MediaError: if the clip is shorter than the loop, or too long to be searched.
    """
    looks = _looks(images)
    count, reach = len(looks), len(NEIGHBOURS) // 2
    if count < shortest + 2 * reach:
        raise MediaError(
            f"a loop of {shortest} frames cannot be found in {count}",
            way_out=f"Ask for at most {max(0, count - 2 * reach)}",
        )
    best = Loop(0, shortest, np.inf, float(np.sqrt(_apart(looks, 1).mean())))
    for length in range(shortest, min(longest, count - 2 * reach) + 1):
        alike = np.convolve(_apart(looks, length), NEIGHBOURS, "valid")
        start = int(np.argmin(alike))
        distance = float(np.sqrt(alike[start]))
        if distance < best.distance:
            best = Loop(start + reach, length, distance, best.usual)
    return best


def _looks(images: Iterator[Image]) -> NDArray[np.uint8]:
    """Small gray pictures, frames x pixels."""
    looks: list[NDArray[np.uint8]] = []
    for image in images:
        if len(looks) == LONGEST_SEARCH:
            raise MediaError(f"more than {LONGEST_SEARCH} frames are too many to search", way_out="Cut the clip first")
        looks.append(np.asarray(cv2.cvtColor(resized(image, LOOK, "area"), cv2.COLOR_RGB2GRAY), np.uint8).ravel())
    return np.array(looks)


def _apart(looks: NDArray[np.uint8], length: int) -> NDArray[np.float64]:
    """Mean squared difference of each frame and the one `length` later."""
    apart = np.empty(len(looks) - length)
    for n in range(0, apart.size, 256):
        some = looks[n : n + 256][: apart.size - n].astype(np.float32)
        apart[n : n + 256] = np.square(some - looks[n + length : n + length + len(some)]).mean(1)
    return apart


def _refuse_short(count: int, least: int, what: str) -> None:
    if count < least:
        raise MediaError(
            f"{what} needs at least {least} frames, and there are {count}", way_out="Give a longer clip or less overlap"
        )

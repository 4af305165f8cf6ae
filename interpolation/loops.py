"""Loops out of clips that do not loop: there and back, faded over, bridged, or cut where the clip meets itself.

All of them stream: a few frames are held, whatever the clip's length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import FlowField, Image
from interpolation.bridge import REST, Between, Bridge
from interpolation.meter import Sight
from interpolation.stride import weight

HELD_BYTES = 128 << 20  # of pictures held while a clip is played backward
PER_TURN = 1 / (1 - 2 / np.pi)  # frames in which motion comes to rest, for each frame that this takes longer
JERK = 0.15  # pixels; a motion may change by so much more from frame to frame than it did before
MEASURED = 256  # pixels of the longer side at which that is so
SOFT = 1 / 48  # of the longer side: over so much the motion of a morph is evened out
DOUBT = 0.05  # weight of no motion where none is believed


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


def pingpong(clip: Clip, turn: int, between: Between) -> Iterator[Image]:
    """There and back, neither end twice: 2 n - 2 + 4 `turn` frames.

    Motion comes to rest before each end and takes up again the other way. That takes `turn` frames longer, before
    the end and after it; all frames that are not near an end are the clip's own.

    Args:
        clip: of more than 3.5 `turn` frames.
        turn: 0 or more; with 0, motion turns at once.
        between: makes the frames that lie between two of the clip's.

    Raises:
        MediaError: for a clip that is too short.
    """
    _refuse_short(clip.count, shortest_pingpong(turn), "there and back")
    there = clip.count - 1 + 2 * turn
    held = 0
    places = turned_places(clip.count, turn)
    for image in _through(clip, places, between):
        held = image.nbytes
        yield image
    chunk = max(1, HELD_BYTES // held)
    for stop in range(there, 1, -chunk):
        yield from reversed(list(_through(clip, places[max(1, stop - chunk) : stop], between)))


def shortest_pingpong(turn: int) -> int:
    """How many frames a clip has at least that turns so slowly."""
    return max(3, int(np.ceil(2 * turn * PER_TURN)) - 2 * turn + 1)


def turned_places(count: int, turn: int) -> NDArray[np.float64]:
    """The place in a clip of `count` frames at each frame of the way there: from 0, over whole numbers, to count - 1.

    Near both ends speed is a sine of time, so that it neither begins nor ends to fall with a jerk.
    """
    times = np.arange(count + 2 * turn, dtype=np.float64)
    if not turn:
        return times
    rest = turn * PER_TURN

    def start(times: NDArray[np.float64]) -> NDArray[np.float64]:
        slow = (1 - np.cos(np.pi * times / (2 * rest))) * (2 * rest / np.pi)
        return np.where(times < rest, slow, times - turn)

    half = times.size // 2
    return np.concatenate([start(times[:half]), count - 1 - start(times[-1] - times[half:])])


def easy_turn(speed: float, count: int) -> int:
    """The shortest turn of `pingpong` that changes motion without a jerk.

    Args:
        speed: of the clip, see `Stride.speed`.
        count: frames of the clip.
    """
    rest = np.pi / 2 * np.sqrt(speed * MEASURED / JERK)
    turn = max(1, int(np.ceil(rest / PER_TURN)))
    return next((fits for fits in range(turn, 0, -1) if shortest_pingpong(fits) <= count), 0)


def faded(clip: Clip, over: int, between: Between, begin: int = 0) -> Iterator[Image]:
    """The beginning goes over from the end: n - `over` frames, each at the time of the clip's frame of its number.

    Args:
        clip: more than twice as long as `over`.
        over: frames, 1 or more.
        between: how two pictures become one: `dissolved`, or one that moves both.
        begin: number of the frame that comes first, as a loop has no beginning: 0, or `over` or more.

    Raises:
        MediaError: for a clip that is too short.
    """
    _refuse_short(clip.count, 2 * over + 1, f"a fade over {over} frames")
    kept = clip.count - over
    yield from clip.frames(begin, kept if begin else 0)
    ends = zip(clip.frames(kept, clip.count), clip.frames(0, over), strict=True)
    for n, (late, early) in enumerate(ends):
        yield between(late, early, (weight(n, over),))[0]
    yield from clip.frames(over, begin or kept)


def bridge(clip: Clip, between: Between, usual: float) -> Bridge:
    """The bridge of a clip, which takes up a few frames at either end.

    Args:
        clip: two frames or more.
        between: who makes the new frames.
        usual: the clip's usual step, see `Stride.step`.

    Raises:
        MediaError: for fewer than two frames.
    """
    _refuse_short(clip.count, 2, "a bridge")
    rest = min(REST, (clip.count - 2) // 4)
    late = tuple(clip.frames(clip.count - 1 - rest, clip.count))
    return Bridge(late, tuple(clip.frames(0, rest + 1)), between, usual)


def bridged(clip: Clip, over: int, bridge: Bridge, begin: int = 0) -> Iterator[Image]:
    """The clip and `over` new frames that lead from its end to its beginning: n + `over` frames.

    Args:
        clip: two frames or more.
        over: new frames.
        bridge: of the clip.
        begin: the clip's frame that comes first; none before the first that the bridge has not taken up, `bridge.rest`.
    """
    begin = max(begin, bridge.rest)
    yield from clip.frames(begin, clip.count - bridge.rest)
    yield from bridge.frames(over + 2 * bridge.rest)
    yield from clip.frames(bridge.rest, begin)


def dissolved(one: Image, other: Image, times: Sequence[float]) -> list[Image]:
    """A cross-fade, linear in sRGB levels. It is a `Between`."""
    return [np.asarray(cv2.addWeighted(one, 1 - time, other, time, 0), np.uint8) for time in times]


def morphing(sight: Sight, reach: float) -> Between:
    """A cross-fade of pictures that are moved toward each other meanwhile, as far as they show the same.

    What lies further apart than `reach`, or is not found again, is faded in place: to hurry it over would show.

    Args:
        sight: how motion is seen.
        reach: share of the longer side.
    """

    def between(one: Image, other: Image, times: Sequence[float]) -> list[Image]:
        flows = sight.flow(one, other), sight.flow(other, one)
        there, back = _near(sight, *flows, reach), _near(sight, *flows[::-1], reach)
        return [
            dissolved(
                sight.warped(one, there * np.float32(time)), sight.warped(other, back * np.float32(1 - time)), (time,)
            )[0]
            for time in times
        ]

    return between


def morph_reach(speed: float, over: int) -> float:
    """How far a fade over so many frames may move what it fades, so that this is no faster than the clip itself.

    Args:
        speed: of the clip, see `Stride.speed`.
        over: frames.
    """
    return speed * (over + 1) * 2 / np.pi


def _near(sight: Sight, flow: FlowField, back: FlowField, reach: float) -> FlowField:
    """A flow as far as it agrees with the way back and is short, evened out; 0 elsewhere."""
    side = max(flow.shape)
    trust, soft = sight.agreement(flow, back), max(1.0, SOFT * side)
    sums = cv2.GaussianBlur(flow * trust[..., None], (0, 0), soft)
    even = sums / (cv2.GaussianBlur(trust, (0, 0), soft) + DOUBT)[..., None]
    length = np.linalg.norm(even, axis=-1, keepdims=True)
    return np.asarray(even / (1 + (length / max(reach * side, 1e-6)) ** 4), np.float32)


def _through(clip: Clip, places: NDArray[np.float64], between: Between) -> Iterator[Image]:
    """The pictures at ascending places of a clip; only where none lies there, one is made."""
    start = int(places[0])
    images = clip.frames(start, int(np.ceil(places[-1])) + 1)
    index, here = start, next(images)
    there: Image | None = None
    for place in places:
        while index < int(place + 1e-9):
            here = next(images) if there is None else there
            there, index = None, index + 1
        part = float(place) - index
        if part < 1e-9:
            yield here
            continue
        there = next(images) if there is None else there
        yield between(here, there, (part,))[0]


def _refuse_short(count: int, least: int, what: str) -> None:
    if count < least:
        raise MediaError(
            f"{what} needs at least {least} frames, and there are {count}", way_out="Give a longer clip or less overlap"
        )

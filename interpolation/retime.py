"""Retiming: more or fewer frames a second, slow motion; times drive everything, so any rational rate is exact.

All of it streams: two source frames are held, and the first one where the clip is a ring.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np

from core.errors import MediaError
from core.image import Image, Size, resized

Timed = tuple[Fraction, Image]  # when a frame appears, in any unit; times rise
Between = Callable[[Image, Image, Sequence[float]], Sequence[Image]]

LOOK = Size(32, 32)  # at which frames are compared
CUT, SAME = 0.2, 0.996  # likeness below the first is a cut, above the second the same picture
APART = 24.0  # levels, at least, between the small pictures on both sides of a cut
RECOLOURED = 20.0  # levels, mean, between the sorted colours of two scenes
MOST_REPEATS = 3  # copies in a row that are taken for stutter; a longer rest is meant
_STABLE = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # of the likeness, as in its source


def retimed(
    frames: Iterable[Timed], step: Fraction, between: Between, *, ring: Fraction | None = None
) -> Iterator[Image]:
    """Frames at the times 0, step, 2 step, ... after the first one's.

    A source frame that lies on such a time is handed on as it is. Over a cut the nearer frame is held.

    Args:
        frames: source frames with their times, which rise.
        step: time from one frame to the next, above 0, in the unit of the times.
        between: gives frames at ascending times in 0..1 between two.
        ring: for a clip that loops, how long its last frame lasts: the way from it back to the first is filled, too.

    Yields:
        uint8, H x W x 3, RGB; up to the last source frame's time, or up to the end of the ring.

    Raises:
        MediaError: if there is no frame, or sizes differ.
    """
    done, start, last = 0, None, None
    for (here, one), (there, other) in pairwise(frames if ring is None else _closed(frames, ring)):
        start = here if start is None else start
        if one.shape != other.shape:
            raise MediaError(f"frames of {Size.of(one)} and {Size.of(other)} in one clip")
        wanted = []
        while (time := start + done * step) < there:
            wanted.append((time - here) / (there - here))
            done += 1
        yield from _at(one, other, wanted, between)
        last = there, other
    if last is None:
        raise MediaError("fewer than two frames cannot be retimed", way_out="Give a clip of two frames or more")
    assert start is not None
    if ring is None and start + done * step == last[0]:
        yield last[1]


def numbered(images: Iterable[Image]) -> Iterator[Timed]:
    """Frames with their indices as times: for a factor, a step of 1 / factor."""
    return ((Fraction(index), image) for index, image in enumerate(images))


def without_repeats(frames: Iterable[Timed]) -> Iterator[Timed]:
    """The frames that differ from the one before; up to MOST_REPEATS copies in a row are left out.

    What is left keeps its time, so the motion that the copies interrupted is spread evenly. The last frame stays.
    """
    kept: Timed | None = None
    copies: list[Timed] = []
    for frame in frames:
        if kept is not None and len(copies) < MOST_REPEATS and likeness(kept[1], frame[1]) > SAME:
            copies.append(frame)
            continue
        yield frame
        kept, copies = frame, []
    yield from copies[-1:]


def is_cut(one: Image, other: Image) -> bool:
    """Whether another scene begins between two frames: of other colours altogether, or of other structure and levels.

    Colours, sorted, hardly change however fast things move: on drawn scenes by 3 levels at most when a third of the
    frame goes by, by 20 at least from one scene to another.
    """
    x, y = (resized(image, LOOK, "area").astype(np.float32) for image in (one, other))
    colours = [np.sort(picture.reshape(-1, 3), axis=0) for picture in (x, y)]
    if float(np.abs(colours[0] - colours[1]).mean()) > RECOLOURED:
        return True
    return float(np.abs(x - y).mean()) > APART and likeness(one, other) < CUT


def likeness(one: Image, other: Image) -> float:
    """Structural similarity of two pictures of one size, seen grey and small: 1 for the same, about 0 for strangers.

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity (2004), equation 13.
    """
    x, y = (
        np.asarray(cv2.cvtColor(resized(image, LOOK, "area"), cv2.COLOR_RGB2GRAY), np.float32) for image in (one, other)
    )
    mean_x, mean_y = (cv2.GaussianBlur(values, (0, 0), 1.5) for values in (x, y))
    spread_x = cv2.GaussianBlur(x * x, (0, 0), 1.5) - mean_x * mean_x
    spread_y = cv2.GaussianBlur(y * y, (0, 0), 1.5) - mean_y * mean_y
    shared = cv2.GaussianBlur(x * y, (0, 0), 1.5) - mean_x * mean_y
    level, contrast = _STABLE
    above = (2 * mean_x * mean_y + level) * (2 * shared + contrast)
    return float(np.mean(above / ((mean_x**2 + mean_y**2 + level) * (spread_x + spread_y + contrast))))


def ring_count(frames: int, factor: Fraction) -> int:
    """How many frames a ring has after retiming.

    Raises:
        MediaError: if they are not whole, so that the ring would not close.
    """
    count = frames * factor
    if count.denominator != 1:
        raise MediaError(
            f"a loop of {frames} frames, {factor} times as many, is {float(count):.3f} frames",
            way_out=f"Choose a factor whose product with {frames} is whole",
        )
    return int(count)


def _closed(frames: Iterable[Timed], ring: Fraction) -> Iterator[Timed]:
    """The frames, and the first one again where the last one ends."""
    first = last = None
    for frame in frames:
        first, last = first or frame, frame
        yield frame
    if first is not None and last is not None:
        yield last[0] + ring, first[1]


def _at(one: Image, other: Image, places: Sequence[Fraction], between: Between) -> Iterator[Image]:
    """The frames at places 0 <= p < 1 between two."""
    inner = [place for place in places if place]
    if len(inner) < len(places):
        yield one
    if not inner:
        return
    if is_cut(one, other):
        yield from (one if place < Fraction(1, 2) else other for place in inner)
    elif np.array_equal(one, other):
        yield from (one for _ in inner)
    else:
        yield from between(one, other, [float(place) for place in inner])

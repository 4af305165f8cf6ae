"""Search: the stretch of a clip that comes back to where it began, in place and in motion."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import Image, resized
from core.image import Size as PictureSize

LOOK = PictureSize(48, 48)  # at which frames are compared
LONGEST = 20_000  # frames of a clip that is searched
NEIGHBOURS = np.array([1, 4, 6, 4, 1]) / 16  # weights of the frames around both ends
FADE = np.pi / np.sqrt(2)  # frames a fade takes for every usual step that its ends are apart
CRAMPED = 1e6  # price of a stretch without room, above that of any with it
STILLEST = 0.25  # of the usual mean square step: where a clip moves less, its ends seem no nearer for that


class Loop(NamedTuple):
    """Where a clip meets itself."""

    start: int  # the loop's first frame
    length: int  # frames; frame start + length looks like the first one
    distance: float  # root mean square difference of what meets, levels
    usual: float  # the same between successive frames of the clip


def found(images: Iterator[Image], shortest: int, longest: int) -> Loop:
    """The stretch of a clip that comes back best to where it began, in position and motion.

    What meets is compared with how far the clip moves there: else ends would always be found where it nearly stands.
    Stretches in and beside which there is room to fade what does not meet come first.

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
    most = count - len(NEIGHBOURS)
    if most < shortest:
        raise MediaError(
            f"a loop of {shortest} frames cannot be found in {count}",
            way_out=f"Ask for at most {max(0, most)}",
        )
    steps = _apart(looks, 1)
    usual = float(np.sqrt(steps.mean()))
    moves = np.convolve(np.maximum(steps, STILLEST * max(steps.mean(), 1e-9)), np.full(4, 0.25), "valid")
    best, least = Loop(0, shortest, np.inf, usual), np.inf
    for length in range(shortest, min(longest, most) + 1):
        apart = np.convolve(_apart(looks, length), NEIGHBOURS, "valid")
        turned = _turned(looks, length)[1:-1]
        cost = (apart + turned) / moves[: apart.size]
        start = int(np.argmin(cost))
        faded = FADE * float(np.sqrt(cost[start]))
        room = min(length, count - length) // 2
        price = float(cost[start]) if faded <= max(room, 1) else CRAMPED * faded / max(room, 1)
        if price < least:
            least = price
            best = Loop(start + reach, length, float(np.sqrt(apart[start])), usual)
    return best


def _looks(images: Iterator[Image]) -> NDArray[np.uint8]:
    """Small gray pictures, frames x pixels."""
    looks: list[NDArray[np.uint8]] = []
    for image in images:
        if len(looks) == LONGEST:
            raise MediaError(f"more than {LONGEST} frames are too many to search", way_out="Cut the clip first")
        looks.append(np.asarray(cv2.cvtColor(resized(image, LOOK, "area"), cv2.COLOR_RGB2GRAY), np.uint8).ravel())
    return np.array(looks)


def _apart(looks: NDArray[np.uint8], length: int) -> NDArray[np.float64]:
    """Mean squared difference of each frame and the one `length` later."""
    apart = np.empty(len(looks) - length)
    for n in range(0, apart.size, 256):
        some = looks[n : n + 256][: apart.size - n].astype(np.float32)
        apart[n : n + 256] = np.square(some - looks[n + length : n + length + len(some)]).mean(1)
    return apart


def _turned(looks: NDArray[np.uint8], length: int) -> NDArray[np.float64]:
    """Mean squared difference of the changes around each frame but the first and last and around the one later."""
    turned = np.empty(len(looks) - length - 2)
    for n in range(0, turned.size, 256):
        size = min(256, turned.size - n)
        some, other = (looks[m : m + size + 2].astype(np.float32) for m in (n, n + length))
        turned[n : n + size] = np.square((some[2:] - some[:-2]) - (other[2:] - other[:-2])).mean(1) / 4
    return turned

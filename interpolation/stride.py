"""Stride: how a clip goes on from frame to frame, and in how many frames its end can go over into its beginning so."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import FlowField, Image, Size, resized

SIDE = 256  # pixels of the longer side at which frames are compared
SEEN = 128  # and at which motion is looked for
KEPT = 240  # frames of either end that are remembered
LEAST = 8  # frames a fade takes where the clip has room: in fewer, motion changes with a jerk
TRIED = 48  # lengths of a fade that are compared
FAINT = 0.05  # levels; steps below this are none
STILL = 0.025  # pixels; changes of motion below this are noise
LATE = 0.25  # how much it counts where a loop begins, for the length of the clip; steps count by octaves
JOINTS, LENGTH = 3.0, 0.1  # how much a step at the ends of a fade counts, and its length

Look = NDArray[np.uint8]  # brightness, pixels of a small frame in a row, 0..255


class Stride:
    """Looks at each frame once, in order; holds small ones of both ends."""

    def __init__(self, flow: Callable[[Image, Image], FlowField]) -> None:
        """Args: flow: (source, target) to a field with target(p) = source(p + flow(p)), pixels."""
        self._flow = flow
        self._head: list[Look] = []
        self._tail: deque[Look] = deque(maxlen=KEPT)
        self._before: Image | None = None
        self._steps: list[float] = []
        self._speeds: list[float] = []
        self._flows: deque[FlowField] = deque(maxlen=3)  # of the last steps
        self._turns: list[float] = []  # change of motion at each step but the first and the last, pixels

    def see(self, image: Image) -> None:
        """Takes the next frame, uint8, H x W x 3, RGB."""
        seen, small = look(image), shrunk(image, SEEN)
        if self._before is not None:
            self._steps.append(step(self._tail[-1], seen))
            self._flows.append(self._flow(self._before, small))
            self._speeds.append(_mean_length(self._flows[-1]) / max(Size.of(small)))
            if len(self._flows) == 3:
                self._turns.append(_mean_length(self._flows[1] - (self._flows[0] + self._flows[2]) / 2))
        self._before = small
        if len(self._head) < KEPT:
            self._head.append(seen)
        self._tail.append(seen)

    @property
    def count(self) -> int:
        """How many frames it has seen."""
        return len(self._steps) + bool(self._head)

    @property
    def step(self) -> float:
        """The usual step from one frame to the next: root of the median mean square, levels; above 0."""
        return max(FAINT, float(np.sqrt(np.median(np.square(self._steps))))) if self._steps else FAINT

    @property
    def least(self) -> float:
        """The clip's own smallest step over the usual one, mean squares: what no closing of it makes livelier."""
        return float(np.square(min(self._steps) / self.step)) if self._steps else 0.0

    @property
    def speed(self) -> float:
        """The usual motion from one frame to the next, as a share of the longer side."""
        return float(np.median(self._speeds)) if self._speeds else 0.0

    def begin(self, first: int, last: int) -> int:
        """The frame, `first` .. last - 1, at which a loop best begins: where the clip goes on as it usually does.

        There a player may jump from the end of a file to its start. Early frames come before late ones as good.
        """
        frames = np.arange(max(first, 2), min(last, self.count - 1))
        if not frames.size:
            return first
        steps, turns = np.array(self._steps)[frames - 1], np.array(self._turns)[frames - 2]
        uneven = np.abs(np.log2(np.square(np.maximum(steps, FAINT) / self.step)))
        jerky = np.maximum(0, np.log2(np.maximum(turns, STILL) / max(float(np.median(self._turns)), STILL)))
        return int(frames[np.argmin(uneven + jerky + LATE * frames / self.count)])

    def fade(self) -> int:
        """In how many frames the end fades into the beginning in steps most like the clip's own.

        Where both go on while one is faded into the other with `weight`, a length of pi sqrt(apart / 2) / step would
        make all steps alike, were the ends the same distance apart all the while. They are not: so every length is
        gone through with small frames.

        Raises:
            MediaError: for fewer than three frames.
        """
        most = min(KEPT - 1, (self.count - 1) // 2)
        if most < 1:
            raise MediaError(f"a fade needs at least 3 frames, and there are {self.count}")
        tail = list(self._tail)
        ends = {
            over: Crossing(tail[-over - 1], tail[-over:], self._head[:over], self._head[over]) for over in tried(most)
        }
        return evenest(ends, self.step)


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """What a fade is made of, seen small."""

    before: Look  # the frame ahead of it
    late: Sequence[Look]  # the end, which fades out
    early: Sequence[Look]  # the beginning, which fades in; as many
    after: Look  # the frame behind it

    def unevenness(self, usual: float) -> float:
        """The largest deviation of its steps from the usual one, octaves of the mean square."""
        over = len(self.late)
        late, early = np.array(self.late, np.float32), np.array(self.early, np.float32)
        weights = np.array([[weight(n, over)] for n in range(over)], np.float32)
        shown = np.concatenate([[self.before], late + weights * (early - late), [self.after]])
        steps = np.square(np.diff(shown, axis=0)).mean(1)
        off = np.abs(np.log2(np.maximum(steps, FAINT**2) / usual**2))
        off[[0, -1]] *= JOINTS
        return float(off.max())


def tried(most: int) -> list[int]:
    """Lengths of a fade that are compared, up to the longest there is room for."""
    return [int(over) for over in np.unique(np.rint(np.geomspace(min(LEAST, most), most, TRIED)))]


def evenest(ends: Mapping[int, Crossing], usual: float) -> int:
    """The length, of those given with what they fade, whose steps are most like the usual one."""
    longest = max(ends)
    return min(ends, key=lambda over: ends[over].unevenness(usual) + LENGTH * over / longest)


def weight(place: int, over: int) -> float:
    """How much of the beginning frame `place` 0 .. over - 1 of a fade shows: a raised cosine, above 0 and below 1.

    It begins and ends slowly, so that nothing jerks; and what it brings in per frame is largest where both pictures
    are mixed alike, and show least of their own motion.
    """
    return float((1 - np.cos(np.pi * (place + 1) / (over + 1))) / 2)


def _mean_length(flow: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(flow, axis=-1).mean())


def shrunk(image: Image, side: int = SIDE) -> Image:
    """The picture at most `side` pixels wide and high."""
    size = Size.of(image)
    share = side / max(size)
    return image if share >= 1 else resized(image, Size(*(max(1, round(length * share)) for length in size)), "area")


def look(image: Image) -> Look:
    """The brightness of a picture, seen small."""
    return np.asarray(cv2.cvtColor(shrunk(image), cv2.COLOR_RGB2GRAY), np.uint8).ravel()


def step(one: Look, other: Look) -> float:
    """Root mean square difference, levels."""
    return float(np.sqrt(np.square(one.astype(np.float32) - other).mean()))

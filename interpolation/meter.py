"""Meter: takes the frames of a clip one by one and keeps the numbers that its figures are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import FlowField, Image, Mask, Size, resized, to_float
from interpolation.retime import is_cut

SIDE = 256  # pixels of the longer side at which clips are measured
SAMPLED = 8  # frames per second at which the dynamic degree looks
STRONGEST = 0.05  # share of the pixels that counts for the dynamic degree

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sight:
    """How motion is seen.

    Convention: flows are backward, in pixels: target(p) = source(p + flow(p)).
    """

    flow: Callable[[Image, Image], FlowField]  # (source, target)
    warped: Callable[[Image, FlowField], Image]  # the source as the target, as far as it shows it
    agreement: Callable[[FlowField, FlowField], Mask]  # (flow, the flow back): 1 where both agree


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What was measured, an entry a frame or a step. Step i leads from frame i to i + 1; the last one is the seam."""

    size: Size  # at which it was measured
    frames: int  # 2 or more
    steps: Values  # frames; mean squared difference, in levels²
    speeds: Values  # frames; mean length of the motion, pixels
    turns: Values  # frames; mean change of the motion against its neighbours', pixels; turn i belongs to step i
    lab: Values  # frames x 3; mean CIELAB colour
    saturation: Values  # frames; mean HSV saturation, 0..1
    warp_errors: Values  # frames - 1; mean squared error after motion compensation, 0..1 levels
    flicker: Values  # frames - 2, or none; what is new in a frame against both neighbours moved onto it, levels
    swings: Values  # motion of the 5 % fastest pixels between frames about 1/8 s apart, pixels


class Meter:
    """Looks at each frame once, in order; holds three small frames, those that show their motion, and flows."""

    def __init__(self, sight: Sight, fps: Fraction) -> None:
        """Args: sight: how motion is seen; fps: of the clip."""
        self._sight = sight
        self._stride = max(1, round(fps / SAMPLED))
        self._images: list[Image] = []  # the last two
        self._guides: list[Image] = []  # the last two, as motion is seen in them
        self._flows: list[FlowField] = []  # the last two steps
        self._early: list[FlowField] = []  # the first two steps
        self._back: tuple[FlowField, Mask] | None = None  # the way back of the last step, and where it is trusted
        self._numbers: dict[str, list[float]] = {
            name: [] for name in ("steps", "speeds", "turns", "saturation", "warp_errors", "flicker", "swings")
        }
        self._lab: list[Values] = []
        self._parted = False  # whether the last step was a cut of the clip

    @property
    def count(self) -> int:
        """How many frames it has seen."""
        return len(self._lab)

    def see(self, image: Image, guide: Image | None = None) -> None:
        """Takes the next frame, uint8, H x W x 3, RGB, of any size that all frames share.

        Args:
            image: what is measured.
            guide: the frame of a clip that moves as this one should, of its size; motion is seen there. None: here.
        """
        small = measurable(image)
        moving = small if guide is None else measurable(guide)
        self._lab.append(mean_lab(small))
        self._note("saturation", cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL)[..., 1].mean() / 255)
        if not self._images:
            self._first, self._origin, self._sample = small, moving, moving
        else:
            self._step(small, moving, parted=guide is not None and is_cut(self._guides[-1], moving))
        if self.count > 1 and (self.count - 1) % self._stride == 0:
            self._swing(moving)
        self._images = [*self._images[-1:], small]
        self._guides = [*self._guides[-1:], moving]

    def series(self) -> Series:
        """All that was measured, with the step from the last frame to the first.

        Raises:
            MediaError: for fewer than two frames.
        """
        if self.count < 2:
            what = "no frame" if not self.count else "one frame alone"
            raise MediaError(f"{what} cannot be measured", way_out="Give at least two")
        last = self._images[-1]
        if not self._numbers["swings"]:
            self._swing(self._guides[-1])
        seam = self._sight.flow(self._origin, self._guides[-1])
        turns = self._numbers["turns"][:]
        around = [*self._flows, seam, *self._early]
        turns += [_turn(around[n], around[n + 1], around[n + 2]) for n in range(len(around) - 2)]
        # turns begin at step 1; what was found for step 0, seen last, belongs in front
        ring = np.roll(turns, 1) if self.count > 2 else np.repeat(turns, 2)
        numbers = {name: np.array(values) for name, values in self._numbers.items()} | {"turns": ring}
        numbers["steps"] = np.append(numbers["steps"], _difference(last, self._first))
        numbers["speeds"] = np.append(numbers["speeds"], _length(seam))
        return Series(size=Size.of(last), frames=self.count, lab=np.array(self._lab), **numbers)

    def _step(self, small: Image, moving: Image, *, parted: bool) -> None:
        """From the frame before to this one; where the clip parts them by a cut, nothing of it is to be explained."""
        sight, before, moved = self._sight, self._images[-1], self._guides[-1]
        flow, back = sight.flow(moving, moved), sight.flow(moved, moving)
        trusted = sight.agreement(flow, back)
        ahead = sight.warped(small, flow)
        self._note("steps", _difference(before, small))
        self._note("speeds", _length(flow))
        error = _gray(np.square(to_float(before) - to_float(ahead)))
        self._note("warp_errors", 0 if parted else _masked_mean(error, trusted))
        if self._back is not None:
            behind = sight.warped(self._images[0], self._back[0])
            new = before - (behind.astype(np.float32) + ahead) / 2
            near_cut = parted or self._parted
            self._note("flicker", 0 if near_cut else _masked_mean(_gray(np.abs(new)), trusted * self._back[1]))
        self._parted = parted
        self._back = back, sight.agreement(back, flow)
        if len(self._flows) == 2:
            self._note("turns", _turn(self._flows[0], self._flows[1], flow))
        self._flows = [*self._flows[-1:], flow]
        self._early = [*self._early, flow][:2]

    def _swing(self, small: Image) -> None:
        lengths = _lengths(self._sight.flow(small, self._sample)).ravel()
        most = max(1, int(lengths.size * STRONGEST))
        self._note("swings", np.sort(np.partition(lengths, -most)[-most:]).mean())
        self._sample = small

    def _note(self, name: str, value: float) -> None:
        self._numbers[name].append(float(value))


def measurable(image: Image) -> Image:
    """The picture as it is measured; a small one as it is."""
    size = Size.of(image)
    share = SIDE / max(size)
    if share >= 1:
        return image
    return resized(image, Size(*(max(1, round(side * share)) for side in size)), "area")


def mean_lab(image: Image) -> Values:
    """Mean CIELAB colour of a picture, 3 numbers."""
    return np.array(cv2.mean(cv2.cvtColor(to_float(image), cv2.COLOR_RGB2LAB))[:3])


def _gray(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The mean of the three channels, H x W; many times as quick as numpy's over a short last axis."""
    red, green, blue = cv2.split(values)
    return np.asarray((red + green + blue) / np.float32(3))


def _difference(one: Image, other: Image) -> float:
    return float(np.square(one.astype(np.float32) - other).mean())


def _length(flow: NDArray[np.floating]) -> float:
    return float(_lengths(flow).mean())


def _lengths(flow: NDArray[np.floating]) -> NDArray[np.floating]:
    """Length of each vector, H x W."""
    x, y = cv2.split(flow)
    return np.asarray(np.sqrt(x * x + y * y))


def _turn(before: FlowField, flow: FlowField, after: FlowField) -> float:
    """How far a step's motion is from the mean of the steps around it."""
    return _length(flow - (before + after) / 2)


def _masked_mean(values: NDArray[np.floating], mask: Mask) -> float:
    """The mean where the mask is 1; of everything where it is empty."""
    total = float(mask.sum())
    return float((values * mask).sum() / total) if total else float(values.mean())

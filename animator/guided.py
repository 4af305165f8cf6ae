"""Guide: pictures at keyframes that the render is drawn towards."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, NamedTuple

import cv2
import numpy as np
from pydantic import Field

from animator.mix import Mix
from core.errors import ScheduleError
from core.image import Image
from schedules.expression import Budget, Scope
from schedules.schedule import computed_frame
from schedules.syntax import piece_of, unwrapped

RESTING = 0.07  # share of the guide outside its window
LONE_GAP = 25  # frames; the period of the window behind the last picture


@dataclass(frozen=True, slots=True)
class GuideRules:
    """Pictures that the render is drawn towards, each from its frame on."""

    images: Mapping[str, str] = field(default_factory=dict)  # "frame": path; the first is what the render starts from
    denoise: Annotated[float, Field(ge=0, le=1)] = 0.2  # of the first frame; 0 keeps the picture, 1 ignores it


class Guided(NamedTuple):
    """What a picture is drawn from, and whose colours it is brought to."""

    init: Image
    colors: Image


@dataclass(frozen=True, slots=True)
class Guide:
    """Pictures by frame, ascending.

    Source: Deforum, guided images: at frame F the picture of the last key is mixed in by 0.07, or in a window of
    `guide_frames` at the start of each period by peak - swing cos((F mod n) / (n / 2)); a period is as long as the gap
    between the keys around F, and counts from frame 0.
    """

    frames: tuple[int, ...]
    picture: Callable[[int], Image]  # by place in `frames`, in the size of the render

    def first(self) -> Image:
        """What the first frame starts from."""
        return self.picture(0)

    def guided(self, init: Image, frame: int, numbers: Mix) -> Guided:
        """The picture with the guide of a frame mixed in."""
        chosen = self.picture(max(0, bisect_right(self.frames, frame) - 1))
        init = _mixed(init, chosen, share(self.frames, frame, numbers))
        return Guided(init, _mixed(init, chosen, numbers.guide_color))


def share(keys: tuple[int, ...], frame: int, numbers: Mix) -> float:
    """How much of the guide is mixed in at a frame."""
    gaps = [later - earlier for earlier, later in pairwise(keys) if earlier <= frame <= later]
    period, window = (gaps[-1] if gaps else LONE_GAP), numbers.guide_frames
    if window <= 0 or frame % period > window:
        return RESTING
    return numbers.guide_peak - numbers.guide_swing * math.cos(frame % window / (window / 2))


def guide_keys(images: Mapping[str, str], frames: int, seed: int = 0) -> dict[int, str]:
    """Paths by frame, ascending; of several at one frame the last counts.

    Args:
        images: paths by frame or expression of `max_f` and `s`.
        frames: length of the clip.
        seed: what `s` stands for.

    Raises:
        ScheduleError: for a key that is no expression; `where` is the key.
    """
    scope, budget, found = Scope(frames, seed), Budget(), {}
    for key, path in images.items():
        try:
            found[computed_frame(unwrapped(piece_of(key)), scope, budget)] = path
        except ScheduleError as fault:
            fault.where = key
            raise
    return dict(sorted(found.items()))


def _mixed(image: Image, guide: Image, share: float) -> Image:
    return np.asarray(cv2.addWeighted(image, 1 - share, guide, share, 0), np.uint8)

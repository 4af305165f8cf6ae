"""What passes along the frame loop: Step, Carry, Frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from animator.params import FrameParams
from core.image import Image


@dataclass(frozen=True, slots=True)
class Step:
    """Frames that are made together."""

    params: tuple[FrameParams, ...]  # of the frames to emit, ascending
    target: FrameParams | None = None  # the frame whose picture is generated ahead of these, if it is another


@dataclass(frozen=True, slots=True)
class Carry:
    """All that one step hands to the next: named arrays (uint8 pictures), exactly as they lie on disk."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """A finished frame."""

    index: int  # from 0
    image: Image  # uint8, H x W x 3, RGB

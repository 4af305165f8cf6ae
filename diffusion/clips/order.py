"""ClipOrder: everything that defines one clip. Imports no torch."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.image import Image, Size
from diffusion.clips.windows import WindowRules
from diffusion.request import ControlImage, ImageRequest, Inpaint, PromptMix

Interpolation = Literal["linear", "slerp"]
Filter = Literal["butterworth", "gaussian", "ideal", "box"]


@dataclass(frozen=True, slots=True)
class FreeInit:
    """Samples several times, each time from noise whose low frequencies are those of the clip before."""

    passes: Annotated[int, Field(ge=2, le=5)] = 3  # complete samplings
    filter: Filter = "butterworth"  # which low frequencies are kept, and how softly
    space: Annotated[float, Field(ge=0, le=1)] = 0.25  # of the highest frequency across the picture; 0 keeps none
    time: Annotated[float, Field(ge=0, le=1)] = 0.25  # of the highest frequency from frame to frame; 0 keeps none
    order: Annotated[int, Field(ge=1, le=16)] = 4  # of butterworth: how steep


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame of a clip; its request holds no pictures."""

    request: ImageRequest  # `prompt` may be two texts on the way from the first to the second
    negative: PromptMix  # in place of the request's
    motion: float = 1.0  # how much the motion module counts; 0 draws a still
    doses: tuple[float, ...] = ()  # of each motion LoRA
    other_seed: tuple[int, float] = (0, 0.0)  # a second seed, and how far the noise has gone over to it, 0..1


@dataclass(frozen=True, slots=True)
class Ends:
    """Pictures a clip leaves from and arrives at."""

    pictures: tuple[Image, ...]  # uint8, H x W x 3, RGB, of the clip's size; one or two
    shares: tuple[NDArray[np.float64], ...]  # for each picture how much of it each frame starts from; their sum 0..1

    def weights(self, frame: int) -> tuple[float, ...]:
        """Of each picture in what a frame is drawn over; where none has a share, of the nearer one. Sums to 1."""
        own = [float(share[frame]) for share in self.shares]
        if sum(own) == 0:
            nearest = 0 if 2 * frame < len(self.shares[0]) else len(own) - 1
            own = [float(place == nearest) for place in range(len(own))]
        return tuple(one / sum(own) for one in own)

    def noise(self, frame: int) -> float:
        """Noise level, over its picture, of what a frame starts from: the rest of a variance of 1 is noise."""
        own = [float(share[frame]) for share in self.shares]
        rest = max(0.0, 1 - sum(one * one for one in own))
        return math.sqrt(rest) / sum(own) if sum(own) else math.inf


@dataclass(frozen=True, slots=True)
class SparsePictures:
    """What a SparseControl network is shown."""

    images: Mapping[int, Image]  # by frame; uint8, H x W x 3, RGB, of the clip's size
    weights: Sequence[float]  # 0..2, of every frame
    start: float  # 0..1, share of the steps after which it acts
    end: float  # 0..1, share of the steps after which it acts no more


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """One clip: frames that belong together."""

    frames: Sequence[ClipFrame]  # as many as are sampled; equal in sampler, schedule, steps and rules
    size: Size
    seed: int  # of what all frames have in common
    closed: bool  # whether the last frame leads to the first
    windows: WindowRules  # with the number of frames known
    together: int = 1  # windows in one call of the UNet
    interpolation: Interpolation = "linear"  # between embeddings
    shared_noise: float = 0.0  # share of the noise's variance that all frames have in common, 0..1
    steady: float = 0.0  # share of the steps, the first ones, in which frames are averaged with their neighbours, 0..1;
    # a closed clip that has one goes round at an even pace, too
    free_noise: bool = False
    free_init: FreeInit | None = None
    ends: Ends | None = None
    init: Callable[[int], Image] | None = None  # the picture a frame is drawn over, of the clip's size
    mask: Callable[[int], Inpaint] | None = None  # with `init` or `ends` only
    controls: Callable[[int], tuple[ControlImage, ...]] | None = None  # the same networks for every frame
    sparse: SparsePictures | None = None
    adapter: tuple[str, float] | None = None  # a LoRA that the motion module was trained with, and its weight


def end_shares(
    length: int, first: tuple[float, float] | None, last: tuple[float, float] | None, *, closed: bool
) -> tuple[NDArray[np.float64], ...]:
    """How much of its end pictures every frame starts from.

    The share falls as 1 - distance^power / scale, to 0. Of two pictures each one's share ends where the other is all
    there is: the first frame is all the first one, the last all the last one; where both together pass 1 they are
    scaled to it. In a closed clip the distance goes both ways round.

    Args:
        length: frames.
        first: power and scale of the first picture; None if there is none.
        last: of the last picture; likewise.
        closed: whether the last frame leads to the first.
    """
    place = np.arange(length, dtype=np.float64)
    from_first = np.minimum(place, length - place) if closed and last is None else place
    found = [
        np.maximum(0.0, 1 - distance ** curve[0] / curve[1])
        for curve, distance in ((first, from_first), (last, place[::-1]))
        if curve is not None
    ]
    if len(found) == 2 and length > 1:
        rests = (found[0][-1], found[1][0])
        found = [np.maximum(0.0, (one - rest) / (1 - rest)) for one, rest in zip(found, rests, strict=True)]
        total = np.maximum(found[0] + found[1], 1)
        found = [one / total for one in found]
    return tuple(found)


def held(mix: PromptMix, share: float) -> PromptMix:
    """A mix of two texts of which the first is kept for a share of the way, 0..1, before it goes over.

    1 changes at once, where the way ends.
    """
    if len(mix) != 2 or share == 0:
        return mix
    (first, _), (second, gone) = mix
    over = 0.0 if gone <= share else (gone - share) / (1 - share)
    return ((first, 1 - over), (second, over)) if over else ((first, 1.0),)

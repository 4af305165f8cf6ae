"""Showing: what the control units of a project see when a frame is made, as hints for its request."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from animator.controls import CARRIED, INIT, PREVIOUS, THIN, ControlUnit, UnitNumbers
from animator.params import FrameParams
from core.image import DepthMap, FlowField, Image, Mask, Size, resized
from diffusion.controls import Control, Given
from diffusion.hints import Hint, at_short_side, fitted, looked_at
from diffusion.request import ControlImage
from media.footage import Footage
from motion.fields import resized_flow
from schedules.track import Track

log = logging.getLogger(__name__)

Looking = Callable[[Image, int], DepthMap]  # a depth estimator: a picture, and the frame it belongs to


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to look at when a frame is made; None where there is nothing.

    Convention: `motion` is forward, on the grid of `previous`: what is at p there is at p + motion(p) in this frame.
    """

    init: Image | None = None  # what the frame is made from: the moved picture, the frame of a clip
    previous: Image | None = None  # the frame made before
    carried: Image | None = None  # that, moved to where things are now
    motion: Callable[[], FlowField] | None = None  # how the pixels of `previous` move; asked for where needed
    mask: Mask | None = None  # what is drawn anew, of the size of `init`
    view: Callable[[Image], Image] | None = None  # cuts a source's own picture to the part that is drawn
    ready: Mapping[int, "Ready"] = field(default_factory=dict)  # what was made ahead, by the place of its unit


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What a unit's network is shown of a frame, and where the unit acts."""

    hint: Hint
    region: Mask | None = None  # of the size of frames; None: everywhere


@dataclass(frozen=True, slots=True)
class Shown:
    """One unit with everything its settings name."""

    unit: ControlUnit
    model: str  # of the network
    control: Control
    footage: Footage | None = None  # None where it looks at pictures of the render
    first: Image | None = None  # in place of the frame before the first
    mask: Footage | None = None

    @property
    def is_constant(self) -> bool:
        """Whether every frame shows the same, unless a part of it is cut out."""
        return self.footage is not None and self.footage.frames is None and self.mask is None

    def picture(self, moment: int, seen: Seen) -> Image | None:
        """What it looks at; None where there is nothing."""
        if self.footage is not None:
            picture = self.footage.at(moment)
            return picture if seen.view is None else seen.view(picture)
        found = {INIT: seen.init, PREVIOUS: seen.previous, CARRIED: seen.carried}[self.unit.looked_at]
        if found is not None or not self.unit.looks_back:
            return found
        return seen.init if self.unit.first == INIT else self.first

    def flow(self, seen: Seen, size: Size) -> Callable[[], FlowField] | None:
        """How what it looks at moves on: not at all, unless that is the frame before as it was."""
        motion = seen.motion
        if motion is None or seen.previous is None or self.footage or self.unit.looked_at != PREVIOUS:
            return None
        return lambda: resized_flow(motion(), size)


class Controls:
    """The units of a project, ready to look."""

    def __init__(
        self, units: Sequence[Shown], identity: str, size: Size, *, seed: int = 0, depth: Looking | None = None
    ) -> None:
        """Args: identity: of all that units name; size: of frames; seed: for controls that draw; depth: who sees it."""
        self._units, self._size, self._seed, self._depth = tuple(units), size, seed, depth
        self.identity = identity
        self._constant_hint = lru_cache(maxsize=None)(self._hint_of_constant)
        self._told: set[tuple[int, str]] = set()  # units and why they rest

    @property
    def looks_back(self) -> bool:
        """Whether any unit sees the frame before, so that frames have to be made one after the other."""
        return any(shown.unit.looks_back for shown in self._units)

    @property
    def frames(self) -> int | None:
        """How many frames the shortest of their moving sources lasts; None if none ends."""
        moving = (source for shown in self._units for source in (shown.footage, shown.mask) if source is not None)
        return min((source.frames for source in moving if source.frames is not None), default=None)

    def of(self, params: FrameParams, seen: Seen) -> tuple[ControlImage, ...]:
        """What the networks of a frame are shown; see `shown`."""
        return self.shown(params.controls, params.moment, seen)

    def shown(self, numbers: Sequence[UnitNumbers], moment: int, seen: Seen) -> tuple[ControlImage, ...]:
        """What networks are shown. Units without weight, or with nothing to look at, are left out.

        Args:
            numbers: of each unit.
            moment: where sources are read; a frame of the project.
            seen: all other pictures.

        Raises:
            UserError: if a source ends, or a control lacks what it needs.
        """
        found: list[ControlImage] = []
        if not self._units:  # of a project whose generator asks no networks
            return ()
        for place, (shown, own) in enumerate(zip(self._units, numbers, strict=True)):
            if not own.weight:
                continue
            ready = seen.ready.get(place) or self._ready(place, moment, seen)
            if ready is not None:
                found.append(_image(shown, own, ready))
                if ready.region is not None and not ready.region.any():
                    self._tell(place, "the mask is black", moment)
            elif not shown.unit.looks_back or shown.unit.first:
                self._tell(place, f"{shown.unit.control} has nothing to look at", moment)
        return tuple(found)

    def _tell(self, place: int, why: str, moment: int) -> None:
        """Warns that a unit does nothing at a frame, once for each reason."""
        if (place, why) not in self._told:
            self._told.add((place, why))
            log.warning("controls.%d: %s at frame %d, so it has no effect there (told once)", place, why, moment)

    def ahead(self, numbers: Sequence[UnitNumbers], moment: int, init: Image) -> dict[int, Ready]:
        """What the networks of a frame are shown of what is known before earlier frames are made, by unit.

        Args:
            numbers: as for `shown`.
            moment: likewise.
            init: what the frame is made from.
        """
        seen, found = Seen(init), {}
        for place, (shown, own) in enumerate(zip(self._units, numbers, strict=bool(self._units))):
            if own.weight and not shown.unit.looks_back and (ready := self._ready(place, moment, seen)):
                found[place] = ready
        return found

    def _ready(self, place: int, moment: int, seen: Seen) -> Ready | None:
        """What a unit's network is shown; None where there is nothing to look at."""
        shown = self._units[place]
        if shown.is_constant and seen.view is None:
            hint = self._constant_hint(place)
        elif (picture := shown.picture(moment, seen)) is not None:
            hint = self._hint(shown, picture, moment, seen)
        else:
            return None
        if shown.mask is None or hint.hidden is not None:
            return Ready(hint)
        return Ready(hint, _brightness(fitted(shown.mask.at(moment), self._size, shown.unit.fit)))

    def _hint_of_constant(self, place: int) -> Hint:
        shown = self._units[place]
        assert shown.footage is not None
        return self._hint(shown, shown.footage.at(0), 0, Seen())

    def _hint(self, shown: Shown, picture: Image, moment: int, seen: Seen) -> Hint:
        """What a network is shown of a picture."""
        unit, own, depth = shown.unit, Size.of(picture), self._depth
        side = looked_at(own, self._size, unit.fit) if unit.pixel_perfect else unit.resolution
        looked = at_short_side(picture, side) if side else picture
        small = Size.of(looked)
        mask = seen.mask if shown.mask is None else _brightness(resized(shown.mask.at(moment), own))
        return shown.control.hint(
            Given(
                looked,
                self._seed,
                None if mask is None else _resized_mask(mask, small),
                None if depth is None else lambda image: depth(image, moment),
                shown.flow(seen, small),
            )
        )


def numbers_of(unit: ControlUnit) -> UnitNumbers:
    """The numbers of a unit where there is a single frame."""
    return Track(UnitNumbers, "controls", unit.numbers(), 1).at(0)


def _image(shown: Shown, numbers: UnitNumbers, ready: Ready) -> ControlImage:
    unit = shown.unit
    return ControlImage(
        shown.model,
        ready.hint,
        numbers.weight,
        numbers.start,
        numbers.end,
        unit.mode,
        unit.fit,
        ready.region,
        unit.layers,
        unit.low_memory,
        unit.acts_in,
        unit.control in THIN,
    )


NO_CONTROLS = Controls((), "", Size(0, 0))


def _brightness(picture: Image) -> Mask:
    """How white a picture is; float32, H x W, 0..1."""
    return np.asarray(picture.max(axis=2) / np.float32(255), np.float32)


def _resized_mask(mask: Mask, size: Size) -> Mask:
    """The mask at another size."""
    if Size.of(mask) == size:
        return mask
    levels = np.repeat(np.rint(mask * 255).astype(np.uint8)[..., None], 3, axis=2)
    return _brightness(resized(levels, size))

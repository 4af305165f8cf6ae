"""Pace: which frames exports take out of the rendered ones, and what is made between them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from animator.entries import entry_faults, option_faults
from animator.fields import FASTEST, Factor, FrameRate
from core.errors import DriftloopError, Fault, UserError
from core.image import Image
from interpolation.models import REGISTRY
from interpolation.retime import Between, numbered, retimed, ring_count, without_repeats

if TYPE_CHECKING:
    from animator.project import Project


@dataclass(frozen=True, slots=True)
class InterpolateRules:
    """Frames between the rendered ones, in exports: more a second, or slow motion. Give factor, fps or slow."""

    model: str = "flow"  # who makes them: flow and blend need nothing, film and rife need weights
    options: Mapping[str, Any] = field(default_factory=dict)  # of that interpolator: weights, tile, ...
    factor: Factor = Fraction(1)  # so many times the frames and the rate, up to 1000; 4, 2.5 or "15/4"
    fps: FrameRate | None = None  # frames per second of the exports, in place of factor; 60 or "30000/1001"
    slow: Factor = Fraction(1)  # 2 plays at half speed, at the same rate
    closed: bool = False  # fill the way from the last frame to the first, too; a project with `loop` always does
    drop_repeats: bool = False  # leave out up to three frames in a row that repeat the one before
    stretch_sound: bool = False  # slow motion leaves the sound out; true slows it down too, at the same pitch


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast exports play, and how far it is from one of their frames to the next."""

    rate: Fraction  # frames per second
    step: Fraction = Fraction(1)  # rendered frames
    is_ring: bool = False  # whether the way from the last frame to the first is filled, too
    drop_repeats: bool = False  # whether frames that repeat the one before are left out
    between: Between | None = None  # makes the frames in between; None takes the rendered ones as they are

    @classmethod
    def of(cls, project: "Project", between: Between | None = None) -> "Pace":
        """The pace of a project's exports."""
        rules = project.interpolate
        if rules is None:
            return cls(project.fps)
        rate = rules.fps or project.fps * rules.factor
        step = project.fps / (rate * rules.slow)
        return cls(rate, step, rules.closed or project.loop is not None, rules.drop_repeats, between)

    def count(self, frames: int) -> int:
        """How many frames an export has, of so many rendered ones."""
        return int(frames / self.step) if self.is_ring else int((frames - 1) / self.step) + 1

    def frames(self, images: Iterable[Image]) -> Iterator[Image]:
        """The frames of the exports out of the rendered ones; two of these are held at a time."""
        assert self.between is not None
        timed = numbered(images)
        timed = without_repeats(timed) if self.drop_repeats else timed
        return retimed(timed, self.step, self.between, ring=Fraction(1) if self.is_ring else None)


def pace_faults(project: "Project") -> Iterator[Fault]:
    """What is wrong with the section `interpolate`."""
    rules = project.interpolate
    if rules is None:
        return
    unknown = list(entry_faults(REGISTRY, "interpolate.model", rules.model))
    unknown += option_faults(REGISTRY, "interpolate.options", rules.model, rules.options)
    yield from unknown or _weights_faults(rules)
    if rules.fps is not None and rules.factor != 1:
        yield Fault("interpolate.factor", "a factor and a rate at once", "Give factor or fps, not both")
        return
    pace = Pace.of(project)
    if pace.step == 1 and not rules.drop_repeats:
        yield Fault("interpolate", "nothing to do", "Give factor, fps or slow, or leave the section out")
    if not any(export.interpolate for export in project.export):
        yield Fault("interpolate", "there is no export that would show it", "Give export, or leave the section out")
    if project.frames < 2:
        yield Fault("frames", "fewer than two frames have nothing between them", "Give at least 2")
    if pace.rate > FASTEST:
        yield Fault("interpolate.factor", f"makes {float(pace.rate):g} frames per second", f"At most {FASTEST} will do")
    if rules.stretch_sound and (rules.slow == 1 or (project.audio or project.source) is None):
        way_out = "Give it with slow and audio, or leave it out"
        yield Fault("interpolate.stretch_sound", "there is no sound that is slowed down", way_out)
    if pace.is_ring:
        try:
            ring_count(project.frames, 1 / pace.step)
        except UserError as fault:
            yield Fault("interpolate", fault.what, fault.way_out)


def _weights_faults(rules: InterpolateRules) -> Iterator[Fault]:
    """Weights that are not there."""
    try:
        REGISTRY.build(rules.model, rules.options, pool=None)
    except DriftloopError as fault:
        yield Fault("interpolate.model", fault.what, fault.way_out)

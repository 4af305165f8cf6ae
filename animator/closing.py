"""Closing: which frames a project's loop takes, and what becomes of them so that the last one leads to the first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.errors import Fault
from interpolation.bridge import REST
from interpolation.loops import shortest_pingpong

if TYPE_CHECKING:
    from animator.project import Project

LoopMethod = Literal["closed", "fade", "flow-fade", "gap", "pingpong"]
SHARE = 8  # of the loop: what the end goes over in, if nothing is said
WINDING = ("roll", "pitch", "yaw")  # camera angles that may add up to whole turns
SHIFTING = ("x", "y", "z")  # camera moves that have to add up to nothing
TURN = 2  # frames by which pingpong turns more softly, if nothing is said and the loop has room
USUAL_RATES = tuple(map(Fraction, (24, 30, 25, 60, 50, 12)))  # frames per second that a loop in beats may have
FAINT = 1e-4  # weight below which a draw is left out of a mix


@dataclass(frozen=True, slots=True)
class LoopRules:
    """How the last frame leads to the first one; `frames` is the length of the loop."""

    method: LoopMethod = "closed"  # closed: the last frames are steered to the first; or what `render.py loop` does
    over: Annotated[int, Field(ge=0, le=100_000)] = 0  # frames the end goes over in; 0: an eighth of the loop
    model: str = "auto"  # gap and pingpong: who makes new frames: flow, blend, film ...; auto: flow if ends are near
    options: Mapping[str, Any] = field(default_factory=dict)  # of that interpolator: weights, tile, ...
    beats: Annotated[float, Field(ge=0, le=100_000)] = 0  # with `bpm`: length in beats; gives `frames`
    bpm: Annotated[float, Field(ge=0, le=1000)] = 0  # beats per minute
    close_camera: bool = False  # take out of every frame what the camera would have moved by in the end
    noise: Annotated[float, Field(ge=0, le=1000)] = 0  # frames over which the noise of pictures changes; 0: by `seeds`
    grain: Annotated[float, Field(ge=0, le=1000)] = 0  # frames over which coherence.noise changes; 0: anew every frame


@dataclass(frozen=True, slots=True)
class Ring:
    """The frames of a loop.

    Rendered frames that come before the loop's frame 0 are its run-in: they show the loop's last frames a first
    time, so that its end has something to arrive at.
    """

    method: LoopMethod
    frames: int  # of the loop
    over: int
    run_in_of: int | None = None  # frames of the run-in, where the mode says so: one that closes by itself needs none

    @classmethod
    def of(cls, project: "Project") -> "Ring | None":
        """The ring of a project; None if it has no `loop`."""
        rules = project.loop
        if rules is None:
            return None
        if rules.method == "closed" and closes_itself(project.mode):
            return cls(rules.method, project.frames, rules.over, run_in_of=0)
        return cls(rules.method, project.frames, rules.over or cls._usual_over(project, rules.method))

    @staticmethod
    def _usual_over(project: "Project", method: LoopMethod) -> int:
        if method == "pingpong":
            there = project.frames // 2 + 1
            return next((turn for turn in range(TURN, 0, -1) if there - 2 * turn >= shortest_pingpong(turn)), 0)
        return max(2, -(-project.frames // (SHARE * project.cadence))) * project.cadence

    @property
    def is_closed(self) -> bool:
        """Whether numbers and words of the frame after the last one are those of the first."""
        return self.method != "pingpong"

    @property
    def run_in(self) -> int:
        """Rendered frames before the loop's first."""
        if self.run_in_of is not None:
            return self.run_in_of
        if self.method == "gap":
            return min(REST, max(0, self.rendered - 2) // 4)
        return 0 if self.method == "pingpong" else self.over

    @property
    def rendered(self) -> int:
        """How many frames are rendered."""
        match self.method:
            case "gap":
                return self.frames - self.over
            case "pingpong":
                return self.frames // 2 + 1 - 2 * self.over
        return self.frames + (self.over if self.run_in_of is None else self.run_in_of)

    def phases(self) -> NDArray[np.int64]:
        """For each rendered frame, the frame of the loop whose numbers and words it has."""
        return (np.arange(self.rendered) - self.run_in) % self.frames

    def faults(self, cadence: int) -> Iterator[Fault]:
        """What does not fit."""
        if self.run_in_of is None:
            yield from self._faults(cadence)
        elif self.over:
            yield Fault("loop.over", f"{self.over}, but clips close without going over", "Leave it out")

    def _faults(self, cadence: int) -> Iterator[Fault]:
        """What does not fit a loop that is steered to its beginning."""
        frames, over = self.frames, self.over
        if self.method == "pingpong":
            if frames % 2 or frames < 4:
                yield Fault("frames", f"{frames} frames do not go there and back", "Give an even number, 4 or more")
            elif self.rendered < shortest_pingpong(over):
                yield Fault("loop.over", f"turns of {over} frames do not fit in {frames}", "Give more frames or less")
        elif over > frames // 2:
            yield Fault("loop.over", f"{over} is more than half of the {frames} frames", "Give more frames or less")
        elif self.method == "closed" and over < 2 * cadence:
            yield Fault("loop.over", f"{over} frames hold no two generated ones", f"Give at least {2 * cadence}")
        if self.method == "closed":
            for field, value in (("frames", frames), ("loop.over", over)):
                if value % cadence:
                    near = max(1, round(value / cadence)) * cadence
                    yield Fault(field, f"{value} is no multiple of the cadence {cadence}", f"The nearest is {near}")


def closes_itself(mode: str) -> bool:
    """Whether the frames of a mode make a loop by themselves, so that nothing has to be steered to its beginning."""
    from animator import modes

    return mode in modes.REGISTRY.names() and bool(getattr(modes.REGISTRY.module(mode), "CLOSES_ITSELF", False))


def beat_faults(rules: LoopRules, fps: Fraction, frames: int | None) -> Iterator[Fault]:
    """What is wrong with a length in beats; `frames` is what the user gave besides."""
    if bool(rules.beats) != bool(rules.bpm):
        missing = "bpm" if rules.beats else "beats"
        yield Fault(f"loop.{missing}", "is missing", "A length in beats needs both beats and bpm")
    if not (rules.beats and rules.bpm):
        return
    exact = frames_of(rules, fps)
    if exact.denominator != 1 or not 1 <= exact <= 1_000_000:
        yield Fault("loop.beats", f"{_told(rules, fps)} are {float(exact):.6g} frames", "; ".join(choices(rules, fps)))
    elif frames is not None and frames != exact:
        yield Fault("frames", f"{frames}, but {_told(rules, fps)} are {exact}", "Leave frames out")


def frames_of(rules: LoopRules, fps: Fraction) -> Fraction:
    """The length of a loop given in beats, in frames."""
    return fps * 60 * Fraction(str(rules.beats)) / Fraction(str(rules.bpm))


def even_rate(rules: LoopRules, fps: Fraction) -> Fraction:
    """The rate at which a length in beats comes out even: `fps` if it does, else the first usual one that does."""
    if not (rules.beats and rules.bpm):
        return fps
    return next((rate for rate in (fps, *USUAL_RATES) if frames_of(rules, rate).denominator == 1), fps)


def choices(rules: LoopRules, fps: Fraction) -> Iterator[str]:
    """The nearest lengths, rates and tempos that come out even."""
    beats, bpm = Fraction(str(rules.beats)), Fraction(str(rules.bpm))
    per_beat = fps * 60 / bpm
    whole = per_beat.denominator  # beats until frames and beats meet
    near = [n * whole for n in (beats // whole, beats // whole + 1) if n]
    yield "Even are: beats " + " or ".join(f"{n} ({n * per_beat} frames)" for n in near)
    frames = max(1, round(frames_of(rules, fps)))
    rate = frames * bpm / (60 * beats)
    if rate <= 240:
        shown = float(rate) if (rate * 10**6).denominator == 1 else f'"{rate}"'
        yield f"fps {shown:g} ({frames} frames)" if isinstance(shown, float) else f"fps {shown} ({frames} frames)"
    tempo = fps * 60 * beats / frames
    yield f"bpm {float(tempo):.6g} ({frames} frames)" + ("" if tempo == Fraction(f"{float(tempo):.6g}") else ", nearly")


def _told(rules: LoopRules, fps: Fraction) -> str:
    return f"{rules.beats:g} beats at {rules.bpm:g} bpm and {float(fps):g} fps"


def camera_closed(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Camera moves that add up to nothing: shifts to 0, angles to whole turns, zooms to 1.

    Source: the mean over the loop is taken from every frame, of zooms the geometric one.
    """
    closed = dict(columns)
    for name in SHIFTING:
        closed[name] = columns[name] - columns[name].mean()
    for name in WINDING:
        turns = round(float(columns[name].sum()) / 360) * 360
        closed[name] = columns[name] - (columns[name].sum() - turns) / columns[name].size
    closed["zoom"] = columns["zoom"] / np.exp(np.log(columns["zoom"]).mean())
    return closed


def ring_weights(frames: int, length: float) -> NDArray[np.float64]:
    """How much the noise drawn for frame d - i counts at frame i, by d: the noise then changes over `length` frames
    and closes, each frame with the same strength. None for a length of 0: every frame has its own.

    Source: a Gaussian process on a ring with the correlation exp(-2 sin²(pi d / frames) / w²), w = 2 pi length /
    frames; the weights are its square root, so their squares sum to 1.
    """
    if not length:
        return np.empty(0)
    distance = np.arange(frames)
    width = 2 * np.pi * length / frames
    kernel = np.exp(-2 * np.sin(np.pi * distance / frames) ** 2 / width**2)
    spectrum = np.maximum(np.fft.rfft(kernel).real, 0)
    weights = np.fft.irfft(np.sqrt(spectrum), frames)
    return np.asarray(weights / np.linalg.norm(weights))

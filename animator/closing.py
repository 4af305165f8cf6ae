"""Closing: which frames a project's loop takes, and what becomes of them so that the last one leads to the first."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from animator.steps import Frame
from core.errors import Fault
from core.image import Image

if TYPE_CHECKING:
    from animator.project import Project

LoopMethod = Literal["closed", "fade", "flow-fade", "gap", "pingpong"]
SHARE = 8  # of the loop: what the end goes over in, if nothing is said
WINDING = ("roll", "pitch", "yaw")  # camera angles that may add up to whole turns
SHIFTING = ("x", "y", "z")  # camera moves that have to add up to nothing
FAINT = 1e-4  # weight below which a draw is left out of the grain

Reread = Callable[[int], Image]  # a rendered frame from disk
Blend = Callable[[Image, Image, float], Image]  # two pictures as one: the first at 0, the second at 1


@dataclass(frozen=True, slots=True)
class LoopRules:
    """How the last frame leads to the first one; `frames` is the length of the loop."""

    method: LoopMethod = "closed"  # closed: the last frames are steered to the first; or what `render.py loop` does
    over: Annotated[int, Field(ge=0, le=100_000)] = 0  # frames the end goes over in; 0: an eighth of the loop
    beats: Annotated[float, Field(ge=0, le=100_000)] = 0  # with `bpm`: length in beats; gives `frames`
    bpm: Annotated[float, Field(ge=0, le=1000)] = 0  # beats per minute
    close_camera: bool = False  # take out of every frame what the camera would have moved by in the end
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

    @classmethod
    def of(cls, project: "Project") -> "Ring | None":
        """The ring of a project; None if it has no `loop`."""
        rules = project.loop
        if rules is None:
            return None
        over = rules.over
        if not over and rules.method != "pingpong":
            blocks = max(2, -(-project.frames // (SHARE * project.cadence)))
            over = blocks * project.cadence
        return cls(rules.method, project.frames, over)

    @property
    def is_closed(self) -> bool:
        """Whether numbers and words of the frame after the last one are those of the first."""
        return self.method != "pingpong"

    @property
    def run_in(self) -> int:
        """Rendered frames before the loop's first."""
        return self.over if self.method in ("closed", "fade", "flow-fade") else 0

    @property
    def rendered(self) -> int:
        """How many frames are rendered."""
        match self.method:
            case "gap":
                return self.frames - self.over
            case "pingpong":
                return self.frames // 2 + 1
        return self.frames + self.over

    def phases(self) -> NDArray[np.int64]:
        """For each rendered frame, the frame of the loop whose numbers and words it has."""
        return (np.arange(self.rendered) - self.run_in) % self.frames

    def faults(self, cadence: int) -> Iterator[Fault]:
        """What does not fit."""
        frames, over = self.frames, self.over
        if self.method == "pingpong":
            if frames % 2 or frames < 4:
                yield Fault("frames", f"{frames} frames do not go there and back", "Give an even number, 4 or more")
            if over:
                yield Fault("loop.over", "pingpong goes over nothing", "Leave it out, or choose another loop.method")
        elif over > frames // 2:
            yield Fault("loop.over", f"{over} is more than half of the {frames} frames", "Give more frames or less")
        elif self.method == "closed" and over < 2 * cadence:
            yield Fault("loop.over", f"{over} frames hold no two generated ones", f"Give at least {2 * cadence}")
        if self.method == "closed":
            for field, value in (("frames", frames), ("loop.over", over)):
                if value % cadence:
                    near = max(1, round(value / cadence)) * cadence
                    yield Fault(field, f"{value} is no multiple of the cadence {cadence}", f"The nearest is {near}")


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


def grain_weights(frames: int, length: float) -> NDArray[np.float64]:
    """How much the noise drawn for frame d - i counts at frame i, by d: the grain then changes over `length` frames
    and closes, each frame with the same strength.

    Source: a Gaussian process on a ring with the correlation exp(-2 sin²(pi d / frames) / w²), w = 2 pi length /
    frames; the weights are its square root, so their squares sum to 1.
    """
    distance = np.arange(frames)
    width = 2 * np.pi * length / frames
    kernel = np.exp(-2 * np.sin(np.pi * distance / frames) ** 2 / width**2)
    spectrum = np.maximum(np.fft.rfft(kernel).real, 0)
    return np.fft.irfft(np.sqrt(spectrum), frames)


def delivered(
    frames: Iterable[Frame], ring: Ring | None, blend: Blend, reread: Reread
) -> Iterator[tuple[Frame, Iterator[Frame]]]:
    """Each rendered frame with the frames of the loop that it completes, numbered from 0; few are held at a time.

    Args:
        frames: as rendered, all of them, in order.
        ring: None if there is no loop: every frame is delivered.
        blend: how two pictures become one, for the methods that fade or bridge.
        reread: a frame that was rendered, for the way back.
    """
    held: list[Image] = []  # the run-in, where the end fades into it; the first frame, for a bridge
    for frame in frames:
        if ring is None:
            yield frame, iter((frame,))
            continue
        place = frame.index - ring.run_in
        image = frame.image
        if ring.method in ("fade", "flow-fade"):
            if place < 0:
                held.append(image)
            faded = place - (ring.frames - ring.over)
            if faded >= 0:
                image = blend(image, held[faded], (faded + 1) / (ring.over + 1))
        elif ring.method == "gap" and not held:
            held.append(image)
        outs = [Frame(place, image)] if place >= 0 else []
        is_last = frame.index == ring.rendered - 1
        yield frame, (_and_rest(outs, ring, held, blend, reread) if is_last else iter(outs))


def _and_rest(outs: list[Frame], ring: Ring, held: list[Image], blend: Blend, reread: Reread) -> Iterator[Frame]:
    """The last rendered frame's own, then what leads back from it."""
    yield from outs
    if ring.method == "gap":
        for n in range(ring.over):
            image = blend(outs[-1].image, held[0], (n + 1) / (ring.over + 1))
            yield Frame(ring.rendered + n, image)
    elif ring.method == "pingpong":
        for place in range(ring.rendered, ring.frames):
            yield Frame(place, reread(ring.frames - place))

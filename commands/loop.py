"""`loop`: a seamless loop out of a video or a folder of pictures."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from commands.clips import opened
from commands.metrics import Clip, Rate
from commands.terminal import AsJson, say
from core.errors import MediaError, UserError

if TYPE_CHECKING:
    from core.image import Image
    from interpolation.loops import Loop, Part
    from interpolation.models import Interpolator
    from media.behind import Write
    from media.exporters import Exporter

Method = Literal["fade", "flow-fade", "gap", "pingpong", "find"]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write, as in loop.mp4.")]
How = Annotated[
    Method,
    typer.Option(
        help="fade: the beginning fades in over the end; flow-fade: both move meanwhile; gap: new frames between "
        "end and beginning; pingpong: there and back; find: the stretch that meets itself best."
    ),
]
Over = Annotated[str, typer.Option(help="Frames of the fade or gap, or seconds as in 0.5s; an eighth of the clip.")]
Span = Annotated[str, typer.Option("--find", metavar="4s..8s", help="Look for a loop this long; frames or seconds.")]

Model = Annotated[str, typer.Option(help="Who makes the new frames of a gap: flow, blend, film ...; flow if left out.")]

_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(s?)")


def command(
    clip: Clip, out: Out, method: How = "flow-fade", over: Over = "", find: Span = "", model: Model = "",
    as_json: AsJson = False, fps: Rate = "24",
) -> None:  # fmt: skip
    """Make a clip loop: its end goes over into its beginning. Says how well it closes."""
    from animator.report import meter, report_of

    source = Film.of(clip, fps)
    if out.resolve() == clip.resolve():
        raise UserError("would be written over while it is read", where=str(out), way_out="Give another name")
    exporter = exporter_for(out)
    part, loop = source.whole(), None
    if find or method == "find":
        part, loop = _searched(source, find)
        method = "find" if method == "flow-fade" and not over else method
    eye = meter(source.fps)
    with exporting(exporter, out, source) as write:
        for image in closed(part, method, _overlap(over, method, part.count, source.fps), model):
            write(image)
            eye.see(image)
    report = report_of(eye, source.fps)
    if as_json:
        at = {"start": loop.start, "length": loop.length, "distance": loop.distance} if loop else None
        say(json.dumps({"file": str(out), "method": method, "found": at, **report.to_json()}, indent=1))
        return
    if loop:
        end = loop.start + loop.length - 1
        say(f"frames {loop.start} to {end} meet: {loop.distance:.1f} levels apart, {loop.usual:.1f} between neighbours")
    figures = ", ".join(
        f"{score.name} {score.value:.2f}"
        for score in report.scores
        if score.verdict and score.value is not None and score.name != "motion"
    )
    say(f"{out}: {report.series.frames} frames, {method}, as a loop: {report.loops} ({figures})")


@dataclass(frozen=True, slots=True)
class Film:
    """A clip on disk that can be read again from any place."""

    path: Path
    rate: str  # of pictures
    fps: Fraction
    count: int

    @classmethod
    def of(cls, path: Path, rate: str) -> "Film":
        """A video, a folder of pictures or a pattern; its frames are counted by reading them.

        Raises:
            UserError: if it cannot be read.
        """
        with opened(path, rate) as video:
            return cls(path, rate, video.info.fps, sum(1 for _ in video))

    def frames(self, start: int, stop: int) -> "Iterator[Image]":
        """Frames start .. stop - 1."""
        with opened(self.path, self.rate) as video:
            for _, image in islice(video, start, stop):
                yield image

    def whole(self) -> "Part":
        """All of it."""
        from interpolation.loops import Part

        return Part(self, 0, self.count)


def closed(part: "Part", method: Method, over: int, model: str = "") -> "Iterator[Image]":
    """The frames of the loop.

    Raises:
        MediaError: if the clip is too short.
    """
    from animator.report import SIGHT
    from interpolation.loops import bridged, dissolved, eased, faded, morphing, pingpong

    if model and method != "gap":
        raise UserError(f"{method} makes no new frames", where="--model", way_out="Leave it out, or choose gap")
    morph = morphing(SIGHT.flow, SIGHT.warped)
    match method:
        case "fade":
            return faded(part, over, dissolved)
        case "flow-fade":
            return faded(part, over, eased(morph))
        case "gap":
            return bridged(part, over, _interpolator(model or "flow").between)
        case "pingpong":
            return pingpong(part)
        case "find":
            return part.frames(0, part.count)


def _interpolator(name: str) -> "Interpolator":
    from core.devices import ModelPool
    from interpolation import models

    interpolator: Interpolator = models.REGISTRY.build(name, pool=ModelPool())
    return interpolator


def length_of(text: str, fps: Fraction, where: str) -> int:
    """`48` or `2s` as frames.

    Raises:
        UserError: if it is neither, or less than a frame.
    """
    read = _LENGTH.fullmatch(text.strip())
    frames = round(Fraction(read.group(1)) * (fps if read.group(2) else 1)) if read else 0
    if frames < 1:
        raise UserError(f"{text!r} is no length", where=where, way_out="Write frames, as in 48, or seconds, as in 2s")
    return frames


def _overlap(text: str, method: Method, count: int, fps: Fraction) -> int:
    if text and method in ("pingpong", "find"):
        raise UserError(f"{method} fades nothing over", where="--over", way_out="Leave it out, or choose a fade or gap")
    return length_of(text, fps, "--over") if text else max(1, count // 8)


def _searched(source: Film, text: str) -> "tuple[Part, Loop]":
    """The stretch that meets itself best, by default anything from a second to the whole clip."""
    from interpolation.loops import NEIGHBOURS, Part, found

    low, dots, high = text.partition("..")
    shortest = length_of(low, source.fps, "--find") if text else max(2, round(source.fps))
    longest = length_of(high, source.fps, "--find") if dots else shortest if text else source.count
    if longest < max(2, shortest):
        raise UserError(f"{text!r} is no span", where="--find", way_out="Write the shorter length first, as in 4s..8s")
    try:
        loop = found(source.frames(0, source.count), shortest, longest)
    except MediaError as fault:
        fault.where = fault.where or str(source.path)
        raise
    assert loop.start + loop.length + len(NEIGHBOURS) // 2 <= source.count
    return Part(source, loop.start, loop.length), loop


def exporter_for(out: Path) -> "Exporter":
    """The writer for a file's ending."""
    from media.formats import build, format_for

    exporter = build(format_for(out))
    if not out.parent.is_dir():
        raise UserError("there is no such folder", where=str(out.parent), way_out="Make it first")
    return exporter


@contextmanager
def exporting(exporter: "Exporter", out: Path, source: Film) -> "Iterator[Write]":
    """The file being written, at the size of the source's first frame."""
    from core.image import Size

    first = next(iter(source.frames(0, 1)))
    size = Size.of(first)
    exporter.check(size, source.fps)
    with exporter.open(out, size, source.fps, {"Software": "Driftloop"}) as write:
        yield write

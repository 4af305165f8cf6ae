"""`loop`: a seamless loop out of a video or a folder of pictures."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from commands.clips import opened
from commands.metrics import Clip, Rate
from commands.progress import progress
from commands.terminal import AsJson, say, warn
from core.errors import MediaError, UserError

if TYPE_CHECKING:
    from animator.closers import Closed, Closer
    from animator.report import Report
    from core.image import Image
    from interpolation.search import Loop
    from media.behind import Write
    from media.exporters import Exporter
    from media.sound import Soundtrack

Method = Literal["fade", "flow-fade", "gap", "pingpong", "find"]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write, as in loop.mp4.")]
How = Annotated[
    Method,
    typer.Option(
        help="fade: the beginning fades in over the end; flow-fade: both move meanwhile; gap: new frames between "
        "end and beginning; pingpong: there and back; find: the stretch that meets itself best."
    ),
]
Over = Annotated[
    str, typer.Option(help="Frames of the fade, gap or turns, or seconds as in 0.5s; what keeps its pace if left out.")
]
Span = Annotated[str, typer.Option("--find", metavar="4s..8s", help="Look for a loop this long; frames or seconds.")]
Model = Annotated[
    str, typer.Option(help="Who makes new frames: auto, flow, blend, film ...; `list interpolators` names them.")
]
Weights = Annotated[str, typer.Option(help="Of film and the like: a file, or a name in the models folders.")]

LONGEST = 100_000  # frames of a fade or gap
LONGEST_SOUND = 1200  # seconds that are made to go round
BY_NATURE = (
    "  motion that turns round stands still for a moment: steps near the turns are small by nature; with --over 0 it "
    "turns at once, and its velocity seam is large by nature"
)
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(s?)")


def command(
    clip: Clip, out: Out, method: How = "flow-fade", over: Over = "", find: Span = "", model: Model = "auto",
    weights: Weights = "", as_json: AsJson = False, fps: Rate = "24",
) -> None:  # fmt: skip
    """Make a clip loop: its end goes over into its beginning. Says how well it closes."""
    from animator.closers import Closer
    from animator.report import meter, report_of
    from core.devices import ModelPool

    if model != "auto" and method not in ("gap", "pingpong"):
        raise UserError(f"{method} makes no new frames", where="--model", way_out="Leave it out, or choose gap")
    source = Film.of(clip, fps)
    if out.resolve() == clip.resolve():
        raise UserError("would be written over while it is read", where=str(out), way_out="Give another name")
    exporter = exporter_for(out)
    loop = _searched(source, find) if find or method == "find" else None
    if loop and method == "flow-fade" and not over:
        method = "find"
    options = {"weights": weights} if weights else {}
    closer = Closer.named(model, options, source.fps, ModelPool(), is_free=not source.has_sound)
    made = _closed(source, method, _overlap(over, method, source.fps), loop, closer)
    eye = meter(source.fps)
    with TemporaryDirectory() as folder:
        track = sound_track(source, made, Path(folder)) if exporter.keeps_sound else None
        with exporting(exporter, out, source, track) as write, progress(clip.name, made.count, 0) as advance:
            for image in made.images:
                write(image)
                eye.see(image)
                advance()
    _tell(out, method, made, loop, report_of(eye, source.fps), has_sound=track is not None, as_json=as_json)


def _tell(
    out: Path, method: Method, made: "Closed", loop: "Loop | None", report: "Report", *, has_sound: bool, as_json: bool
) -> None:
    """What was made and how well it closes."""
    from interpolation.seam import HELD

    joined = _joined(made.made, report)
    if as_json:
        at = {"start": loop.start, "length": loop.length, "distance": loop.distance} if loop else None
        facts = {"file": str(out), "method": method, "how": made.told, "found": at, "sound": has_sound, "made": joined}
        say(json.dumps({**facts, **report.to_json()}, indent=1))
        return
    if loop:
        end = loop.start + loop.length - 1
        say(f"frames {loop.start} to {end} meet: {loop.distance:.1f} levels apart, {loop.usual:.1f} between neighbours")
    figures = ", ".join(
        f"{score.name} {score.value:.2f}"
        for score in report.scores
        if score.verdict and score.value is not None and score.name != "motion"
    )
    say(f"{out}: {report.series.frames} frames, {method} {made.told}, as a loop: {report.loops} ({figures})")
    if joined:
        say(
            f"  made for it: {joined['frames']} frames, in steps of {joined['smallest step']:.2f} to "
            f"{joined['largest step']:.2f} of the median, with changes of motion up to {joined['turn']:.2f} of theirs"
        )
    if method == "pingpong" and report.loops != "pass":
        say(BY_NATURE)
    elif made.least < HELD:
        say(f"  the clip itself has steps of {made.least:.2f} of its median; closing it does not change them")


def _joined(made: range, report: "Report") -> dict[str, float] | None:
    """How the frames that are not the clip's own lie between the others; None if there are none."""
    import numpy as np

    from interpolation.seam import FROZEN, STILL

    if not made:
        return None
    places = np.arange(made.start - 1, made.stop)
    steps, turns = (
        np.take(values, places, mode="wrap") / max(float(np.median(values)), least)
        for values, least in ((report.series.steps, FROZEN), (report.series.turns, STILL))
    )
    figures = {"smallest step": steps.min(), "largest step": steps.max(), "turn": turns.max()}
    return {"frames": len(made)} | {name: round(float(value), 3) for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class Film:
    """A clip on disk that can be read again from any place."""

    path: Path
    rate: str  # of pictures
    fps: Fraction
    count: int
    has_sound: bool

    @classmethod
    def of(cls, path: Path, rate: str) -> "Film":
        """A video, a folder of pictures or a pattern; its frames are counted by reading them.

        Raises:
            UserError: if it cannot be read.
        """
        with opened(path, rate) as video:
            return cls(path, rate, video.info.fps, sum(1 for _ in video), video.info.sound is not None)

    def frames(self, start: int, stop: int) -> "Iterator[Image]":
        """Frames start .. stop - 1."""
        with opened(self.path, self.rate) as video:
            for _, image in islice(video, start, stop):
                yield image


def _closed(source: Film, method: Method, over: int | None, loop: "Loop | None", closer: "Closer") -> "Closed":
    """The clip, or the stretch that was found in it, closed by a method.

    Raises:
        MediaError: if it is too short.
    """
    from animator.closers import strides
    from interpolation.loops import Part

    part = Part(source, loop.start, loop.length) if loop else Part(source, 0, source.count)
    match method:
        case "fade" | "flow-fade":
            return closer.fade(part, strides(part), over, moves=method == "flow-fade")
        case "gap":
            return closer.gap(part, strides(part), over)
        case "pingpong":
            return closer.pingpong(part, strides(part), over)
        case "find":
            assert loop is not None
            return closer.cut(source, loop, strides(source), over)


def sound_track(source: Film, made: "Closed", folder: Path) -> "Soundtrack | None":
    """The sound of the clip, made to go round with the pictures; None if it has none.

    Raises:
        MediaError: if it is damaged.
    """
    import numpy as np

    from media.sound import RATE, STEREO, Soundtrack, sound_blocks, write_samples
    from media.soundring import Recording

    if not source.has_sound:
        return None
    if source.count > LONGEST_SOUND * source.fps:
        warn(f"sound is left out: more than {LONGEST_SOUND // 60} minutes are not made to go round")
        return None
    length, blocks = round(source.count * RATE / source.fps), []
    for block in sound_blocks(source.path, RATE, channels=STEREO):
        blocks.append(block)
        if sum(map(len, blocks)) >= length:
            break
    heard = np.concatenate([*blocks, np.zeros((length, STEREO), np.float32)])[:length]
    path = folder / "sound.wav"
    write_samples(path, made.sound(Recording(heard)))
    return Soundtrack(path)


def length_of(text: str, fps: Fraction, where: str) -> int:
    """`48` or `2s` as frames.

    Raises:
        UserError: if it is neither, or less than a frame.
    """
    read = _LENGTH.fullmatch(text.strip())
    frames = round(Fraction(read.group(1)) * (fps if read.group(2) else 1)) if read else 0
    if not 1 <= frames <= LONGEST:
        raise UserError(
            f"{text!r} is no length", where=where, way_out="Write frames, as in 48, up to 100000, or seconds, as in 2s"
        )
    return frames


def _overlap(text: str, method: Method, fps: Fraction) -> int | None:
    """Frames, or None for what suits the clip; a pingpong may turn in none, a stretch be cut."""
    if not text:
        return None
    return 0 if method in ("pingpong", "find") and text.strip() == "0" else length_of(text, fps, "--over")


def _searched(source: Film, text: str) -> "Loop":
    """The stretch that meets itself best, by default anything from a second to the whole clip."""
    from interpolation.search import found

    low, dots, high = text.partition("..")
    shortest = length_of(low, source.fps, "--find") if text else max(2, round(source.fps))
    longest = length_of(high, source.fps, "--find") if dots else shortest if text else source.count
    if longest < max(2, shortest):
        raise UserError(f"{text!r} is no span", where="--find", way_out="Write the shorter length first, as in 4s..8s")
    try:
        return found(source.frames(0, source.count), shortest, longest)
    except MediaError as fault:
        fault.where = fault.where or str(source.path)
        raise


def exporter_for(out: Path) -> "Exporter":
    """The writer for a file's ending."""
    from media.formats import build, format_for

    exporter = build(format_for(out))
    if not out.parent.is_dir():
        raise UserError("there is no such folder", where=str(out.parent), way_out="Make it first")
    return exporter


@contextmanager
def exporting(exporter: "Exporter", out: Path, source: Film, track: "Soundtrack | None") -> "Iterator[Write]":
    """The file being written, at the size of the source's first frame."""
    from core.image import Size

    first = next(iter(source.frames(0, 1)))
    size = Size.of(first)
    exporter.check(size, source.fps)
    with exporter.open(out, size, source.fps, {"Software": "Driftloop"}, track) as write:
        yield write

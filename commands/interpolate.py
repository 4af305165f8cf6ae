"""`interpolate`: a clip with more frames a second, or slower."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.clips import opened
from commands.loop import Film, exporter_for, exporting
from commands.metrics import Clip, Rate
from commands.terminal import say, warn
from core.errors import UserError

if TYPE_CHECKING:
    from interpolation.retime import Timed

_RATE = re.compile(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?")
LARGEST = 1000  # times as many frames

Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write, as in smooth.mp4.")]
Factor = Annotated[str, typer.Option(help="So many frames for each one: 2, 4, 2.5, 15/4.")]
Target = Annotated[str, typer.Option("--to-fps", metavar="RATE", help="Frames a second of the result: 60, 30000/1001.")]
Slow = Annotated[str, typer.Option(help="So many times slower, at the same rate.")]
Model = Annotated[str, typer.Option(help="Who makes the frames: blend, flow, film.")]
Weights = Annotated[str, typer.Option(help="Of film: a file, or a name in the models folders.")]
Closed = Annotated[bool, typer.Option("--closed", help="The clip is a loop: fill the way from its end to its start.")]
Unique = Annotated[bool, typer.Option("--drop-repeats", help="Leave out frames that repeat the one before.")]


def command(
    clip: Clip, out: Out, factor: Factor = "", to_fps: Target = "", slow: Slow = "", model: Model = "flow",
    weights: Weights = "", closed: Closed = False, drop_repeats: Unique = False, fps: Rate = "24",
) -> None:  # fmt: skip
    """Put frames between the frames of a clip: more a second, or the same for longer. Cuts stay cuts."""
    from commands.progress import progress
    from core.devices import ModelPool
    from interpolation import models
    from interpolation.retime import numbered, retimed, ring_count, without_repeats

    times, rate_factor = _pace(factor, to_fps, slow)
    source = Film.of(clip, fps)
    if to_fps:
        times = rate_factor = _number(to_fps, "--to-fps") / source.fps
    if times > LARGEST or times * LARGEST < 1:
        raise UserError(f"{float(times):g} times as many frames", way_out=f"Choose from 1/{LARGEST} to {LARGEST}")
    count = ring_count(source.count, times) if closed else int((source.count - 1) * times) + 1
    maker = models.REGISTRY.build(model, {"weights": weights} if weights else {}, pool=ModelPool())
    frames: Iterator[Timed] = numbered(source.frames(0, source.count))
    if to_fps and not closed:
        frames = _by_time(source)
    if drop_repeats:
        frames = without_repeats(frames)
    exporter = exporter_for(out)
    result = Film(source.path, source.rate, source.fps * rate_factor, count)
    made = 0
    with exporting(exporter, out, result) as write, progress(out.name, count, 0) as advance:
        for image in retimed(frames, 1 / times, maker.between, ring=Fraction(1) if closed else None):
            write(image)
            made += 1
            advance()
    if _has_sound(source):
        warn(f"{clip}: its sound is not taken along")
    say(f"{out}: {made} frames from {source.count}, {float(result.fps):g} frames a second")


def _pace(factor: str, to_fps: str, slow: str) -> tuple[Fraction, Fraction]:
    """How many times as many frames, and how many times the rate.

    Raises:
        UserError: unless exactly one way is asked for.
    """
    if sum(map(bool, (factor, to_fps, slow))) != 1:
        raise UserError("one of --factor, --to-fps and --slow is needed", way_out="As in --factor 4")
    if slow:
        return _number(slow, "--slow"), Fraction(1)
    times = _number(factor, "--factor") if factor else Fraction(1)
    return times, times


def _number(text: str, where: str) -> Fraction:
    """A positive rational number.

    Raises:
        UserError: if the text is none.
    """
    try:
        number = Fraction(text) if _RATE.fullmatch(text.strip()) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        number = Fraction(0)
    if number <= 0:
        raise UserError(f"{text!r} is no number above 0", where=where, way_out="Write 4, 2.5 or 15/4")
    return number


def _by_time(source: Film) -> "Iterator[Timed]":
    """Frames at their own times, in source frames, so that uneven ones come out even."""
    with opened(source.path, source.rate) as video:
        for seconds, image in video:
            yield seconds * source.fps, image


def _has_sound(source: Film) -> bool:
    with opened(source.path, source.rate) as video:
        return video.info.sound is not None

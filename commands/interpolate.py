"""`interpolate`: more frames, another rate, slow motion, out of a video or a folder of pictures."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.clips import FASTEST, Fitted, Sized, fit_named, opened
from commands.progress import progress
from commands.terminal import AsJson, ModelsFolders, option, say, warn
from core.errors import UserError
from core.image import Size, resized

if TYPE_CHECKING:
    from interpolation.models import Interpolator
    from interpolation.retime import Timed
    from media.formats import Delivery
    from media.purposes import Fit
    from media.sound import Soundtrack
    from media.video import Reader, VideoInfo

LARGEST = 1000  # times as many frames

Clip = Annotated[Path, typer.Argument(metavar="IN", help="A video, a folder of pictures, or a pattern like 'a/*.png'.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The file to write; its ending says its format.")]
Factor = Annotated[str, typer.Option(help="So many times the frames and the rate, as in 4, 2.5 or 15/4.")]
Rate = Annotated[str, typer.Option("--fps", help="Frames per second of the result, as in 60 or 30000/1001.")]
Slow = Annotated[str, typer.Option(help="Slow motion: 2 plays at half speed, at the same rate.")]
Model = Annotated[str, typer.Option(help="Who makes the frames; `list interpolators` names them.")]
Weights = Annotated[str, typer.Option(help="Of film and rife: a file, or a name in the models folders.")]
Given = Annotated[
    list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Option of the model, as in shrink=2.")
]
Closed = Annotated[bool, typer.Option("--closed", help="The clip is a loop: fill the way from its end to its start.")]
Unique = Annotated[bool, typer.Option("--drop-repeats", help="Leave out frames that repeat the one before.")]
Stretch = Annotated[bool, typer.Option("--stretch-sound", help="With --slow: slow the sound down too; pitch stays.")]
PictureRate = Annotated[str, typer.Option("--in-fps", help="Frames per second of a folder of pictures.")]


def command(
    clip: Clip, out: Out, factor: Factor = "", fps: Rate = "", slow: Slow = "", model: Model = "flow",
    weights: Weights = "", closed: Closed = False, drop_repeats: Unique = False, stretch_sound: Stretch = False,
    in_fps: PictureRate = "24", size: Sized = "", fit: Fitted = "refuse", options: Given = None,
    as_json: AsJson = False, models_dir: ModelsFolders = None,
) -> None:  # fmt: skip
    """Put frames between the frames of a clip: more a second, or the same for longer. Cuts stay cuts."""
    from core.devices import ModelPool
    from interpolation.models import REGISTRY
    from interpolation.retime import retimed, ring_count, without_repeats
    from media.formats import delivering

    given = ({"weights": weights} if weights else {}) | dict(map(option, options or ()))
    maker: Interpolator = REGISTRY.build(model, given, pool=ModelPool())
    delivery = _delivery(out, clip, fit_named(fit))
    with opened(clip, in_fps) as video:
        info = video.info
        rate, step = _pace(info, factor, fps, slow)
        sound = _sound(clip, info, rate * step, stretch=stretch_sound)
        if closed:
            ring_count(sum(1 for _ in video), 1 / (info.fps * step))
        if info.has_alpha:
            warn("opacity is left out; transparent parts become black")
        wanted = Size.parse(size) if size else info.size
        frames = _moments(video, wanted)
        frames = without_repeats(frames) if drop_repeats else frames
        expected = round(info.seconds / step) if closed else int((info.seconds - 1 / info.fps) / step) + 1
        made = 0
        with (
            delivering([delivery], wanted, rate, {"Software": "Driftloop"}, sound) as write,
            progress(clip.name, expected, 0) as advance,
        ):
            for image in retimed(frames, step, maker.between, ring=1 / info.fps if closed else None):
                write(image)
                made += 1
                advance()
    if as_json:
        shape = list(delivery.size(wanted))
        say(json.dumps({"file": str(out), "model": model, "size": shape, "fps": str(rate), "frames": made}))
        return
    say(f"{out}: {made} frames, {float(rate):g} frames per second, {model}")


def _moments(video: "Reader", size: Size) -> "Iterator[Timed]":
    """The frames with their times in seconds: even ones in a clip of one rate, their own where they vary."""
    for n, (seconds, image) in enumerate(video):
        yield (seconds if video.info.is_variable else n / video.info.fps), resized(image, size)


def _pace(info: "VideoInfo", factor: str, fps: str, slow: str) -> tuple[Fraction, Fraction]:
    """Frames per second of the result, and seconds of the clip from one of its frames to the next.

    Raises:
        UserError: if nothing is asked for, too much at once, or a number is out of range.
    """
    if not (factor or fps or slow):
        raise UserError("nothing to do", way_out="Give --factor 4, --fps 60 or --slow 2")
    if factor and fps:
        raise UserError("a factor and a rate at once", way_out="Give --factor or --fps, not both")
    source = Fraction(max(1, round(info.fps))) if info.is_variable else info.fps
    rate = _number(fps, "--fps") if fps else source * _number(factor or "1", "--factor")
    step = 1 / (rate * _number(slow or "1", "--slow"))
    times = 1 / (info.fps * step)
    if not Fraction(1, LARGEST) <= times <= LARGEST:
        raise UserError(f"{float(times):g} times as many frames", way_out=f"Choose from 1/{LARGEST} to {LARGEST}")
    if rate > FASTEST:
        what = f"{float(rate):g} frames per second are too many"
        raise UserError(what, way_out=f"At most {FASTEST}; --slow keeps the rate")
    return rate, step


def _number(text: str, where: str) -> Fraction:
    """`4`, `2.5` or `5/2`.

    Raises:
        UserError: if it is no number above 0.
    """
    try:
        value = Fraction(text) if len(text) <= 24 and "e" not in text.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise UserError(f"{text!r} is no number above 0", where=where, way_out="Write it as in 4, 2.5 or 30000/1001")
    return value


def _delivery(out: Path, clip: Path, fit: "Fit") -> "Delivery":
    """What is written where.

    Raises:
        UserError: if it cannot be.
    """
    from media.formats import Delivery, build, format_for

    if out.resolve() == clip.resolve():
        raise UserError("would be written over while it is read", where=str(out), way_out="Give another name")
    if not out.parent.is_dir():
        raise UserError("there is no such folder", where=str(out.parent), way_out="Make it first")
    return Delivery(out, build(format_for(out)), fit)


def _sound(clip: Path, info: "VideoInfo", tempo: Fraction, *, stretch: bool) -> "Soundtrack | None":
    """The clip's own sound: as it is, or slowed down with the pictures if that is asked for.

    Raises:
        UserError: for sound to be stretched where nothing is slowed down.
    """
    from media.sound import Soundtrack

    if stretch and tempo == 1:
        raise UserError("nothing is slowed down", where="--stretch-sound", way_out="Give it together with --slow")
    if info.sound is None:
        return None
    if tempo != 1 and not stretch:
        warn("slow motion leaves the sound out; --stretch-sound slows it down too")
        return None
    return Soundtrack(clip, tempo=float(tempo))

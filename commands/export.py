"""`export`: a video or pictures in the format a player wants."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.clips import Fitted, Sized, fit_named, opened
from commands.progress import progress
from commands.terminal import AsJson, option, say, warn
from core.errors import UserError
from core.image import Size, resized

if TYPE_CHECKING:
    from core.image import Image
    from media.formats import Delivery
    from media.sound import Soundtrack
    from media.video import Reader, VideoInfo

Clip = Annotated[Path, typer.Argument(metavar="IN", help="A video, a folder of pictures, or a pattern like 'a/*.png'.")]
Outs = Annotated[
    list[Path] | None, typer.Option("--out", "-o", metavar="OUT", help="File to write; give several for several.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="NAME", help="One per OUT, as in hap-alpha; by OUT's ending if left out."),
]
For = Annotated[str, typer.Option("--for", help="resolume, touchdesigner, web, editor or archive: its best format.")]
Rate = Annotated[str, typer.Option("--fps", help="Frames per second; the clip's own if left out, 24 for pictures.")]
Audio = Annotated[Path | None, typer.Option(help="Sound to go with it, in place of the clip's own.")]
Start = Annotated[float, typer.Option("--audio-start", help="Seconds of the sound to leave out; negative: silence.")]
Volume = Annotated[float, typer.Option(help="Of the sound: 0 silent, 1 as it is.")]
Tempo = Annotated[float, typer.Option(help="Of the sound: 2 twice as fast; the pitch stays.")]
Looped = Annotated[bool, typer.Option("--audio-loop", help="Start the sound again where it ends.")]
Mute = Annotated[bool, typer.Option("--mute", help="Leave the sound out.")]
Given = Annotated[
    list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Option of the format, as in crf=20.")
]


def command(
    clip: Clip, outs: Outs = None, formats: Formats = None, purpose: For = "", fps: Rate = "", size: Sized = "",
    fit: Fitted = "refuse", audio: Audio = None, start: Start = 0.0, volume: Volume = 1.0, tempo: Tempo = 1.0,
    looped: Looped = False, mute: Mute = False, options: Given = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write a clip in another format: opacity and sound are kept where the format can hold them."""
    from media.formats import delivering

    with opened(clip, fps or "24") as video:
        info = video.info
        rate = _rate(fps, info)
        deliveries = _deliveries(clip, outs or [], formats or [], purpose, fit, options or [], info)
        sound = None if mute else _sound(clip, audio, (start, volume, tempo), looped, info)
        wanted = Size.parse(size) if size else info.size
        has_alpha = info.has_alpha and any(delivery.exporter.keeps_alpha for delivery in deliveries)
        _say_what_is_left_out(deliveries, info, sound)
        text = {"Software": "Driftloop"}
        count = max(1, round(info.seconds * rate))
        with (
            delivering(deliveries, wanted, rate, text, sound) as write,
            progress(clip.name, count, 0) as advance,
        ):
            for image in _steady(video, rate, count, has_alpha=has_alpha):
                write(resized(image, wanted))
                advance()
    made = [{"file": str(d.path), "size": list(d.size(wanted)), "fps": str(rate), "frames": count} for d in deliveries]
    if as_json:
        say(json.dumps(made, indent=1))
        return
    for delivery in deliveries:
        say(f"{delivery.path}: {count} frames, {delivery.size(wanted)}, {float(rate):g} frames per second, checked")


def _steady(video: "Reader", fps: Fraction, count: int, *, has_alpha: bool) -> "Iterator[Image]":
    """`count` frames at one rate: at each moment the picture that shows then."""
    given = 0
    last = None
    for seconds, image in video.rgba() if has_alpha else video:
        while last is not None and given < count and given / fps < seconds - 1 / fps / 2:
            yield last
            given += 1
        last = image
    assert last is not None  # a reader without pictures does not open
    for _ in range(given, count):
        yield last


def _rate(text: str, info: "VideoInfo") -> Fraction:
    """The rate asked for, else the clip's, to whole frames if that varies."""
    if not text:
        return Fraction(max(1, round(info.fps))) if info.is_variable else info.fps.limit_denominator(1001)
    return Fraction(text)  # `opened` has looked at it


def _deliveries(
    clip: Path, outs: list[Path], formats: list[str], purpose: str, fit: str, options: list[str], info: "VideoInfo"
) -> "list[Delivery]":
    """What to write.

    Raises:
        UserError: for what does not fit together.
    """
    from media.formats import Delivery, build, format_for
    from media.purposes import for_purpose

    fits = fit_named(fit)
    if purpose and (formats or len(outs) > 1):
        raise UserError("--for chooses the format of one file", way_out="Leave out --format, or give one OUT")
    if formats and len(formats) not in (1, len(outs)):
        raise UserError(f"{len(formats)} formats for {len(outs)} files", where="--format", way_out="Give one per OUT")
    asked = [for_purpose(purpose, has_alpha=info.has_alpha)] if purpose else formats
    if not outs:
        if not asked:
            raise UserError("nothing to write", way_out="Give -o OUT, --format or --for")
        outs = [_beside(clip, purpose or name, build(name).suffix) for name in asked]
    named = asked * len(outs) if len(asked) == 1 else asked or [format_for(out) for out in outs]
    settings = dict(map(option, options))
    made: list[Delivery] = []
    for out, name in zip(outs, named, strict=True):
        exporter = build(name, settings)
        _check_place(out, clip, name, exporter.suffix)
        if any(out.resolve() == other.path.resolve() for other in made):
            raise UserError("is given twice", where=str(out))
        made.append(Delivery(out, exporter, fits))
    return made


def _beside(clip: Path, name: str, suffix: str) -> Path:
    """A file beside the clip, called after it and what it is for: `dance.resolume.mov`, or `dance.webm`."""
    plain = clip.with_name(clip.stem + suffix)
    is_plain = suffix in (f".{name}", f"_{name}") and plain != clip
    return plain if is_plain else clip.with_name(f"{clip.stem}.{name}{suffix}")


def _check_place(out: Path, clip: Path, name: str, suffix: str) -> None:
    """Where a file may go."""
    if out.resolve() == clip.resolve():
        raise UserError("would be written over while it is read", where=str(out), way_out="Give another name")
    if not out.parent.is_dir():
        raise UserError("there is no such folder", where=str(out.parent), way_out="Make it first")
    if suffix.startswith(".") and out.suffix.lower() not in (suffix, ".m4v" if suffix == ".mp4" else suffix):
        raise UserError(f"{name} files end in {suffix}", where=str(out), way_out=f"Name it {out.with_suffix(suffix)}")
    if not suffix.startswith(".") and out.suffix:
        raise UserError(f"{name} makes a folder", where=str(out), way_out=f"Name it {out.with_suffix('')}")


def _sound(
    clip: Path, audio: Path | None, numbers: tuple[float, float, float], looped: bool, info: "VideoInfo"
) -> "Soundtrack | None":
    """The sound asked for, else the clip's own, if it has any.

    Raises:
        MediaError: if the file asked for has none.
        UserError: for a number out of its range.
    """
    from core.errors import MediaError
    from media.sound import Soundtrack, sound_info

    start, volume, tempo = numbers
    if not 0 <= volume <= 10:
        raise UserError(f"{volume:g} is no volume", where="--volume", way_out="From 0 to 10; 1 leaves it as it is")
    if not 0.05 <= tempo <= 20:
        raise UserError(f"{tempo:g} is no tempo", where="--tempo", way_out="From 0.05 to 20; 1 leaves it as it is")
    if audio is None and info.sound is None:
        return None
    if audio and sound_info(audio) is None:
        raise MediaError("has no sound", where=str(audio), way_out="Give a file with sound, or --mute")
    return Soundtrack(audio or clip, Fraction(start).limit_denominator(10**6), volume, looped, tempo)


def _say_what_is_left_out(deliveries: "list[Delivery]", info: "VideoInfo", sound: "Soundtrack | None") -> None:
    for delivery in deliveries:
        if info.has_alpha and not delivery.exporter.keeps_alpha:
            warn(f"{delivery.path}: this format holds no opacity; transparent parts become black")
        if sound and not delivery.exporter.keeps_sound:
            warn(f"{delivery.path}: this format holds no sound")

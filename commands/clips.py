"""Clips as commands take them: a video, a folder of pictures, or a pattern."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import MediaError, UserError

if TYPE_CHECKING:
    from media.purposes import Fit
    from media.video import Reader

FASTEST = 240  # frames per second
RENDERED, PROJECT_FILE = "frames", "project.json"  # in the folder of a render
FITS: "dict[str, Fit]" = {"refuse": "refuse", "pad": "pad", "crop": "crop"}

Sized = Annotated[str, typer.Option("--size", metavar="WxH", help="Scale frames to this size.")]
Fitted = Annotated[str, typer.Option("--fit", help="Sizes a format cannot hold: refuse, pad or crop.")]


def fit_named(text: str) -> "Fit":
    """A way to fit, by its name.

    Raises:
        UserError: if there is none of that name.
    """
    if text not in FITS:
        raise UserError(f"{text!r} is no way to fit", where="--fit", way_out=f"Known: {', '.join(FITS)}")
    return FITS[text]


@contextmanager
def opened(clip: Path, fps: str) -> "Iterator[Reader]":
    """The reader of a clip.

    Args:
        clip: a video, a folder of pictures, or a pattern.
        fps: of pictures, as text; a video knows its own.

    Raises:
        UserError: if `fps` is no rate.
        MediaError: if the clip cannot be read; one without a place that the block raises gets the clip's.
    """
    from media.video import open_video

    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= FASTEST:
        raise UserError(f"{fps!r} is no frame rate", where="--fps", way_out="Write 24, 29.97 or 30000/1001")
    if (clip / RENDERED).is_dir() and (clip / PROJECT_FILE).is_file():
        raise MediaError("is the folder of a render", where=str(clip), way_out=f"Give its video, or {clip / RENDERED}")
    try:
        with open_video(clip, rate) as video:
            yield video
    except MediaError as fault:
        fault.where = fault.where or str(clip)
        raise

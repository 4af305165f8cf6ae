"""Clips as commands take them: a video, a folder of pictures, or a pattern."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import UserError

if TYPE_CHECKING:
    from media.purposes import Fit
    from media.video import Reader

FASTEST = 240  # frames per second
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


def opened(clip: Path, fps: str) -> "Reader":
    """The reader of a clip; use it in a with-block.

    Args:
        clip: a video, a folder of pictures, or a pattern.
        fps: of pictures, as text; a video knows its own.

    Raises:
        UserError: if `fps` is no rate.
    """
    from media.video import open_video

    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= FASTEST:
        raise UserError(f"{fps!r} is no frame rate", where="--fps", way_out="Write 24, 29.97 or 30000/1001")
    return open_video(clip, rate)

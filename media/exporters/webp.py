"""Animated WebP with opacity: for web pages."""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Annotated

from pydantic import Field

from core.errors import MediaError
from core.image import Size
from media.encode import Encoding, encode
from media.exporters import Exporter

LARGEST_WEBP = 16383  # pixels
MOST_FRAMES = 1000  # a second


@dataclass(frozen=True, slots=True)
class Options:
    """How well frames are compressed, and how often it plays."""

    quality: Annotated[float, Field(ge=0, le=100)] = 85.0  # 100 is best
    lossless: bool = False  # exact, and several times as large; frames with opacity always are
    plays: Annotated[int, Field(ge=0, le=65535)] = 0  # how often it plays; 0: for ever


def build(options: Options, pool: object) -> Exporter:
    """Times are whole thousandths of a second. Holds no sound."""
    return Exporter("WebP", ".webp", partial(encode, partial(_encoding, options)), keeps_alpha=True, refuse=_check)


def _check(size: Size, fps: Fraction) -> None:
    """Sides may have up to 16383 pixels, and a second up to 1000 frames."""
    if max(size) > LARGEST_WEBP:
        raise MediaError(f"{size} is too large for WebP", way_out=f"Sides may have up to {LARGEST_WEBP} pixels")
    if fps > MOST_FRAMES:
        raise MediaError(f"{fps} frames per second are too many for WebP", way_out="It counts thousandths of a second")


def _encoding(options: Options, has_alpha: bool) -> Encoding:
    is_lossless = options.lossless or has_alpha  # lossy WebP loses opacity that is only on or off
    given = {"quality": f"{options.quality:g}", "lossless": str(int(is_lossless))}
    tick = Fraction(1, MOST_FRAMES)
    return Encoding("webp", "libwebp_anim", "bgra", given, {"loop": f"{options.plays}"}, "", has_alpha, tick)

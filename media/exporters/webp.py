"""Animated WebP with opacity: for web pages."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from core.errors import MediaError
from core.image import Size
from media.behind import Write, behind
from media.encode import Clip, Encoding, check_rate, encode
from media.sound import Soundtrack

LARGEST_WEBP = 16383  # pixels
MOST_FRAMES = 1000  # a second


@dataclass(frozen=True, slots=True)
class Options:
    """How well frames are compressed."""

    quality: Annotated[float, Field(ge=0, le=100)] = 85.0  # 100 is best
    lossless: bool = False  # exact, and several times as large; frames with opacity always are


@dataclass(frozen=True, slots=True)
class WebP:
    """Plays for ever. Times are whole thousandths of a second. Holds no sound."""

    options: Options
    suffix: ClassVar[str] = ".webp"
    step: ClassVar[Size] = Size(1, 1)
    keeps_alpha: ClassVar[bool] = True
    keeps_sound: ClassVar[bool] = False
    keeps_text: ClassVar[bool] = False

    def check(self, size: Size, fps: Fraction) -> None:
        """Sides may have up to 16383 pixels, and a second up to 1000 frames."""
        if max(size) > LARGEST_WEBP:
            raise MediaError(f"{size} is too large for WebP", way_out=f"Sides may have up to {LARGEST_WEBP} pixels")
        if fps > MOST_FRAMES:
            raise MediaError(
                f"{fps} frames per second are too many for WebP", way_out="It counts thousandths of a second"
            )
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(encode, self._encoding, Clip(path, size, fps, text, sound)))

    def _encoding(self, has_alpha: bool) -> Encoding:
        is_lossless = self.options.lossless or has_alpha  # lossy WebP loses opacity that is only on or off
        options = {"quality": f"{self.options.quality:g}", "lossless": str(int(is_lossless))}
        tick = Fraction(1, MOST_FRAMES)
        return Encoding("webp", "libwebp_anim", "bgra", options, {"loop": "0"}, "", has_alpha, tick)


def build(options: Options, pool: object) -> WebP:
    """The exporter; the pool is not needed."""
    return WebP(options)

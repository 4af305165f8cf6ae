"""FFV1 in MKV, lossless, with opacity: to keep."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar

from core.image import Size
from media.behind import Write, behind
from media.encode import Clip, Encoding, check_rate, encode
from media.sound import Soundtrack


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way."""


@dataclass(frozen=True, slots=True)
class Mkv:
    """Writes RGB as it is, every frame alone, with check sums, and FLAC sound. Times are whole thousandths."""

    options: Options
    suffix: ClassVar[str] = ".mkv"
    step: ClassVar[Size] = Size(1, 1)
    keeps_alpha: ClassVar[bool] = True
    keeps_sound: ClassVar[bool] = True
    keeps_text: ClassVar[bool] = True

    def check(self, size: Size, fps: Fraction) -> None:
        """The rate must be a fraction of 32-bit numbers."""
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(encode, self._encoding, Clip(path, size, fps, text, sound)))

    def _encoding(self, has_alpha: bool) -> Encoding:
        options = {"level": "3", "g": "1", "slicecrc": "1", "slices": "4"}
        return Encoding("matroska", "ffv1", "bgra" if has_alpha else "bgr0", options, {}, "flac", has_alpha)


def build(options: Options, pool: object) -> Mkv:
    """The exporter; the pool is not needed."""
    return Mkv(options)

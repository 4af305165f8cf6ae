"""DXV 3 in MOV, opaque: what Resolume plays best."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar

from core.image import Size
from media.behind import Write, behind
from media.encode import Clip, Encoding, check_rate, check_step, encode
from media.sound import Soundtrack


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way."""


@dataclass(frozen=True, slots=True)
class Dxv:
    """Writes DXT1 pictures, which a graphics card plays as they are, and PCM sound."""

    options: Options
    suffix: ClassVar[str] = ".mov"
    step: ClassVar[Size] = Size(16, 4)  # at other widths FFmpeg writes what nobody can read
    keeps_alpha: ClassVar[bool] = False
    keeps_sound: ClassVar[bool] = True
    keeps_text: ClassVar[bool] = True

    def check(self, size: Size, fps: Fraction) -> None:
        """Width must be a multiple of 16, height of 4, and the rate a fraction of 32-bit numbers."""
        check_step(size, self.step, "DXV")
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(encode, self._encoding, Clip(path, size, fps, text, sound)))

    def _encoding(self, has_alpha: bool) -> Encoding:
        return Encoding("mov", "dxv", "rgba", {}, {"movflags": "+faststart+use_metadata_tags"}, "pcm_s16le")


def build(options: Options, pool: object) -> Dxv:
    """The exporter; the pool is not needed."""
    return Dxv(options)

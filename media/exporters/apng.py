"""Animated PNG, lossless, with opacity: for web pages."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from core.image import Size
from media.behind import Write, behind
from media.encode import Clip, Encoding, check_rate, encode
from media.sound import Soundtrack


@dataclass(frozen=True, slots=True)
class Options:
    """How often it plays."""

    plays: Annotated[int, Field(ge=0, le=65535)] = 0  # 0: for ever


@dataclass(frozen=True, slots=True)
class Apng:
    """Writes every frame exactly. Holds no sound."""

    options: Options
    suffix: ClassVar[str] = ".apng"
    step: ClassVar[Size] = Size(1, 1)
    keeps_alpha: ClassVar[bool] = True
    keeps_sound: ClassVar[bool] = False
    keeps_text: ClassVar[bool] = False

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
        pixels = "rgba" if has_alpha else "rgb24"
        return Encoding("apng", "apng", pixels, {"pred": "mixed"}, {"plays": f"{self.options.plays}"}, "", has_alpha)


def build(options: Options, pool: object) -> Apng:
    """The exporter; the pool is not needed."""
    return Apng(options)

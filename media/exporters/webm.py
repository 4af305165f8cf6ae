"""VP9 or AV1 in WebM, VP9 with opacity: for web pages and OBS."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.image import Size
from media.behind import Write, behind
from media.encode import Clip, Encoding, check_rate, check_step, encode
from media.sound import Soundtrack


@dataclass(frozen=True, slots=True)
class Options:
    """How well and how fast frames are compressed."""

    crf: Annotated[float, Field(ge=0, le=63)] = 22.0  # 0 is best, 63 worst
    variant: Literal["vp9", "av1"] = "vp9"  # av1 is smaller, slower, and without opacity
    speed: Annotated[int, Field(ge=0, le=8)] = 3  # faster makes larger files of the same look


@dataclass(frozen=True, slots=True)
class WebM:
    """Writes yuv420p or, for frames with opacity, yuva420p in BT.709, and Opus sound. Times are whole thousandths."""

    options: Options
    suffix: ClassVar[str] = ".webm"
    step: ClassVar[Size] = Size(2, 2)
    keeps_alpha: ClassVar[bool] = True
    keeps_sound: ClassVar[bool] = True
    keeps_text: ClassVar[bool] = True

    def check(self, size: Size, fps: Fraction) -> None:
        """Sides must be even, and the rate a fraction of 32-bit numbers."""
        check_step(size, self.step, "WebM")
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(encode, self._encoding, Clip(path, size, fps, text, sound)))

    def _encoding(self, has_alpha: bool) -> Encoding:
        if self.options.variant == "av1":
            options = {"crf": f"{self.options.crf:g}", "preset": f"{self.options.speed + 3}"}
            options["svtav1-params"] = "pred-struct=1"  # no frame refers to a later one
            return Encoding("webm", "libsvtav1", "yuv420p", options, sound="libopus")
        options = {"crf": f"{self.options.crf:g}", "b": "0", "cpu-used": f"{self.options.speed}", "row-mt": "1"}
        options |= {"deadline": "good", "auto-alt-ref": "0", "lag-in-frames": "0"}
        pixels = "yuva420p" if has_alpha else "yuv420p"
        return Encoding("webm", "libvpx-vp9", pixels, options, sound="libopus", has_alpha=has_alpha)


def build(options: Options, pool: object) -> WebM:
    """The exporter; the pool is not needed."""
    return WebM(options)

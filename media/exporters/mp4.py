"""H.264 or H.265 in MP4: plays everywhere; no opacity."""

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

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


@dataclass(frozen=True, slots=True)
class Options:
    """How well and how fast frames are compressed."""

    crf: Annotated[float, Field(ge=0, le=51)] = (
        17.0  # 0 is best, 51 worst; 17 looks like the frames, 23 is half the size
    )
    preset: Preset = "slow"  # slower makes smaller files of the same look
    variant: Literal["h264", "h265"] = "h264"  # h265 is smaller and plays in fewer places
    all_intra: bool = False  # every frame stands alone: larger, but players jump and run backwards at once
    threads: Annotated[int, Field(ge=0, le=64)] = 0  # that encode; 0 takes what the machine has


@dataclass(frozen=True, slots=True)
class Mp4:
    """Writes yuv420p in BT.709 at one rate, every frame once from time 0, ready to play while it loads.

    No frame refers to a later one, so nothing is delayed and a loop has no hiccup where it starts again.
    """

    options: Options
    suffix: ClassVar[str] = ".mp4"
    step: ClassVar[Size] = Size(2, 2)
    keeps_alpha: ClassVar[bool] = False
    keeps_sound: ClassVar[bool] = True
    keeps_text: ClassVar[bool] = True

    def check(self, size: Size, fps: Fraction) -> None:
        """Sides must be even, and the rate a fraction of 32-bit numbers."""
        check_step(size, self.step, "H.264" if self.options.variant == "h264" else "H.265")
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(encode, self._encoding, Clip(path, size, fps, text, sound)))

    def _encoding(self, has_alpha: bool) -> Encoding:
        options = {"crf": f"{self.options.crf:g}", "preset": self.options.preset, "bf": "0"}
        if self.options.all_intra:
            options["g"] = "1"
        if self.options.threads:
            options["threads"] = str(self.options.threads)
        codec = "libx264"
        if self.options.variant == "h265":
            codec = "libx265"
            pools = f":pools={self.options.threads}" if self.options.threads else ""
            options |= {"tag": "hvc1", "x265-params": f"log-level=error:bframes=0{pools}"}
        movflags = "+faststart+use_metadata_tags"  # the index in front; texts under any keyword
        return Encoding("mp4", codec, "yuv420p", options, {"movflags": movflags}, "aac")


def build(options: Options, pool: object) -> Mp4:
    """The exporter; the pool is not needed."""
    return Mp4(options)

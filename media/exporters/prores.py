"""ProRes in MOV, 4444 with opacity: for editors and Macs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from core.image import Size
from media.behind import Write, behind
from media.encode import Clip, Encoding, check_rate, check_step, encode
from media.sound import Soundtrack

PROFILES = ("422-proxy", "422-lt", "422", "422-hq", "4444", "4444-xq")  # FFmpeg numbers them like this
FIRST_4444 = 4
MOV = {"movflags": "+faststart+use_metadata_tags"}


@dataclass(frozen=True, slots=True)
class Options:
    """Which member of the family."""

    variant: Literal["422-proxy", "422-lt", "422", "422-hq", "4444", "4444-xq"] = (
        "422-hq"  # larger to the right; frames with opacity need 4444 or 4444-xq
    )


@dataclass(frozen=True, slots=True)
class ProRes:
    """Writes 10 bits in BT.709 and PCM sound; 4444 keeps the opacity of frames that have it, 16 bits of it."""

    options: Options
    suffix: ClassVar[str] = ".mov"
    step: ClassVar[Size] = Size(2, 2)
    keeps_sound: ClassVar[bool] = True
    keeps_text: ClassVar[bool] = True

    @property
    def keeps_alpha(self) -> bool:
        """Only 4444 does."""
        return PROFILES.index(self.options.variant) >= FIRST_4444

    def check(self, size: Size, fps: Fraction) -> None:
        """Sides must be even, and the rate a fraction of 32-bit numbers."""
        check_step(size, self.step, "ProRes")
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(encode, self._encoding, Clip(path, size, fps, text, sound)))

    def _encoding(self, has_alpha: bool) -> Encoding:
        has_alpha = has_alpha and self.keeps_alpha
        profile = PROFILES.index(self.options.variant)
        pixels = ("yuva444p10le" if has_alpha else "yuv444p10le") if profile >= FIRST_4444 else "yuv422p10le"
        options = {"profile": f"{profile}", "vendor": "apl0"} | ({"alpha_bits": "16"} if has_alpha else {})
        return Encoding("mov", "prores_ks", pixels, options, MOV, "pcm_s16le", has_alpha)


def build(options: Options, pool: object) -> ProRes:
    """The exporter; the pool is not needed."""
    return ProRes(options)

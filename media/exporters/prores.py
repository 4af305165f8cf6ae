"""ProRes in MOV, 4444 with opacity: for editors and Macs."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from core.image import Size
from media.encode import Encoding, encode
from media.exporters import Exporter

PROFILES = ("422-proxy", "422-lt", "422", "422-hq", "4444", "4444-xq")  # FFmpeg numbers them like this
FIRST_4444 = 4
MOV = {"movflags": "+faststart+use_metadata_tags"}


@dataclass(frozen=True, slots=True)
class Options:
    """Which member of the family."""

    variant: Literal["422-proxy", "422-lt", "422", "422-hq", "4444", "4444-xq"] = (
        "422-hq"  # larger to the right; frames with opacity need 4444 or 4444-xq
    )


def build(options: Options, pool: object) -> Exporter:
    """Writes 10 bits in BT.709 and PCM sound; 4444 keeps the opacity of frames that have it, 16 bits of it."""
    return Exporter(
        "ProRes",
        ".mov",
        partial(encode, partial(_encoding, options)),
        step=Size(2, 2),
        keeps_alpha=PROFILES.index(options.variant) >= FIRST_4444,
        keeps_sound=True,
        keeps_text=True,
    )


def _encoding(options: Options, has_alpha: bool) -> Encoding:
    profile = PROFILES.index(options.variant)
    has_alpha = has_alpha and profile >= FIRST_4444
    pixels = ("yuva444p10le" if has_alpha else "yuv444p10le") if profile >= FIRST_4444 else "yuv422p10le"
    given = {"profile": f"{profile}", "vendor": "apl0"} | ({"alpha_bits": "16"} if has_alpha else {})
    return Encoding("mov", "prores_ks", pixels, given, MOV, "pcm_s16le", has_alpha)

"""FFV1 in MKV, lossless, with opacity: to keep."""

from dataclasses import dataclass
from functools import partial

from media.encode import Encoding, encode
from media.exporters import Exporter


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way."""


def build(options: Options, pool: object) -> Exporter:
    """Writes RGB as it is, every frame alone, with check sums, and FLAC sound. Times are whole thousandths."""
    return Exporter("MKV", ".mkv", partial(encode, _encoding), keeps_alpha=True, keeps_sound=True, keeps_text=True)


def _encoding(has_alpha: bool) -> Encoding:
    given = {"level": "3", "g": "1", "slicecrc": "1", "slices": "4"}
    return Encoding("matroska", "ffv1", "bgra" if has_alpha else "bgr0", given, {}, "flac", has_alpha)

"""DXV 3 in MOV, opaque: what Resolume plays best."""

from dataclasses import dataclass
from functools import partial

from core.image import Size
from media.encode import Encoding, encode
from media.exporters import Exporter

STEP = Size(16, 4)  # at other widths FFmpeg writes what nobody can read


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way."""


def build(options: Options, pool: object) -> Exporter:
    """Writes DXT1 pictures, which a graphics card plays as they are, and PCM sound."""
    return Exporter("DXV", ".mov", partial(encode, _encoding), step=STEP, keeps_sound=True, keeps_text=True)


def _encoding(has_alpha: bool) -> Encoding:
    return Encoding("mov", "dxv", "rgba", {}, {"movflags": "+faststart+use_metadata_tags"}, "pcm_s16le")

"""Animated PNG, lossless, with opacity: for web pages."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field

from media.encode import Encoding, encode
from media.exporters import Exporter


@dataclass(frozen=True, slots=True)
class Options:
    """How often it plays."""

    plays: Annotated[int, Field(ge=0, le=65535)] = 0  # 0: for ever


def build(options: Options, pool: object) -> Exporter:
    """Writes every frame exactly. Holds no sound."""
    return Exporter("APNG", ".apng", partial(encode, partial(_encoding, options)), keeps_alpha=True)


def _encoding(options: Options, has_alpha: bool) -> Encoding:
    pixels = "rgba" if has_alpha else "rgb24"
    return Encoding("apng", "apng", pixels, {"pred": "mixed"}, {"plays": f"{options.plays}"}, "", has_alpha)

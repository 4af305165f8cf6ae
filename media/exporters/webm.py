"""VP9 or AV1 in WebM, VP9 with opacity: for web pages and OBS."""

import os
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from core.image import Size
from media.encode import Encoding, encode
from media.exporters import Exporter


@dataclass(frozen=True, slots=True)
class Options:
    """How well and how fast frames are compressed."""

    crf: Annotated[float, Field(ge=0, le=63)] = 22.0  # 0 is best, 63 worst
    variant: Literal["vp9", "av1"] = "vp9"  # av1 is smaller, slower, and without opacity
    speed: Annotated[int, Field(ge=0, le=8)] = 3  # faster makes larger files of the same look


def build(options: Options, pool: object) -> Exporter:
    """Writes yuv420p or, for frames with opacity, yuva420p in BT.709, and Opus sound. Times are whole thousandths."""
    return Exporter(
        "WebM",
        ".webm",
        partial(encode, partial(_encoding, options)),
        step=Size(2, 2),
        keeps_alpha=options.variant == "vp9",
        keeps_sound=True,
        keeps_text=True,
    )


def _encoding(options: Options, has_alpha: bool) -> Encoding:
    if options.variant == "av1":
        os.environ.setdefault("SVT_LOG", "1")  # else the encoder tells the terminal its settings; 1: faults alone
        given = {"crf": f"{options.crf:g}", "preset": f"{options.speed + 3}"}
        given["svtav1-params"] = "pred-struct=1"  # no frame refers to a later one
        return Encoding("webm", "libsvtav1", "yuv420p", given, sound="libopus")
    given = {"crf": f"{options.crf:g}", "b": "0", "cpu-used": f"{options.speed}", "row-mt": "1"}
    given |= {"deadline": "good", "auto-alt-ref": "0", "lag-in-frames": "0"}
    pixels = "yuva420p" if has_alpha else "yuv420p"
    return Encoding("webm", "libvpx-vp9", pixels, given, sound="libopus", has_alpha=has_alpha)

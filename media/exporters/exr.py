"""A folder of numbered OpenEXR pictures in linear light, with opacity: for compositing."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal

from core.image import Image, Rgba, Size
from media.exporters import Exporter
from media.exr import openexr, write_exr
from media.pictures import write_pictures


@dataclass(frozen=True, slots=True)
class Options:
    """How numbers are stored; they are half floats."""

    compression: Literal["zip", "zips", "piz", "dwaa", "dwab", "none"] = "zip"  # dwaa and dwab lose a little
    linear: bool = True  # amounts of light, as compositing expects; false stores sRGB levels 0..1


def build(options: Options, pool: object) -> Exporter:
    """The exporter; the pool is not needed."""
    kind = "NO" if options.compression == "none" else options.compression.upper()

    def write(path: Path, image: Image | Rgba, text: Mapping[str, str]) -> None:
        write_exr(path, image, text, kind, linear=options.linear)

    return Exporter(
        "EXR",
        "_exr",
        partial(write_pictures, write, ".exr"),
        keeps_alpha=True,
        pictures=".exr",
        refuse=_check_library,
    )


def _check_library(size: Size, fps: Fraction) -> None:
    """Whether pictures can be written at all."""
    openexr()

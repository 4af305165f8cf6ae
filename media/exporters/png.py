"""A folder of numbered PNG pictures, lossless, with opacity: for compositing, and to keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import PIL.Image
import PIL.PngImagePlugin

from core.image import Image, Rgba
from media.exporters import Exporter
from media.pictures import write_pictures
from media.stills import write_png


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way."""


def build(options: Options, pool: object) -> Exporter:
    """Writes 000000.png, 000001.png, ...; the folder takes its name when all are there."""
    write = partial(write_pictures, _write, ".png")
    return Exporter("PNG", "_png", write, keeps_alpha=True, pictures=".png")


def _write(path: Path, image: Image | Rgba, text: Mapping[str, str]) -> None:
    if image.shape[2] == 3:
        return write_png(path, image, text)
    words = PIL.PngImagePlugin.PngInfo()
    for key, value in text.items():
        words.add_itxt(key, value)
    return PIL.Image.fromarray(image).save(path, compress_level=1, pnginfo=words)

"""A filmstrip: evenly spaced frames side by side in one PNG picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field

from core.errors import MediaError
from core.image import Image, Rgba, Size, opaque, resized
from media.encode import Clip
from media.exporters import Exporter
from media.sheet import chosen
from media.stills import write_png


@dataclass(frozen=True, slots=True)
class Options:
    """How many frames, how large."""

    frames: Annotated[int, Field(ge=1, le=100)] = 10  # on the strip, evenly spaced; all of a shorter clip
    height: Annotated[int, Field(ge=16, le=2048)] = 180  # pixels
    gap: Annotated[int, Field(ge=0, le=200)] = 4  # pixels of black between frames


def build(options: Options, pool: object) -> Exporter:
    """Shows a clip at a glance. Memory does not grow with the clip."""
    return Exporter("filmstrip", ".png", partial(_write, options), keeps_text=True)


def _write(options: Options, clip: Clip, images: Iterator[Image | Rgba]) -> None:
    kept: list[Image] = []
    every = 1
    for n, image in enumerate(images):
        if n % every == 0:
            kept.append(_small(opaque(image), options.height))
        if len(kept) > 8 * options.frames:
            kept, every = kept[::2], 2 * every
    if not kept:
        raise MediaError("no frame was handed over", where=str(clip.path))
    strip = [kept[n] for n in chosen(range(len(kept)), max(2, options.frames))][: options.frames]
    gap = np.zeros((options.height, options.gap, 3), np.uint8)
    parts = [part for image in strip for part in (gap, image)][1:]
    write_png(clip.path, np.ascontiguousarray(np.hstack(parts)), clip.text)


def _small(image: Image, height: int) -> Image:
    size = Size.of(image)
    return resized(image, Size(max(1, round(size.width * height / size.height)), height))

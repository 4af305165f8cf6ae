"""A filmstrip: evenly spaced frames side by side in one PNG picture."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from core.errors import MediaError
from core.image import Image, Rgba, Size, opaque, resized
from media.behind import Write, behind
from media.encode import check_rate
from media.sheet import chosen
from media.sound import Soundtrack
from media.stills import write_png


@dataclass(frozen=True, slots=True)
class Options:
    """How many frames, how large."""

    frames: Annotated[int, Field(ge=1, le=100)] = 10  # on the strip, evenly spaced; all of a shorter clip
    height: Annotated[int, Field(ge=16, le=2048)] = 180  # pixels
    gap: Annotated[int, Field(ge=0, le=200)] = 4  # pixels of black between frames


@dataclass(frozen=True, slots=True)
class Filmstrip:
    """Shows a clip at a glance. Memory does not grow with the clip."""

    options: Options
    suffix: ClassVar[str] = ".png"
    step: ClassVar[Size] = Size(1, 1)
    keeps_alpha: ClassVar[bool] = False
    keeps_sound: ClassVar[bool] = False
    keeps_text: ClassVar[bool] = True

    def check(self, size: Size, fps: Fraction) -> None:
        """Every size will do."""
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(self._encode, path, text))

    def _encode(self, path: Path, text: Mapping[str, str], images: Iterator[Image | Rgba]) -> None:
        kept: list[Image] = []
        every = 1
        for n, image in enumerate(images):
            if n % every == 0:
                kept.append(self._small(opaque(image)))
            if len(kept) > 8 * self.options.frames:
                kept, every = kept[::2], 2 * every
        if not kept:
            raise MediaError("no frame was handed over", where=str(path))
        strip = [kept[n] for n in chosen(range(len(kept)), max(2, self.options.frames))][: self.options.frames]
        gap = np.zeros((self.options.height, self.options.gap, 3), np.uint8)
        parts = [part for image in strip for part in (gap, image)][1:]
        write_png(path, np.ascontiguousarray(np.hstack(parts)), text)

    def _small(self, image: Image) -> Image:
        size = Size.of(image)
        return resized(image, Size(max(1, round(size.width * self.options.height / size.height)), self.options.height))


def build(options: Options, pool: object) -> Filmstrip:
    """The exporter; the pool is not needed."""
    return Filmstrip(options)

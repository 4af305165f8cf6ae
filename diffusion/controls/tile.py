"""The picture in broad strokes, whose details are drawn anew; no model."""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import Image
from diffusion.controls import Given
from diffusion.hints import Hint

Kind = Literal["resample", "blur"]


@dataclass(frozen=True, slots=True)
class Options:
    """How much is left out."""

    kind: Kind = "resample"  # resample: shrunk and enlarged again; blur: out of focus
    rate: Annotated[float, Field(ge=1, le=64)] = 1.0  # resample only: how many times smaller; 1 keeps the picture
    sigma: Annotated[float, Field(gt=0, le=256)] = 9.0  # blur only: width in pixels


@dataclass(frozen=True, slots=True)
class Tile:
    """The picture without its fine detail."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("tile", self.options)

    def hint(self, given: Given) -> Hint:
        """In colour."""
        if self.options.kind == "blur":
            return Hint(np.asarray(cv2.GaussianBlur(given.image, (0, 0), self.options.sigma), np.uint8))
        return Hint(_coarse(given.image, self.options.rate))


def build(options: Options, pool: ModelPool) -> Tile:
    """The control; the pool is not needed."""
    return Tile(options)


def _coarse(image: Image, rate: float) -> Image:
    """Shrunk by the rate and enlarged again."""
    height, width = image.shape[:2]
    small = (max(1, round(width / rate)), max(1, round(height / rate)))
    if small == (width, height):
        return image
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)

"""Edges of one pixel, white on black; no model."""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from diffusion.controls import Given
from diffusion.controls._gray import white_on_black
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """Which edges count."""

    low: Annotated[float, Field(ge=0, le=1000)] = 100.0  # gradient in levels at which an edge may go on
    high: Annotated[float, Field(ge=0, le=1000)] = 200.0  # gradient in levels at which an edge may begin


@dataclass(frozen=True, slots=True)
class Canny:
    """Canny's edges, of all three channels.

    Source: Canny 1986, "A Computational Approach to Edge Detection", as OpenCV has it.
    """

    options: Options

    @property
    def identity(self) -> str:
        """Of the thresholds."""
        return fingerprint("canny", self.options)

    def hint(self, given: Given) -> Hint:
        """Black and white."""
        low, high = sorted((self.options.low, self.options.high))
        return Hint(white_on_black(np.asarray(cv2.Canny(given.image, low, high), np.uint8)))


def build(options: Options, pool: ModelPool) -> Canny:
    """The control; the pool is not needed."""
    return Canny(options)

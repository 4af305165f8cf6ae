"""Light and dark alone, as for QR codes and hidden pictures; no model."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import to_float, to_image
from diffusion.controls import Given
from diffusion.controls._gray import gray, white_on_black
from diffusion.hints import Hint

Measure = Literal["luminance", "intensity"]


@dataclass(frozen=True, slots=True)
class Options:
    """What counts as bright."""

    measure: Measure = "luminance"  # luminance weighs colours as the eye does; intensity is the brightest channel
    gamma: Annotated[float, Field(ge=0.1, le=10)] = 1.0  # above 1 darker, below 1 brighter
    invert: bool = False  # light and dark change places


@dataclass(frozen=True, slots=True)
class Brightness:
    """The picture without its colours; a black and white one passes through untouched."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("brightness", self.options)

    def hint(self, given: Given) -> Hint:
        """Gray."""
        single = gray(given.image) if self.options.measure == "luminance" else given.image.max(axis=2)
        if self.options.gamma != 1:
            single = to_image(to_float(single) ** np.float32(self.options.gamma))
        return Hint(white_on_black(255 - single if self.options.invert else single))


def build(options: Options, pool: ModelPool) -> Brightness:
    """The control; the pool is not needed."""
    return Brightness(options)

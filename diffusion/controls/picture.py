"""The picture itself: a hint that was made elsewhere, or a network that wants the plain picture; no model."""

from dataclasses import dataclass

import numpy as np

from core.devices import ModelPool
from core.hashing import fingerprint
from diffusion.controls import Given
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """What is done to it."""

    invert: bool = False  # for lines drawn black on white, which networks want white on black


@dataclass(frozen=True, slots=True)
class Picture:
    """Hands the picture on."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("picture", self.options)

    def hint(self, given: Given) -> Hint:
        """The picture, or its negative."""
        return Hint(np.subtract(255, given.image, dtype=np.uint8) if self.options.invert else given.image)


def build(options: Options, pool: ModelPool) -> Picture:
    """The control; the pool is not needed."""
    return Picture(options)

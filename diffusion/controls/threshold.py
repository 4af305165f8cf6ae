"""Black and white by brightness; no model."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from diffusion.controls import Given
from diffusion.controls._gray import gray, white_on_black
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """Where black ends."""

    level: Annotated[float, Field(ge=0, le=255)] = 127.0  # brighter than this is white


@dataclass(frozen=True, slots=True)
class Threshold:
    """White where the picture is brighter than a level."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the level."""
        return fingerprint("threshold", self.options)

    def hint(self, given: Given) -> Hint:
        """Black and white."""
        return Hint(white_on_black((gray(given.image) > self.options.level).astype(np.uint8) * np.uint8(255)))


def build(options: Options, pool: ModelPool) -> Threshold:
    """The control; the pool is not needed."""
    return Threshold(options)

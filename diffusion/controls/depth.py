"""Nearness, white in front and black behind, by any depth model."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import to_image
from diffusion.controls import Given
from diffusion.controls._distances import distances
from diffusion.controls._gray import white_on_black
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """What is left out of the relief."""

    near: Annotated[float, Field(ge=0, lt=100)] = 0.0  # per cent of the nearness range from the front made white
    background: Annotated[float, Field(ge=0, lt=100)] = 0.0  # per cent of the nearness range from behind made black


@dataclass(frozen=True, slots=True)
class Depth:
    """Inverse depth, stretched over the picture's own range, as the networks have seen it in training."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the options; whoever gives the depth model adds its identity."""
        return fingerprint("depth", self.options)

    def hint(self, given: Given) -> Hint:
        """Gray; black where all is equally far.

        Raises:
            UserError: without a depth model.
        """
        nearness = 1 / distances(given, "depth")
        low, high = float(nearness.min()), float(nearness.max())
        stretched = (nearness - low) / max(high - low, 1e-9)
        black, white = self.options.background / 100, 1 - self.options.near / 100
        if black or white < 1:
            stretched = np.where(stretched < black, 0, np.where(stretched > white, 1, stretched)).astype(np.float32)
        return Hint(white_on_black(to_image(stretched)))


def build(options: Options, pool: ModelPool) -> Depth:
    """The control; the depth model comes with the picture."""
    return Depth(options)

"""The picture's colours and textures, stirred so that no shape is left; no model."""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from core.seeds import derive
from diffusion.controls import Given
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """How coarsely it is stirred."""

    cells: Annotated[float, Field(ge=1, le=64)] = 2.0  # swirls along the short side; more tear it into smaller pieces


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Each pixel shows a place drawn from smooth noise that spans the whole picture."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("shuffle", self.options)

    def hint(self, given: Given) -> Hint:
        """In colour; another seed stirs another way."""
        height, width = given.image.shape[:2]
        random = np.random.default_rng(derive(given.seed, "shuffle"))
        x, y = (_places(random, height, width, length, self.options.cells) for length in (width, height))
        return Hint(np.asarray(cv2.remap(given.image, x, y, cv2.INTER_LINEAR), np.uint8))


def build(options: Options, pool: ModelPool) -> Shuffle:
    """The control; the pool is not needed."""
    return Shuffle(options)


def _places(random: np.random.Generator, height: int, width: int, length: int, cells: float) -> NDArray[np.float32]:
    """Smooth noise that runs from 0 to length - 1; float32, H x W."""
    cell = min(height, width) / cells
    grid = random.random((int(height / cell) + 3, int(width / cell) + 3), dtype=np.float32)
    spread = cv2.resize(grid, (width + round(2 * cell), height + round(2 * cell)), interpolation=cv2.INTER_CUBIC)
    margin = round(cell)
    noise = spread[margin : margin + height, margin : margin + width]
    low, high = float(noise.min()), float(noise.max())
    return np.asarray((noise - low) * ((length - 1) / max(high - low, 1e-6)), np.float32)

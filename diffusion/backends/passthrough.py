"""Hands back the picture it is given: camera and timing alone, at reading speed; no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.hashing import fingerprint
from core.image import Image, to_image
from core.seeds import derive
from diffusion.request import ImageRequest

OCTAVES = (
    (3, 1.0),
    (9, 0.35),
    (27, 0.2),
)  # (cells along the height, weight): broad colour, then detail that shows motion
CONTRAST = 0.22  # spread of the pattern around middle grey, of 1


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class Passthrough:
    """The init picture itself; for a request without one a coloured cloud pattern that makes motion visible.

    The pattern depends on the seed and the shape of the picture only, and its cells are fractions of the
    height, so that a half-size preview shows the same clouds.
    """

    @property
    def window(self) -> int:
        """One request a call is enough."""
        return 1

    @property
    def identity(self) -> str:
        """Fixed: there are neither options nor weights."""
        return fingerprint("passthrough", OCTAVES, CONTRAST)

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image]:
        """Each request's `init`, else its pattern; uint8, H x W x 3, RGB."""
        return [clouds(request) if request.init is None else request.init for request in requests]


def build(options: Options, pool: object) -> Passthrough:
    """The generator; the pool is not needed."""
    return Passthrough()


def clouds(request: ImageRequest) -> Image:
    """Smooth seeded colours with finer blotches over them; uint8, H x W x 3, RGB, of the request's size."""
    random = np.random.default_rng(derive(request.seed, "clouds"))
    pattern = np.full((request.size.height, request.size.width, 3), 0.5, dtype=np.float32)
    for cells, weight in OCTAVES:
        pattern += np.float32(CONTRAST * weight) * _blotches(random, request, cells)
    return to_image(pattern)


def _blotches(random: np.random.Generator, request: ImageRequest, cells: int) -> NDArray[np.float32]:
    """Normal noise on a grid of `cells` rows, smoothly enlarged; float32, H x W x 3, spread about 1."""
    width, height = request.size
    columns = max(1, round(cells * width / height))
    grid = random.standard_normal((cells, columns, 3), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)

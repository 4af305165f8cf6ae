"""No relief: everything at distance 1, as on a wall."""

from dataclasses import dataclass

import numpy as np

from core.devices import ModelPool
from core.image import DepthMap, Image


@dataclass(frozen=True, slots=True)
class Options:
    """Flat depth has no options."""


@dataclass(frozen=True, slots=True)
class FlatDepth:
    """Distance 1 everywhere."""

    identity: str = "flat"

    def estimate(self, image: Image, frame: int) -> DepthMap:
        """float32, H x W, all 1."""
        return np.ones(image.shape[:2], np.float32)


def build(options: Options, pool: ModelPool) -> FlatDepth:
    """The estimator."""
    return FlatDepth()

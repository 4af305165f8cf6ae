"""Depth estimators, one file each."""

from typing import Protocol

from core.image import DepthMap, Image
from core.registry import Registry

REGISTRY = Registry("depth model", "motion.depth")


class DepthEstimator(Protocol):
    """Sees how far away each pixel is."""

    @property
    def identity(self) -> str:
        """Changes when the depth it would give for the same picture changes: name, options, checksum of weights."""
        ...

    def estimate(self, image: Image, frame: int) -> DepthMap:
        """float32, H x W of the image, > 0, larger is farther; the nearest surfaces at about 1.

        Args:
            image: uint8, H x W x 3, RGB.
            frame: index of the frame whose depth is wanted; only estimators that read files use it.
        """
        ...

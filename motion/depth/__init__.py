"""Depth estimators, one file each, and what is done to depth maps whichever of them made it."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.image import DepthMap, Image
from core.registry import Registry

REGISTRY = Registry("depth model", "motion.depth")
NEAR, FAR = 0.5, 100.0  # distances that are white and black in saved depth pictures
_BINS = 1024  # of the histogram that equalisation goes by


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


def equalized(depth: DepthMap, by: Literal["nearness", "distance"] = "nearness") -> DepthMap:
    """Depth with its order kept and its values spread evenly over 1 to 2; 1 everywhere if they are all the same.

    The histogram is taken of 1 / depth or of depth. By `nearness`, depth that was made as 1 / (a * D + b) gives
    Deforum's 2 - e(D) for models of inverse depth D, whatever a and b; by `distance` its 1 + e(D) for models of depth.

    Source: Deforum, depth warping: e is D stretched to 0..1, then looked up in the cumulative histogram of 1024 bins,
    linearly between their left edges.
    """
    values = 1 / depth if by == "nearness" else depth
    low, high = values.min(), values.max()
    if low == high:
        return np.ones_like(depth)
    place = (values - low) * (np.float32(_BINS) / (high - low))
    left = np.minimum(place, _BINS - 1).astype(np.intp)
    share = (np.cumsum(np.bincount(left.ravel(), minlength=_BINS)) / depth.size).astype(np.float32)
    rise = np.diff(share, append=share[-1])
    spread: DepthMap = share.take(left) + rise.take(left) * (place - left.astype(np.float32))
    return 2 - spread if by == "nearness" else 1 + spread


def saved(depth: DepthMap, near: float = NEAR, far: float = FAR) -> NDArray[np.uint16]:
    """Depth as a 16-bit picture on a fixed scale of nearness, 1 / depth: `near` is white, `far` is black.

    The depth model `file` reads such pictures back. Depth outside near..far is cut off.

    Returns:
        uint16, H x W, 0..65535.
    """
    levels = (1 / depth - np.float32(1 / far)) * np.float32(65535 / (1 / near - 1 / far))
    return np.clip(np.rint(levels), 0, 65535).astype(np.uint16)

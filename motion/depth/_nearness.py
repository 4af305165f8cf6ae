"""Nearness, 1 / distance: what depth is read, stretched and resized in; 0 is infinitely far."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import DepthMap, Size

Nearness = NDArray[np.float32]  # H x W, 0 or more
FARTHEST = 1e6  # what is farther, or infinitely far, is taken to be at this distance


def stretched(disparity: NDArray[np.float32], near: float, far: float) -> Nearness:
    """Nearness of which only order and proportions are known, put on the range from 1 / far to 1 / near.

    All values the same is a wall at `near`.
    """
    low, high = disparity.min(), disparity.max()
    if low == high:
        return np.full_like(disparity, 1 / near)
    return between((disparity - low) / (high - low), near, far)


def between(share: NDArray[np.float32], near: float, far: float) -> Nearness:
    """Nearness from 1 / far at 0 to 1 / near at 1."""
    nearness: Nearness = np.float32(1 / far) + share * np.float32(1 / near - 1 / far)
    return nearness


def depth_of(nearness: Nearness) -> DepthMap:
    """Nearness as distance, > 0."""
    return np.reciprocal(np.maximum(nearness, np.float32(1 / FARTHEST)))


def resized(nearness: Nearness, size: Size) -> Nearness:
    """The same view with another number of pixels."""
    if Size.of(nearness) == size:
        return nearness
    shrinks = size.width <= nearness.shape[1] and size.height <= nearness.shape[0]
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(nearness, size, interpolation=kind), dtype=np.float32)

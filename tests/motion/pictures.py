"""Pictures that warps are tried on."""

import cv2
import numpy as np

from core.image import DepthMap, Image, Size


def noise(size: Size, seed: int = 0) -> Image:
    """White noise: the hardest picture to resample."""
    return np.random.default_rng(seed).integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)


def clouds(size: Size, seed: int = 0) -> Image:
    """Smooth colours with a few hard edges."""
    soft = cv2.GaussianBlur(noise(size, seed).astype(np.float32), (0, 0), 4)
    soft = (soft - soft.min()) / np.ptp(soft) * 255
    soft[size.height // 4 : size.height // 2, size.width // 3 : size.width // 2] = (250, 20, 90)
    return soft.astype(np.uint8)


def dot(size: Size, x: float, y: float) -> Image:
    """A soft white dot on black."""
    columns, rows = np.arange(size.width)[None, :], np.arange(size.height)[:, None]
    level = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    return np.repeat(level[..., None], 3, axis=2).astype(np.uint8)


def middle(image: Image) -> tuple[float, float]:
    """The centre of what is bright, (x, y)."""
    weight = image[..., 0].astype(np.float64)
    rows, columns = np.indices(weight.shape)
    return float((columns * weight).sum() / weight.sum()), float((rows * weight).sum() / weight.sum())


def hills(size: Size, seed: int = 0) -> DepthMap:
    """Smooth depth from 1 to 2."""
    soft = cv2.GaussianBlur(np.random.default_rng(seed).random((size.height, size.width), dtype=np.float32), (0, 0), 9)
    return 1 + (soft - soft.min()) / np.ptp(soft)

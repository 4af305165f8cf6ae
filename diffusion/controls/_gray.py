"""Hints of one channel as pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Image


def white_on_black(levels: NDArray[np.uint8]) -> Image:
    """One channel, uint8, H x W, as a gray picture."""
    return np.ascontiguousarray(np.repeat(levels[..., None], 3, axis=2))


def gray(image: Image) -> NDArray[np.uint8]:
    """How bright a picture is; uint8, H x W."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)

"""Pictures as the estimators of OpenCV look at them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Image

SMALLEST = 16  # pixels; pictures with a shorter side are continued by their edges


def grey(image: Image) -> NDArray[np.uint8]:
    """Brightness, uint8, H x W, at least SMALLEST on each side: smaller pictures grow to the right and down."""
    height, width = image.shape[:2]
    levels = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    down, right = max(0, SMALLEST - height), max(0, SMALLEST - width)
    if down or right:
        levels = cv2.copyMakeBorder(levels, 0, down, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(levels, np.uint8)

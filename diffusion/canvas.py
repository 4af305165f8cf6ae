"""Pictures brought onto the canvas of a request: stretched, cropped or filled up.

Convention: arrays are uint8, H x W (gray) or H x W x 3 (RGB); what comes out has the same number of channels.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import PIL.Image

from core.image import Image, Size

ResizeMode = Literal["stretch", "crop", "fill", "latent"]  # "latent" is resized after encoding, by the sampler's side
Enlarge = Callable[[Image, Size], Image]  # an upscaler: at least as large as asked for in both directions


def fitted(image: Image, size: Size, mode: ResizeMode = "stretch", enlarge: Enlarge | None = None) -> Image:
    """The picture at exactly this size.

    Args:
        image: uint8, H x W or H x W x 3.
        size: of the result.
        mode: `stretch` changes the proportions; `crop` covers the canvas and cuts what stands over; `fill` fits
            inside and continues the outermost rows or columns; `latent` leaves the picture as it is.
        enlarge: used in place of Lanczos where an RGB picture grows; what it gives is brought to size by Lanczos.
    """
    if mode == "latent" or Size.of(image) == size:
        return image
    if mode == "stretch":
        return scaled(image, size, enlarge)
    inner = _covering(Size.of(image), size) if mode == "crop" else _inside(Size.of(image), size)
    return _centred(scaled(image, inner, enlarge), size)


def scaled(image: Image, size: Size, enlarge: Enlarge | None = None) -> Image:
    """The picture stretched to a size by Lanczos, through `enlarge` first where an RGB picture grows."""
    old = Size.of(image)
    if old == size:
        return image
    if enlarge is not None and image.ndim == 3 and (size.width > old.width or size.height > old.height):
        image = enlarge(image, size)
    picture = PIL.Image.fromarray(image)
    return np.array(picture.resize(size, PIL.Image.Resampling.LANCZOS)) if picture.size != size else image


def _covering(old: Size, canvas: Size) -> Size:
    """The size of least area and old proportions that covers the canvas."""
    if canvas.width * old.height > old.width * canvas.height:
        return Size(canvas.width, max(canvas.height, old.height * canvas.width // old.width))
    return Size(max(canvas.width, old.width * canvas.height // old.height), canvas.height)


def _inside(old: Size, canvas: Size) -> Size:
    """The largest size of old proportions that fits into the canvas."""
    if canvas.width * old.height < old.width * canvas.height:
        return Size(canvas.width, max(1, old.height * canvas.width // old.width))
    return Size(max(1, old.width * canvas.height // old.height), canvas.height)


def _centred(image: Image, canvas: Size) -> Image:
    """The picture in the middle of the canvas: cut where it is larger, its edge continued where it is smaller."""
    height, width = image.shape[:2]
    left, top = canvas.width // 2 - width // 2, canvas.height // 2 - height // 2
    rows = np.clip(np.arange(canvas.height) - top, 0, height - 1)
    columns = np.clip(np.arange(canvas.width) - left, 0, width - 1)
    return np.ascontiguousarray(image[rows][:, columns])

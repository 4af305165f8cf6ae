"""What an image, mask, depth map and flow field are, and the only conversions between them.

Convention: images are RGB, sRGB, uint8 at every boundary between modules; floats live inside one function;
BGR exists only on the line that calls OpenCV. Pixel centres lie at whole coordinates, x right, y down.
"""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError

Image = NDArray[np.uint8]  # H x W x 3, RGB, sRGB, 0..255, contiguous
Rgba = NDArray[np.uint8]  # H x W x 4, an Image and its opacity 0..255, not multiplied into the colours, contiguous
Mask = NDArray[np.float32]  # H x W, 0..1; 1 = act here
DepthMap = NDArray[np.float32]  # H x W, > 0, larger is farther
FlowField = NDArray[np.float32]  # H x W x 2, (dx, dy) in pixels, backward: output(p) = input(p + flow(p))

Filter = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
FILTERS: dict[Filter, int] = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}  # lanczos is Pillow's, which widens the kernel when it shrinks; OpenCV's does not, and aliases
LARGEST_SIDE = 16384  # pixels; more is refused before memory is asked for


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    @classmethod
    def of(cls, image: NDArray[np.generic]) -> "Size":
        """The size of an H x W or H x W x C array."""
        return cls(image.shape[1], image.shape[0])

    @classmethod
    def parse(cls, text: str) -> "Size":
        """`"640x360"` as a size.

        Raises:
            UserError: if the text is not WIDTHxHEIGHT with sides from 1 to LARGEST_SIDE.
        """
        width, _, height = text.lower().replace("×", "x").partition("x")
        if width.strip().isdecimal() and height.strip().isdecimal():
            size = cls(int(width), int(height))
            if min(size) > 0 and max(size) <= LARGEST_SIDE:
                return size
        raise UserError(
            f"{text!r} is no size", way_out=f"Write WIDTHxHEIGHT, as in 512x288, each from 1 to {LARGEST_SIDE}"
        )

    def __str__(self) -> str:
        """`640x360`."""
        return f"{self.width}x{self.height}"


def to_float(image: Image) -> NDArray[np.float32]:
    """uint8 0..255 as float32 0..1, same shape."""
    return np.multiply(image, np.float32(1 / 255), dtype=np.float32)


def to_image(values: NDArray[np.floating]) -> Image:
    """Floats 0..1 as uint8 0..255: rounded half up, clipped. NaN is the caller's fault."""
    scaled = values * np.float32(255) + np.float32(0.5)
    np.clip(scaled, 0, 255, out=scaled)
    return np.ascontiguousarray(scaled.astype(np.uint8))


def rounded(levels: NDArray[np.floating]) -> Image:
    """Floats in levels 0..255 as uint8: rounded half up, clipped."""
    raised = levels + np.float32(0.5)
    np.clip(raised, 0, 255, out=raised)
    return np.ascontiguousarray(raised.astype(np.uint8))


def blended(under: Image, over: Image, share: Mask) -> Image:
    """`over` where the share is 1, `under` where it is 0, between them linear in sRGB levels, rounded; one size."""
    return np.asarray(cv2.blendLinear(over, under, share, 1 - share), np.uint8)


def opaque(image: Image | Rgba, background: tuple[int, int, int] = (0, 0, 0)) -> Image:
    """The image over a background; an Image as it is. Levels of the background 0..255."""
    if image.shape[2] == 3:
        return image
    share = image[..., 3:].astype(np.uint16)
    mixed = image[..., :3] * share + np.array(background, np.uint16) * (255 - share) + 127
    return (mixed // 255).astype(np.uint8)


def resized(image: Image, size: Size, kind: Filter | None = None) -> Image:
    """The image at another size; by default area when shrinking and Lanczos when growing."""
    if Size.of(image) == size:
        return image
    if kind is None:
        kind = "area" if size.width < image.shape[1] else "lanczos"
    if kind == "lanczos":
        import PIL.Image  # here, so that plans start without it

        return np.array(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.LANCZOS))
    return np.asarray(cv2.resize(image, size, interpolation=FILTERS[kind]), dtype=np.uint8)


def is_image(value: NDArray[np.generic]) -> bool:
    """Whether an array is what this page calls an image."""
    return value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3 and value.flags["C_CONTIGUOUS"]

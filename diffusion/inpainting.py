"""Inpainting on the side of pixels: masks, the part of a picture that is drawn anew, and how it goes back.

The sampler gets a picture and a mask of its own size (`Canvas.init`, `Canvas.mask`); `Canvas.pasted` lays what it made
under the untouched parts of the original. Masks are worked on in 8 bits, as the web UI does, so that the same settings
repaint the same pixels.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import cv2
import numpy as np
import PIL.Image
import PIL.ImageFilter
from pydantic import Field

from core.errors import UserError
from core.image import Image, Mask, Size, rounded, to_float
from diffusion.canvas import Enlarge, ResizeMode, fitted

Content = Literal["fill", "original", "latent noise", "latent nothing"]
LARGEST_SIGMA = 64.0  # pixels, as in the web UI's slider
FILL_PASSES = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))  # blur radius in pixels, how often it is laid on


@dataclass(frozen=True, slots=True)
class InpaintRules:
    """What is drawn anew under a mask, and how. The defaults are those of the web UI's page."""

    blur_x: Annotated[float, Field(ge=0, le=LARGEST_SIGMA)] = 4.0  # pixels 0..64; sigma of the mask's soft edge, across
    blur_y: Annotated[float, Field(ge=0, le=LARGEST_SIGMA)] = 4.0  # pixels 0..64; the same, up and down
    invert: bool = False  # whether everything but the mask is drawn anew
    content: Content = "original"  # what the masked area holds before it is drawn
    only_masked: bool = False  # whether just the masked part is drawn, at the full size of the request
    padding: Annotated[int, Field(ge=0, le=1024)] = 32  # pixels 0..1024; surroundings that `only_masked` sees
    soft: bool = False  # whether cells under a half-covered mask change by half instead of all or nothing


class Box(NamedTuple):
    """A part of a picture in pixels; right and bottom are the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Its width and height."""
        return Size(self.right - self.left, self.bottom - self.top)

    def of(self, image: Image) -> Image:
        """That part of a picture."""
        return np.ascontiguousarray(image[self.top : self.bottom, self.left : self.right])


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What the sampler gets, and what its picture goes back into."""

    init: Image  # uint8, H x W x 3, of the request's size unless the mode is "latent"
    mask: Mask | None  # of the request's size; 1 = drawn anew; None where nothing is masked
    reference: Image  # uint8, whose colours a correction goes by: what the sampler saw, before it was filled
    kept: Image | None = None  # uint8, the original that stays where the overlay is opaque
    overlay: Mask | None = None  # of `kept`'s size; 1 = the new picture shines through
    box: Box | None = None  # where in `kept` the new picture belongs; None: everywhere

    def pasted(self, picture: Image) -> Image:
        """The finished picture: what the sampler made, under the kept parts of the original.

        Args:
            picture: uint8, H x W x 3, of the request's size.
        """
        if self.kept is None or self.overlay is None:
            return picture
        under = picture if self.box is None else _placed(picture, self.box, self.kept)
        made = self.kept.copy()
        drawn = np.ix_(self.overlay.max(axis=1) > 0, self.overlay.max(axis=0) > 0)
        share = self.overlay[drawn][..., None]
        made[drawn] = rounded(self.kept[drawn] * (1 - share) + under[drawn] * share)
        return made


def canvas(
    image: Image,
    mask: Mask | None,
    size: Size,
    rules: InpaintRules,
    mode: ResizeMode = "stretch",
    enlarge: Enlarge | None = None,
) -> Canvas:
    """The picture and mask made ready for the sampler.

    A mask that is black everywhere counts as none: the whole picture is drawn anew, as in the web UI.

    Args:
        image: uint8, H x W x 3, RGB, of any size.
        mask: of the image's size, 1 = draw anew; None for plain image to image.
        size: of the request.
        rules: of the mask.
        mode: how the picture is brought to the size, if the whole of it is drawn.
        enlarge: see `canvas.fitted`.

    Raises:
        UserError: for a mask of another size than the picture's.
    """
    if mask is not None and Size.of(mask) != Size.of(image):
        raise UserError(
            f"the mask is {Size.of(mask)}, the picture {Size.of(image)}", where="mask", way_out="Give them one size"
        )
    levels = None if mask is None else mask_levels(mask, rules)
    if levels is None or not levels.any():
        init = fitted(image, size, mode, enlarge)
        return Canvas(init, None, init)
    if rules.only_masked:
        return _part(image, levels, size, rules, enlarge)
    return _whole(image, levels, size, rules, mode, enlarge)


def mask_levels(mask: Mask, rules: InpaintRules) -> Image:
    """The mask in levels, uint8, H x W, turned inside out and softened as the rules say."""
    levels = rounded(mask * 255)
    if rules.invert:
        levels = 255 - levels
    return blurred(levels, rules.blur_x, rules.blur_y)


def blurred(levels: Image, sigma_x: float, sigma_y: float) -> Image:
    """Levels with a Gaussian blur, first across, then up and down; sigmas in pixels, 0 for none."""
    for sigma, is_across in ((sigma_x, True), (sigma_y, False)):
        if sigma > 0:
            width = kernel_width(sigma)
            kernel = (width, 1) if is_across else (1, width)
            levels = np.asarray(cv2.GaussianBlur(levels, kernel, sigma), np.uint8)
    return levels


def kernel_width(sigma: float) -> int:
    """Pixels of the Gaussian kernel of a mask blur: five sigmas, an odd number."""
    return 2 * int(2.5 * sigma + 0.5) + 1


def masked_box(levels: Image, padding: int, size: Size) -> Box:
    """The part of a picture that holds all that is masked, with padding, in the proportions of `size`.

    Args:
        levels: uint8, H x W, not all 0.
        padding: pixels on each side, as far as the picture goes.
        size: only its proportions count; where the picture ends, the box is as near to them as it can be.
    """
    columns, rows = np.flatnonzero(levels.any(axis=0)), np.flatnonzero(levels.any(axis=1))
    whole = Size.of(levels)
    box = Box(
        max(0, int(columns[0]) - padding),
        max(0, int(rows[0]) - padding),
        min(whole.width, int(columns[-1]) + 1 + padding),
        min(whole.height, int(rows[-1]) + 1 + padding),
    )
    return in_proportion(box, size, whole)


def in_proportion(box: Box, size: Size, whole: Size) -> Box:
    """The box, widened on its short side to the proportions of `size` and kept inside the picture."""
    width, height = box.size
    if width * size.height > height * size.width:
        top, bottom = _widened(box.top, box.bottom, int(width * size.height / size.width), whole.height)
        return Box(box.left, top, box.right, bottom)
    left, right = _widened(box.left, box.right, int(height * size.width / size.height), whole.width)
    return Box(left, box.top, right, box.bottom)


def filled(image: Image, levels: Image) -> Image:
    """The picture with its masked area painted over by its surroundings, ever coarser towards the middle.

    The known area is blurred with its opacity; the blurs are laid over one another, the widest lowest.

    Args:
        image: uint8, H x W x 3, RGB.
        levels: uint8, H x W; 255 = unknown.
    """
    known = PIL.Image.fromarray(np.dstack([image, 255 - levels]), "RGBA").convert("RGBa")
    painted = PIL.Image.new("RGBA", known.size)
    for radius, times in FILL_PASSES:
        layer = known.filter(PIL.ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            painted.alpha_composite(layer)
    return np.array(painted.convert("RGB"))


def _whole(
    image: Image, levels: Image, size: Size, rules: InpaintRules, mode: ResizeMode, enlarge: Enlarge | None
) -> Canvas:
    """The canvas of a request that draws the whole picture."""
    init = fitted(image, size, mode, enlarge)
    start = filled(init, fitted(levels, Size.of(init), mode)) if rules.content == "fill" else init
    levels = fitted(levels, size, "stretch" if mode == "latent" else mode)
    doubled = np.minimum(levels, 127) * 2 + (levels > 127)  # what is half covered by the mask is drawn in full
    return Canvas(start, to_float(levels), init, fitted(init, size), to_float(doubled))


def _part(image: Image, levels: Image, size: Size, rules: InpaintRules, enlarge: Enlarge | None) -> Canvas:
    """The canvas of a request that draws the masked part alone, at full size."""
    box = masked_box(levels, rules.padding, size)
    seen = fitted(box.of(image), size, "fill", enlarge)
    part = fitted(box.of(levels), size, "fill")
    start = filled(seen, part) if rules.content == "fill" else seen
    return Canvas(start, to_float(part), seen, image, to_float(levels), box)


def _placed(picture: Image, box: Box, kept: Image) -> Image:
    """The kept picture with the new one in its place."""
    under = kept.copy()
    under[box.top : box.bottom, box.left : box.right] = fitted(picture, box.size, "crop")
    return under


def _widened(low: int, high: int, wanted: int, most: int) -> tuple[int, int]:
    """A span made `wanted` long evenly on both sides, then moved into 0 .. most and cut to it."""
    length = max(wanted, high - low)
    start = low - (length - (high - low)) // 2
    start = max(0, min(start, most - length))
    return start, min(most, start + length)

"""What happens to the carried picture between frames: colour match, grayscale, contrast, unsharp, seeded noise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from animator.noise import Look, NoiseKind, noised
from core.errors import UserError
from core.image import Image, Mask, blended
from diffusion.request import NoiseMix

ColorSpace = Literal["none", "lab", "hsv", "rgb"]
LARGEST_KERNEL = 255  # pixels


@dataclass(frozen=True, slots=True)
class Coherence:
    """The keyframable numbers of one frame's conditioning. The defaults change nothing."""

    noise: float = 0.0  # about 0..1; grain put on the picture so that diffusion finds new detail; 0.02..0.1 is usual
    contrast: float = 1.0  # 0 or more, multiplies all levels; slightly above 1 keeps long renders from fading
    sharpen: float = 0.0  # amount of unsharp masking, 0 or less is off; 0.1..0.5 undoes the blur of many warps
    sharpen_kernel: float = 5.0  # pixels, 1..255, truncated; an even width becomes the next odd one
    sharpen_sigma: float = 1.0  # pixels; blur radius of the unsharp mask, 0 or less takes it from the kernel
    sharpen_threshold: float = 0.0  # levels 0..255; fainter detail than this is left alone


@dataclass(frozen=True, slots=True)
class CoherenceRules:
    """The choices behind the conditioning that hold for a whole render."""

    match: ColorSpace = "lab"  # in which space the palette is held; "none" lets colours drift freely
    reference: str = "first"  # whose palette: "first" frame, each frame of the "video", or the path of a picture
    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1  # reference video only: takes each n-th frame's palette
    repin: bool = False  # whether each frame made without the one before (denoise 1) becomes the new reference
    match_result: bool = False  # whether generated pictures are matched too, not only what they start from
    noise_kind: NoiseKind = "perlin"  # grain of one strength everywhere, or of drifting patches
    octaves: Annotated[int, Field(ge=1, le=8)] = 4  # perlin only; layers of ever finer patches
    persistence: Annotated[float, Field(ge=0, le=1)] = 0.5  # perlin only; strength of each layer against the last
    grayscale: bool = False  # whether every picture is turned to gray
    look: Look = "true"  # clean mathematics, or Deforum's numbers for its settings files


@dataclass(frozen=True, slots=True, eq=False)
class ColorReference:
    """The palette of a picture: how its levels are spread, channel by channel, in one colour space."""

    space: ColorSpace
    look: Look
    shares: NDArray[np.float64]  # 3 x 256: share of the pixels at or below each level, ending at 1

    @classmethod
    def of(cls, image: Image, rules: CoherenceRules) -> "ColorReference":
        """The palette of a picture, uint8, H x W x 3, RGB. Made once for all frames that keep to it."""
        return cls(rules.match, rules.look, _shares(_converted(image, rules.match, rules.look)))


def remembered_palette(rules: CoherenceRules) -> Callable[[Image], ColorReference]:
    """`ColorReference.of` that measures a picture again only when it is another one than the last time."""
    last: Image | None = None
    palette: ColorReference

    def of(image: Image) -> ColorReference:
        nonlocal last, palette
        if image is not last:
            last, palette = image, ColorReference.of(image, rules)
        return palette

    return of


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Where in a picture conditioning acts; None is everywhere."""

    noise: Mask | None = None
    sharpen: Mask | None = None


EVERYWHERE = Reach()


def conditioned(
    image: Image,
    numbers: Coherence,
    rules: CoherenceRules,
    reference: ColorReference | None,
    noise_seed: int | NoiseMix,
    reach: Reach = EVERYWHERE,
) -> Image:
    """The carried picture made ready for the next generation, in Deforum's order.

    Args:
        image: uint8, H x W x 3, RGB, already moved.
        numbers: of the frame to come.
        rules: of the render.
        reference: the palette to hold; None while there is none yet.
        noise_seed: 0 .. 2**32 - 1, or several with their weights.
        reach: where noise and sharpening act.

    Raises:
        UserError: for an unsharp kernel that is none.
    """
    return grained(recolored(image, rules, reference), numbers, rules, noise_seed, reach)


def recolored(image: Image, rules: CoherenceRules, reference: ColorReference | None) -> Image:
    """The first half of conditioning: the palette held, gray if the rules say so."""
    if reference is not None:
        image = color_matched(image, reference)
    return grayscaled(image) if rules.grayscale else image


def grained(
    image: Image,
    numbers: Coherence,
    rules: CoherenceRules,
    noise_seed: int | NoiseMix,
    reach: Reach = EVERYWHERE,
) -> Image:
    """The second half of conditioning: contrast, sharpness, noise.

    Raises:
        UserError: for an unsharp kernel that is none.
    """
    image = contrasted(image, numbers.contrast)
    sharp = sharpened(
        image,
        numbers.sharpen,
        kernel=numbers.sharpen_kernel,
        sigma=numbers.sharpen_sigma,
        threshold=numbers.sharpen_threshold,
        look=rules.look,
    )
    image = within(image, sharp, reach.sharpen)
    noisy = noised(
        image,
        numbers.noise,
        noise_seed,
        kind=rules.noise_kind,
        octaves=rules.octaves,
        persistence=rules.persistence,
        look=rules.look,
    )
    return within(image, noisy, reach.noise)


def within(image: Image, changed: Image, mask: Mask | None) -> Image:
    """The changed picture where the mask is 1, the other where it is 0; None changes all of it."""
    if mask is None or changed is image:
        return changed
    return blended(image, changed, mask)


def color_matched(image: Image, reference: ColorReference) -> Image:
    """The picture with the levels of each channel spread as in the reference palette.

    Each level goes to the reference's level of the same rank, found by linear interpolation. "true" converts colours
    properly and adds only the difference that matching makes, so that a picture which needs no change gets none,
    whatever 8-bit conversions lose. "deforum" takes red for blue in its conversions, truncates, and keeps that loss.

    Args:
        image: uint8, H x W x 3, RGB, of any size.
        reference: its size does not matter; one in the space "none" leaves the very same picture.
    """
    if reference.space == "none":
        return image
    before = _converted(image, reference.space, reference.look)
    after = np.asarray(cv2.LUT(before, _matching_levels(_shares(before), reference)))
    if reference.space == "rgb":
        return after
    matched = _restored(after, reference.space, reference.look)
    if reference.look == "deforum":
        return matched
    lossy = _restored(before, reference.space, reference.look)
    brighter, darker = cv2.subtract(matched, lossy), cv2.subtract(lossy, matched)  # saturating: one of them is 0
    return np.asarray(cv2.subtract(cv2.add(image, brighter), darker))


def grayscaled(image: Image) -> Image:
    """The picture in gray: Rec. 601 luma in all three channels."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def contrasted(image: Image, contrast: float) -> Image:
    """The picture with all levels multiplied, rounded and clipped; 1 gives the very same picture."""
    if contrast == 1:
        return image
    return np.asarray(cv2.LUT(image, np.clip(np.rint(np.arange(256) * contrast), 0, 255).astype(np.uint8)))


def sharpened(image: Image, amount: float, *, kernel: float, sigma: float, threshold: float, look: Look) -> Image:
    """The picture with an unsharp mask: what a Gaussian blur takes away is added once more, times `amount`.

    Args:
        image: uint8, H x W x 3, RGB.
        amount: 0 or less gives the very same picture.
        kernel: width of the blur, pixels, 1..255, truncated; even widths become the next odd one.
        sigma: standard deviation of the blur, pixels; 0 or less takes it from the kernel.
        threshold: levels; where blur changes less than this, the picture stays as it is. "deforum" does so only
            where the picture is at least as bright as its blur.
        look: see `threshold`.

    Raises:
        UserError: for a kernel outside 1..255.
    """
    if amount <= 0:
        return image
    if not 1 <= kernel < LARGEST_KERNEL + 1:
        raise UserError(
            f"unsharp kernel of {kernel:g} pixels",
            where="coherence.sharpen_kernel",
            way_out=f"Keep it within 1..{LARGEST_KERNEL}, or set coherence.sharpen to 0",
        )
    width = int(kernel) | 1
    blurred = cv2.GaussianBlur(image, (width, width), max(sigma, 0.0))
    sharp = np.asarray(cv2.addWeighted(image, 1 + amount, blurred, -amount, 0))
    if threshold <= 0:
        return sharp
    below = np.where(np.arange(256) < threshold, 255, 0).astype(np.uint8)
    faint = np.asarray(cv2.LUT(cv2.absdiff(image, blurred), below))
    if look == "deforum":
        faint &= cv2.compare(image, blurred, cv2.CMP_GE)
    return np.asarray(sharp ^ ((sharp ^ image) & faint))


def _converted(image: Image, space: ColorSpace, look: Look) -> Image:
    """RGB levels in a colour space, 8 bits a channel."""
    if space in ("none", "rgb"):
        return image
    return np.asarray(cv2.cvtColor(image, _CONVERSIONS[look, space][0]))


def _restored(levels: Image, space: ColorSpace, look: Look) -> Image:
    """The inverse of `_converted`, as far as 8 bits go."""
    return np.asarray(cv2.cvtColor(levels, _CONVERSIONS[look, space][1]))


_CONVERSIONS = {
    ("true", "lab"): (cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB),
    ("true", "hsv"): (cv2.COLOR_RGB2HSV_FULL, cv2.COLOR_HSV2RGB_FULL),
    ("deforum", "lab"): (cv2.COLOR_BGR2LAB, cv2.COLOR_LAB2BGR),
    ("deforum", "hsv"): (cv2.COLOR_BGR2HSV, cv2.COLOR_HSV2BGR),
}


def _shares(levels: Image) -> NDArray[np.float64]:
    """3 x 256: share of the pixels at or below each level, per channel."""
    counts = np.stack([cv2.calcHist([levels], [channel], None, [256], [0, 256]).ravel() for channel in range(3)])
    return np.cumsum(counts, axis=1, dtype=np.float64) / (levels.size // 3)


def _matching_levels(shares: NDArray[np.float64], reference: ColorReference) -> Image:
    """1 x 256 x 3: the level each level becomes, per channel. Only levels that the reference has are aimed at."""
    levels = np.empty((1, 256, 3), np.uint8)
    for channel in range(3):
        target = reference.shares[channel]
        present = np.flatnonzero(np.diff(target, prepend=0.0))
        matched = np.interp(shares[channel], target[present], present)
        levels[0, :, channel] = matched if reference.look == "deforum" else np.rint(matched)
    return levels

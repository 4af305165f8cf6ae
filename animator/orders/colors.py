"""Colour correction: results of image to image keep the colours of what they started from."""

import numpy as np
from numpy.typing import NDArray

from animator.coherence import CoherenceRules, ColorReference, color_matched
from core.image import Image, to_float, to_image

LUMA = np.array((0.3, 0.59, 0.11), np.float32)
RULES = CoherenceRules(match="lab", look="true")


def corrected(image: Image, palette: Image) -> Image:
    """The picture with the colours of the palette and its own light and dark.

    Its levels in LAB are spread as the palette's are; then its own luminosity is put back.

    Args:
        image: uint8, H x W x 3, RGB.
        palette: uint8, RGB, of any size.
    """
    return with_luminosity(color_matched(image, ColorReference.of(palette, RULES)), image)


def with_luminosity(colors: Image, light: Image) -> Image:
    """The hue and saturation of one picture with the luminosity of another of the same size.

    Source: W3C, Compositing and Blending Level 1, section 10.2.4, blend mode "luminosity".
    """
    moved = to_float(colors)
    moved = moved + (_luma(to_float(light)) - _luma(moved))
    luma, low, high = _luma(moved), moved.min(axis=2, keepdims=True), moved.max(axis=2, keepdims=True)
    below, above = low < 0, high > 1
    moved = np.where(below, luma + (moved - luma) * luma / np.where(below, luma - low, 1), moved)
    moved = np.where(above, luma + (moved - luma) * (1 - luma) / np.where(above, high - luma, 1), moved)
    return to_image(moved)


def _luma(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """H x W x 1."""
    return np.asarray((values @ LUMA)[..., None], np.float32)

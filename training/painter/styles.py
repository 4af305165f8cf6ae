"""Styles a finished scene can be painted in; they change colours and outlines, never where things stand."""

from collections.abc import Callable

import cv2
import numpy as np

from training.painter.colours import LUMA, Colour, mixed, rgb, shaded, smoothstep
from training.painter.noise import Plate, lookup, tile

STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "watercolor": ("watercolor", "watercolor painting", "watercolour", "aquarelle"),
    "sketch": ("pencil sketch", "sketch", "pencil drawing", "charcoal drawing"),
    "neon": ("neon", "neon lights", "synthwave", "neon glow"),
}
_PAPER = rgb("fbf7ee")
_LEAD = rgb("2a2826")


def styled(picture: Colour, style: str) -> Colour:
    """A picture, float32, H x W x 3, 0..1, in a style of STYLE_WORDS, or as it is for ""."""
    return _STYLES[style](picture) if style else picture


def _watercolor(picture: Colour) -> Colour:
    """Thin washes that bleed into one another, blotches, and bare paper along the border."""
    height, width = picture.shape[:2]
    washed = cv2.GaussianBlur(np.ascontiguousarray(picture, np.float32), (0, 0), height * 0.012)
    washed = mixed(_PAPER, washed, 0.72)
    x, y = _places(height, width)
    blotches = lookup(tile("soft"), x * np.float32(0.5), y * np.float32(0.5))
    washed = mixed(washed, _PAPER, (0.35 * smoothstep(0.45, 0.85, blotches)).astype(np.float32))
    ragged = np.float32(0.05) * (lookup(tile("rough"), x * np.float32(0.6), y * np.float32(0.6)) - np.float32(0.5))
    border = np.minimum(np.minimum(x + _wide(height, width), _wide(height, width) + 1 - x), np.minimum(y, 1 - y))
    return mixed(_PAPER, washed, smoothstep(0.02, 0.09, border + ragged))


def _sketch(picture: Colour) -> Colour:
    """Grey outlines and soft shading on paper, no colour."""
    grey = picture.astype(np.float32) @ LUMA
    tone = np.float32(0.5) + np.float32(0.5) * smoothstep(0.0, 0.7, cv2.GaussianBlur(grey, (0, 0), len(grey) * 0.006))
    return mixed(_LEAD, _PAPER, np.clip(tone - np.float32(0.85) * _outline(picture), 0, 1).astype(np.float32))


def _neon(picture: Colour) -> Colour:
    """Outlines that glow in saturated colours on near black."""
    line = _outline(picture)
    glow = cv2.GaussianBlur(line, (0, 0), len(line) * 0.025) * np.float32(1.3)
    level = cv2.GaussianBlur(np.ascontiguousarray(picture, np.float32), (0, 0), len(line) * 0.012)
    vivid = level / np.maximum(level.max(2, keepdims=True), np.float32(0.05))
    vivid = np.clip(vivid * np.float32(1.7) - np.float32(0.7) * vivid.mean(2, keepdims=True), 0, 1).astype(np.float32)
    dark = shaded(level, np.full(line.shape, 0.16, np.float32))
    lit = dark + shaded(vivid, np.clip(glow + line, 0, 1))
    return np.asarray(np.clip(lit + (line**3)[..., None] * np.float32(0.35), 0, 1), np.float32)


def _outline(picture: Colour) -> Plate:
    """How strongly colours change from place to place, float32, H x W, 0..1, about a sixtieth of the height wide."""
    smooth = cv2.GaussianBlur(np.ascontiguousarray(picture, np.float32), (0, 0), len(picture) * 0.006)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    change = np.sqrt(across * across + down * down).max(2) * np.float32(len(picture) / 256)
    return smoothstep(0.06, 0.5, cv2.GaussianBlur(change, (0, 0), len(picture) * 0.004))


def _places(height: int, width: int) -> tuple[Plate, Plate]:
    """Picture places of the pixel centres, as in the theatre."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + np.float32(0.5 - width / 2)) / height + np.float32(0.5), (y + np.float32(0.5)) / height


def _wide(height: int, width: int) -> np.float32:
    """How far a picture reaches beyond the square to either side, in frame heights."""
    return np.float32((width / height - 1) / 2)


_STYLES: dict[str, Callable[[Colour], Colour]] = {"watercolor": _watercolor, "sketch": _sketch, "neon": _neon}

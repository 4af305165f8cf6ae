"""Colours: times of day, palettes, gradients and the grade that lays a palette over a landscape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.painter.noise import Plate

Colour = NDArray[np.floating]  # 3, or H x W x 3; red, green, blue, 0..1
LUMA = np.array([0.30, 0.59, 0.11], np.float32)


def rgb(code: str) -> Colour:
    """`"ff8000"` as a colour."""
    return np.array([int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)], np.float32)


@dataclass(frozen=True, slots=True)
class Daylight:
    """The colours of a time of day."""

    sky: tuple[Colour, Colour, Colour, Colour]  # from the zenith to the horizon
    light: Colour  # what the light adds
    strength: float  # 0..1: how bright lit things are
    whites: float  # the brightness a palette's lightest colour stands for
    words: tuple[str, ...]


def _daylight(sky: str, light: str, strength: float, whites: float, words: tuple[str, ...]) -> Daylight:
    zenith, high, low, horizon = (rgb(code) for code in sky.split())
    return Daylight((zenith, high, low, horizon), rgb(light), strength, whites, words)


TIMES: dict[str, Daylight] = {
    "sunrise": _daylight("5464aa b28cbe fab0a0 ffe2aa", "ffcda0", 0.8, 0.95, ("sunrise", "dawn", "early morning")),
    "day": _daylight("2662be 569be0 a0cef0 deeef6", "fffaee", 1.0, 1.0, ("day", "daylight", "midday")),
    "sunset": _daylight("2e1c58 8c2c68 ee5c3a ffbe48", "ff8c46", 0.6, 0.85, ("sunset", "dusk", "golden hour")),
    "night": _daylight("050820 0b163e 182c64 304c84", "82a0e1", 0.28, 0.72, ("night", "midnight", "nighttime")),
}

PALETTES: dict[str, tuple[Colour, ...]] = {
    name: tuple(rgb(code) for code in codes.split())
    for name, codes in {
        "red": "1e0208 780a12 de2622 ffaa8c",
        "orange": "2c0e04 a03e08 f58218 ffe2a0",
        "gold": "221604 825c10 deb034 fff4be",
        "green": "04180c 145828 48aa46 d0f4b4",
        "teal": "02181e 06585e 24b0aa bef6ec",
        "blue": "040828 14348c 367ce2 bee0ff",
        "purple": "140428 541c8c 9e54dc e8ccff",
        "pink": "320624 b0286e f47ab0 ffdeea",
    }.items()
}
PALETTE_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "amber"),
    "gold": ("gold", "golden", "yellow"),
    "green": ("green", "emerald"),
    "teal": ("teal", "turquoise", "cyan"),
    "blue": ("blue", "azure"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "magenta"),
}


def ramp(level: Plate, stops: Sequence[Colour]) -> Colour:
    """Levels 0..1 as colours of a gradient with equally spaced stops."""
    steps = np.linspace(0, 1, 256)
    knots = np.linspace(0, 1, len(stops))
    table = np.stack([np.interp(steps, knots, [stop[channel] for stop in stops]) for channel in range(3)], 1)
    return np.asarray(table.astype(np.float32)[(np.clip(level, 0, 1) * 255).astype(np.uint8)])


def smoothstep(low: float | np.floating, high: float | np.floating, value: Plate) -> Plate:
    """0 below `low`, 1 above `high`, smooth between; falling when `low` is the larger."""
    part = np.clip((value - np.float32(low)) / (np.float32(high) - np.float32(low)), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def mixed(start: Colour, end: Colour, weight: Plate | float) -> Colour:
    """From `start` (weight 0) to `end` (weight 1), plates of weights broadcast over the channels."""
    spread = weight[..., None] if isinstance(weight, np.ndarray) and weight.ndim == 2 else np.float32(weight)
    return np.asarray(start + (end - start) * spread, np.float32)


def shaded(colour: Colour, level: Plate) -> Colour:
    """A colour times a plate of brightness."""
    return np.asarray(colour * level[..., None], np.float32)


def jittered(draw: np.random.Generator, colour: Colour, spread: float = 0.04) -> Colour:
    """A colour moved a little at random, 0..1."""
    moved = colour + draw.normal(0, spread * 0.7, 3) + draw.normal(0, spread * 0.6)
    return np.clip(moved, 0, 1).astype(np.float32)


def tinted(picture: Colour, palette: Sequence[Colour], daylight: Daylight, strength: float = 0.88) -> Colour:
    """A landscape whose brightness runs through a palette instead of its own colours."""
    level = picture @ LUMA / np.float32(daylight.whites)
    return mixed(picture, ramp(level, palette), strength)


def vignetted(picture: Colour, amount: float = 0.48) -> Colour:
    """The picture a little brighter in the middle than in its corners."""
    height, width = picture.shape[:2]
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height - 0.5
    across = (np.arange(width, dtype=np.float32)[None] + 0.5) / width - 0.5
    return shaded(picture, (1.06 - amount * (down * down + across * across)).astype(np.float32))

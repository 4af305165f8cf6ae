"""Seamless noise fields made once from a fixed seed, and random profiles made of value noise.

A scene draws only where to look in a field, so a picture costs a few lookups and is a continuous function of place:
the same scene can be painted at any size, from a moved camera, at any time.
"""

from collections.abc import Callable
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Plate = NDArray[np.floating]  # H x W of numbers, float32 unless a scene widens them
Field = Callable[[Plate, Plate], Plate]  # place (right, down, in frame heights) to 0..1
Profile = Callable[[Plate], Plate]  # place (right, in frame heights) to a height about -0.5..0.5
Kind = Literal["soft", "rough", "billow", "ridge", "relief", "grain"]

TILE = 512  # pixels of one seamless tile
_REACH = 2.0  # frame heights on either side of the left edge for which a profile is tabulated
_STEPS = 1024  # entries of a profile's table


def field(kind: Kind, draw: np.random.Generator, right: float = 0.5, down: float | None = None) -> Field:
    """Noise at a drawn place of a tile, 0..1.

    Args:
        kind: soft clouds, rough clouds, billows, bright ridges, lit relief or fine grain.
        draw: where the place comes from; two numbers are drawn.
        right: tiles in one frame height, horizontally; more is finer.
        down: the same vertically; as `right` by default.
    """
    tile = _tiles()[kind]
    vertical = right if down is None else down
    start_u, start_v = draw.uniform(0, 1, 2)

    def at(u: Plate, v: Plate) -> Plate:
        return lookup(tile, u * np.float32(right) + np.float32(start_u), v * np.float32(vertical) + np.float32(start_v))

    return at


def lookup(tile: Plate, u: Plate, v: Plate) -> Plate:
    """A seamless tile read at places in tiles, bilinear."""
    scale = np.float32(tile.shape[0])
    return np.asarray(
        cv2.remap(tile, (u % 1) * scale, (v % 1) * scale, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32
    )


def tile(kind: Kind) -> Plate:
    """The tile of a kind, float32, TILE x TILE, 0..1."""
    return _tiles()[kind]


def profile(
    draw: np.random.Generator, *, waves: int, octaves: int = 3, roughness: float = 0.5, smooth: bool = False
) -> Profile:
    """A random line such as a ridge against the sky.

    Args:
        draw: where the line comes from.
        waves: bumps of the coarsest octave in one frame height.
        octaves: how often the bumps are halved.
        roughness: height of an octave against the one before, 0..1.
        smooth: round bumps instead of kinked ones.
    """
    place = np.linspace(0, 2 * _REACH, _STEPS)
    table = np.zeros(_STEPS)
    for octave in range(octaves):
        scaled = place * waves * 2**octave
        index = scaled.astype(int)
        part = scaled - index
        heights = draw.random(index[-1] + 2) - 0.5
        weight = part * part * (3 - 2 * part) if smooth else part
        table += (heights[index] * (1 - weight) + heights[index + 1] * weight) * roughness**octave
    return _tabulated((table * 1.4).astype(np.float32))


def _tabulated(table: Plate) -> Profile:
    """A profile that reads a table, holding its ends."""

    def at(u: Plate) -> Plate:
        index = (u + np.float32(_REACH - 0.5)) * np.float32(_STEPS / (2 * _REACH))
        return np.asarray(
            cv2.remap(table[None], index, np.zeros_like(index), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            np.float32,
        )

    return at


@cache
def _tiles() -> dict[Kind, Plate]:
    """All tiles; a third of a second, once."""
    draw = np.random.default_rng(7)
    wide, fine = _spectral(draw, 1.6, 3), _spectral(draw, 1.5, 8)
    ridge = 1 - np.abs(_spectral(draw, 1.7, 3)) * 0.55
    stone = 1 - np.abs(_spectral(draw, 1.7, 4)) + 0.2 * _spectral(draw, 1.3, 6)
    slope = (np.roll(stone, -2, 1) - np.roll(stone, 2, 1)) * 0.9 + (np.roll(stone, -1, 0) - np.roll(stone, 1, 0)) * 0.35
    raw = {
        "soft": 0.5 + 0.2 * _spectral(draw, 1.75, 2),
        "rough": 0.5 + 0.2 * _spectral(draw, 1.3, 3),
        "billow": np.abs(wide) * 0.36 + np.abs(fine) * 0.16,
        "ridge": np.clip(ridge, 0, 1) ** 1.5,
        "relief": 0.5 + slope / slope.std() * 0.2,
        "grain": 0.5 + 0.2 * _spectral(draw, 0.35, 4),
    }
    return {kind: np.clip(values, 0, 1).astype(np.float32) for kind, values in raw.items()}  # type: ignore[misc]


def _spectral(draw: np.random.Generator, falloff: float, lowest: int) -> Plate:
    """Seamless Gaussian noise whose amplitude falls as frequency ** -falloff, standard deviation 1."""
    across, down = np.fft.rfftfreq(TILE)[None], np.fft.fftfreq(TILE)[:, None]
    frequency = np.hypot(across, down) * TILE
    frequency[0, 0] = 1
    spectrum = np.exp(2j * np.pi * draw.random(frequency.shape)) * frequency**-falloff * (frequency >= lowest)
    values = np.fft.irfft2(spectrum, s=(TILE, TILE))
    return np.asarray(values / values.std(), np.float32)

"""Skylines behind one another, with lit windows after dark and their reflection in a river."""

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import TIMES, Colour, jittered, mixed, rgb, shaded
from training.painter.elements import lights, mist, sky, still_water, wisps
from training.painter.noise import Plate
from training.painter.theatre import Layer, Look, Paint, Plane

_LAMPS = rgb("ffd682")
_BLOCKS = 48  # buildings of one skyline, over four frame heights
_SPAN = 4.0


def layers(brief: Brief) -> tuple[Layer, ...]:
    """Sky, two to three skylines, and the river or the street before them."""
    draw = brief.draw("composition")
    daylight = TIMES[brief.time]
    ground = draw.uniform(0.74, 0.84)
    count = int(draw.integers(2, 4))
    far = daylight.sky[3] * 0.5 + daylight.sky[1] * 0.4
    near = jittered(draw, rgb("343a4a"), 0.03) * (0.18 + 0.7 * daylight.strength)
    found = [sky(brief, ground), *lights(brief, ground * 0.55)]
    if draw.random() < 0.6:
        found.append(wisps(brief, 0.6))
    for index in range(count):
        part = index / (count - 1)
        found.append(_skyline(brief, index, part, ground=ground, colour=mixed(far, near, part)))
        if index < count - 1:
            found.append(mist(brief, ground, 0.1, daylight.sky[3] * 0.8, strength=0.5, distance=_distance(part)))
    found.append(still_water(brief, ground, daylight.sky[2] * 0.5, horizon=ground - 0.06))
    return tuple(found)


def _distance(part: float) -> float:
    """Distance of a skyline, from the farthest (0) to the nearest (1)."""
    return float(20 * (4 / 20) ** part)


def _skyline(brief: Brief, index: int, part: float, *, ground: float, colour: Colour) -> Layer:
    """Buildings side by side, the tallest near the middle."""
    draw = brief.draw(f"skyline {index}")
    dark = brief.time in ("night", "sunset")
    widths = draw.uniform(0.05, 0.11, _BLOCKS) * (1 + 0.5 * part)
    edges = (np.cumsum(widths) - 1.5).astype(np.float32)
    middle = edges - widths / 2
    tallest = draw.uniform(0.4, 0.6) * (1 - 0.35 * part)
    rows = draw.uniform(0.35, 1.05, _BLOCKS) * np.clip(1.15 - 0.9 * np.abs(middle - 0.5), 0.3, 1.2)
    heights = (tallest * rows).astype(np.float32)
    shades = draw.uniform(0.8, 1.2, _BLOCKS).astype(np.float32)
    lit = (draw.random((64, 64)) < (0.42 if dark else 0.25)) * draw.uniform(0.5, 1.0, (64, 64))
    glow = _LAMPS if dark else TIMES[brief.time].sky[3] * 0.9
    strength = (0.35 + 0.55 * part if dark else 0.4) if part > 0 or dark else 0.0

    def paint(look: Look) -> Paint:
        block = np.minimum(np.searchsorted(edges, look.u[0]), _BLOCKS - 1)[None].repeat(len(look.u), 0)
        if look.u.shape[0] > 1 and not np.array_equal(look.u[0], look.u[-1]):
            block = np.minimum(np.searchsorted(edges, look.u), _BLOCKS - 1)
        top = np.float32(ground) - heights[block]
        inside = (edges[block] - look.u) / widths.astype(np.float32)[block]
        wall = shaded(colour, shades[block] * (0.88 + 0.24 * inside))
        windows = _windows(look, lit.astype(np.float32), block) * strength
        return Paint(mixed(wall, glow, windows), _cover(look, top, np.float32(ground)))

    return Layer(Plane.upright(_distance(part)), paint)


def _cover(look: Look, top: Plate, ground: np.float32) -> Plate:
    """1 between a building's roof and the ground."""
    soft = np.float32(look.pixel)
    return np.asarray(np.clip((look.v - top) / soft + 0.5, 0, 1) * np.clip((ground - look.v) / soft + 0.5, 0, 1))


def _windows(look: Look, lit: Plate, block: np.ndarray) -> Plate:
    """Light of a grid of windows, 0..1, faint where a window is smaller than a pixel."""
    across, down = look.u * np.float32(62), look.v * np.float32(56)
    light = lit[(down.astype(int) + 7 * block) % 64, (across.astype(int) + 13 * block) % 64]
    pane = (across % 1 < 0.55) & (down % 1 < 0.6)
    return np.asarray(light * pane, np.float32)

"""Abstract ribbons that flow over one another."""

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import PALETTES, Colour, mixed, ramp, shaded
from training.painter.noise import field
from training.painter.theatre import Layer, Look, Paint, Plane

_OWN = ("blue", "pink", "red", "purple", "teal", "orange")
_ANGLES = (0.0, 0.4, -0.4, 1.2, 0.0, -0.2)  # radians of the layouts


def layers(brief: Brief) -> tuple[Layer, ...]:
    """A shaded ground and six or seven ribbons, the lowest nearest."""
    palette = PALETTES[brief.palette or _OWN[brief.layout]]
    count = int(brief.draw("composition").integers(6, 8))
    return _ground(brief, palette), *(_ribbon(brief, index, count, palette) for index in range(count))


def _ground(brief: Brief, palette: tuple[Colour, ...]) -> Layer:
    shade = field("soft", brief.draw("ground"), 0.2)

    def paint(look: Look) -> Paint:
        return Paint(ramp(0.1 + 0.5 * look.v * (0.6 + 0.6 * shade(look.u, look.v)), palette[:3]), 1.0)

    return Layer(Plane.upright(10.0), paint)


def _ribbon(brief: Brief, index: int, count: int, palette: tuple[Colour, ...]) -> Layer:
    """One ribbon: everything below a wavy line, bright along it, a shadow above it."""
    draw = brief.draw(f"ribbon {index}")
    angle = _ANGLES[brief.layout]
    long, short = draw.uniform(3, 8), draw.uniform(8, 14)
    first, second = draw.uniform(0, 2 * np.pi, 2)
    place = -0.2 + 1.3 * (index + 0.3) / count
    tone = ((index * 0.29 + draw.random() * 0.2) % 1) * 0.7 + 0.12
    sine, cosine = np.float32(np.sin(angle)), np.float32(np.cos(angle))

    def paint(look: Look) -> Paint:
        x, y = look.u - np.float32(0.5), look.v - np.float32(0.5)
        along, across = x * cosine + y * sine, y * cosine - x * sine + np.float32(0.5)
        line = (
            place
            + 0.09 * np.sin(along * np.float32(long) + np.float32(first + 0.6 * look.seconds))
            + 0.04 * np.sin(along * np.float32(short) + np.float32(second - 0.4 * look.seconds))
        )
        inside = (across - line).astype(np.float32)
        level = tone + 0.28 * np.exp(-np.maximum(inside, 0) * 14) - 0.12 * np.clip(inside * 4, 0, 1)
        body = np.clip(inside / np.float32(look.pixel) + 0.5, 0, 1)
        shadow = np.exp(-((np.minimum(inside, 0) / 0.03) ** 2)) * 0.4
        rim = np.exp(-((inside / 0.006) ** 2)) * 0.6
        colour = mixed(shaded(palette[0], np.ones_like(body)), mixed(ramp(level, palette), palette[-1], rim), body)
        return Paint(colour, np.maximum(body, shadow))

    return Layer(Plane.upright(float(6 * (1 / 6) ** (index / (count - 1)))), paint)

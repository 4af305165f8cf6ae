"""A sky full of heaped clouds in banks behind one another."""

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import TIMES, Colour, mixed, rgb, smoothstep
from training.painter.elements import lights, sky
from training.painter.noise import field
from training.painter.theatre import Layer, Look, Paint, Plane

_OWN = {"day": ("fffefa", "8ca0c0"), "night": ("546496", "080c20")}  # lit and shaded side


def layers(brief: Brief) -> tuple[Layer, ...]:
    """Sky and two to four banks that drift, the nearest fastest."""
    count = int(brief.draw("composition").integers(2, 5))
    banks = (_bank(brief, index, (index + 1) / count) for index in range(count))
    return (sky(brief, 1.05), *lights(brief, 0.7), *banks)


def _sides(brief: Brief) -> tuple[Colour, Colour]:
    """Colours of the lit and the shaded side."""
    if brief.time in _OWN:
        lit, dark = _OWN[brief.time]
        return rgb(lit), rgb(dark)
    daylight = TIMES[brief.time]
    strength = 0.5 + 0.5 * daylight.strength
    return np.minimum(daylight.light + 0.04, 1) * strength, (daylight.sky[0] * 0.5 + daylight.sky[2] * 0.45) * strength


def _bank(brief: Brief, index: int, near: float) -> Layer:
    """One bank; near is 1 for the nearest."""
    draw = brief.draw(f"bank {index}")
    billows = field("billow", draw, 0.6 - 0.35 * near)
    broad = field("soft", draw, 0.22)
    lit, dark = _sides(brief)
    haze = TIMES[brief.time].sky[3]
    top, thick = 0.05 + 0.6 * near * draw.uniform(0.7, 1.0), draw.uniform(0.7, 1.2)

    def paint(look: Look) -> Paint:
        heap, body = billows(look.u, look.v), broad(look.u, look.v)
        inside = heap * 0.55 + body * 0.9 - 0.62 + (look.v - np.float32(top)) * np.float32(thick)
        lean = body - broad(look.u, look.v - np.float32(0.05))
        side = np.clip(0.75 - inside * 1.1 + (heap - 0.35) + lean * 1.5, 0, 1)
        colour = mixed(np.broadcast_to(dark, (*side.shape, 3)), lit, side)
        return Paint(mixed(colour, haze, (1 - near) * 0.4), smoothstep(0.0, 0.12, inside) * 0.95)

    return Layer(Plane.upright(float(30 * (4 / 30) ** near)), paint, drift=(0.01 + 0.03 * near, 0.0))

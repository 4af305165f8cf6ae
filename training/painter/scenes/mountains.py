"""Ranges behind one another, with snow, mist, a lake or pines."""

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import TIMES, Colour, Daylight, jittered, mixed, rgb, shaded, smoothstep
from training.painter.elements import Stand, edge, lights, mist, sky, still_water, trees, wisps
from training.painter.noise import field, profile
from training.painter.theatre import Layer, Look, Paint, Plane

_ROCKS = tuple(rgb(code) for code in ("263a34", "282c40", "3e3432", "22422c"))


def layers(brief: Brief) -> tuple[Layer, ...]:
    """Sky, three to five ranges, and what the layout adds."""
    draw = brief.draw("composition")
    daylight = TIMES[brief.time]
    horizon = draw.uniform(0.56, 0.68)
    count = int(draw.integers(3, 5))
    far = daylight.sky[2] * 0.62 + daylight.sky[1] * 0.3
    near = jittered(draw, _ROCKS[draw.integers(4)], 0.03) * daylight.strength * 0.8
    found = [sky(brief, horizon), *lights(brief, horizon * 0.72)]
    if draw.random() < 0.7:
        found.append(wisps(brief, 0.6))
    for index in range(count):
        part = index / (count - 1)
        found.append(_range(brief, index, part, horizon=horizon, colour=mixed(far, near, part)))
        if index < count - 1:
            haze = daylight.sky[3] * 0.85 + daylight.light * 0.1
            found.append(mist(brief, horizon - 0.02 + 0.1 * part, 0.07, haze, strength=0.35, distance=_distance(part)))
    if "lake" in brief.extras:
        found.append(still_water(brief, min(0.84, horizon + 0.1), daylight.sky[2] * 0.8, horizon=horizon - 0.05))
    if "pines" in brief.extras:
        found.append(
            trees(brief, "pines", colour=near * 0.45, foot=0.95, distance=1.3, stand=Stand(0.2, 9, leafy=False))
        )
    return tuple(found)


def _distance(part: float) -> float:
    """Distance of a range, from the farthest (0) to the nearest (1)."""
    return float(40 * (4 / 40) ** part)


def _range(brief: Brief, index: int, part: float, *, horizon: float, colour: Colour) -> Layer:
    """One range; the farther ones carry snow."""
    draw = brief.draw(f"range {index}")
    daylight = TIMES[brief.time]
    top = horizon - (0.27 - 0.24 * part) * draw.uniform(0.75, 1.2)
    ridge = profile(draw, waves=int(draw.integers(2, 5)), octaves=6, roughness=0.47)
    relief = field("relief", draw, draw.uniform(0.16, 0.24))
    ragged = field("rough", draw, 0.4)
    height = np.float32(0.30 - 0.18 * part)
    snowy = "snow" in brief.extras
    depth = (0.24 if snowy else 0.1) if part < 0.6 else 0.0

    def paint(look: Look) -> Paint:
        line = np.float32(top) + ridge(look.u) * height
        lit = relief(look.u, look.v)
        stone: Colour = shaded(colour * 1.25, 0.55 + 0.5 * lit) + shaded(
            daylight.light * daylight.strength, np.maximum(lit - 0.5, 0) * 0.35
        )
        if depth:
            fall = look.v - line + (ragged(look.u, look.v) - 0.5) * np.float32(0.1)
            white = smoothstep(depth, depth * 0.3, fall) * smoothstep(0.25, 0.55, lit + (0.3 if snowy else 0.05))
            stone = mixed(stone, _snow(daylight, lit), white)
        return Paint(stone, edge(look, line))

    close = max(1.0, _distance(part) * 0.4)
    return Layer(Plane.leaning(top, _distance(part), 1.0, close), paint)


def _snow(daylight: Daylight, lit: Colour) -> Colour:
    """Snow in the light of the day."""
    white = (daylight.light * 0.35 + rgb("ebf0ff") * 0.65) * (0.35 + 0.65 * daylight.strength)
    return shaded(white, 0.66 + 0.4 * lit)

"""Deep space: spiral galaxies, nebulae, a planet."""

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import PALETTES, Colour, mixed, ramp, rgb, shaded, smoothstep
from training.painter.elements import stars
from training.painter.noise import field, lookup, tile
from training.painter.theatre import Layer, Look, Paint, Plane

_SPACE = rgb("05050e")
_BEHIND = Plane.upright(12.0)  # not as far as a sky, so that a camera moving through space sees it move
_MATTER = Plane.upright(6.0)
_OWN = ("blue", "pink", "purple", "teal", "orange", "blue")  # palettes of the layouts when none is asked for


def layers(brief: Brief) -> tuple[Layer, ...]:
    """A spiral or a nebula with its stars; a planet when the layout has one."""
    palette = PALETTES[brief.palette or _OWN[brief.layout]]
    draw = brief.draw("stars")
    space = Layer(_BEHIND, lambda look: Paint(_SPACE, 1.0))
    if "spiral" in brief.extras:
        return space, stars(draw, density=0.8, plane=_BEHIND), _spiral(brief, palette)
    found = [space, _nebula(brief, palette), stars(draw, density=0.9, plane=_BEHIND)]
    return (*found, _planet(brief, palette)) if "planet" in brief.extras else tuple(found)


def _spiral(brief: Brief, palette: tuple[Colour, ...]) -> Layer:
    """Two or three arms about a bright core, turning slowly."""
    draw = brief.draw("spiral")
    centre = draw.uniform(0.42, 0.58, 2).astype(np.float32)
    angle, flat = draw.uniform(0, np.pi), draw.uniform(0.5, 1.0)
    twist, arms = draw.uniform(2.8, 4.5) * draw.choice([-1, 1]), int(draw.integers(2, 4))
    texture = field("rough", draw, 0.45)
    start = draw.uniform(0, 1, 2)
    stops = (palette[-1], palette[-2], palette[-2], palette[1])

    def paint(look: Look) -> Paint:
        x, y = look.u - centre[0], look.v - centre[1]
        along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
        across = (y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))) / np.float32(flat)
        radius = np.hypot(along, across) + np.float32(1e-4)
        turn = np.arctan2(across, along) + np.float32(twist) * np.log(radius + 0.03) - np.float32(0.1 * look.seconds)
        cloud = lookup(
            tile("soft"),
            np.float32(start[0]) + np.float32(0.35) * radius * np.cos(turn),
            np.float32(start[1]) + np.float32(0.35) * radius * np.sin(turn),
        )
        bright = (0.5 + 0.5 * np.cos(turn * arms)) ** 1.6 * np.exp(-radius * 3.6) * (0.35 + 1.3 * cloud) * 1.9
        arm = np.clip(bright * (0.6 + 0.8 * texture(look.u, look.v)), 0, 1)
        core = np.clip(np.exp(-((radius / 0.07) ** 1.2)) * 1.1, 0, 1)
        haze = np.exp(-radius * 4) * 0.5
        colour = ramp(0.18 + radius * 1.9 + (cloud - 0.5) * 0.5, stops)
        colour = mixed(
            np.broadcast_to(palette[1] * 0.6, colour.shape), colour, arm / np.maximum(np.maximum(arm, haze), 1e-3)
        )
        colour = mixed(colour, rgb("fff4d6") * 0.6 + palette[-1] * 0.4, core)
        return Paint(colour, np.maximum(np.maximum(arm, haze), core))

    return Layer(_MATTER, paint)


def _nebula(brief: Brief, palette: tuple[Colour, ...]) -> Layer:
    """Glowing gas, folded by other noise, with dark lanes."""
    draw = brief.draw("nebula")
    fold, hue, gas, lanes = (
        field("soft", draw, 0.3),
        field("soft", draw, 0.3),
        field("soft", draw, 0.4),
        field("ridge", draw, 0.35),
    )
    strong = np.float32(draw.uniform(0.25, 0.45))

    def paint(look: Look) -> Paint:
        folded = strong * (fold(look.u, look.v) - 0.5)
        body = gas(look.u + folded, look.v - folded)
        bright = np.clip(smoothstep(0.3, 0.85, body) * 1.15 * (0.55 + 0.6 * lanes(look.u, look.v)), 0, 1)
        colour = ramp(body * 0.95 + (hue(look.u, look.v) - 0.5) * 0.6 + 0.05, palette)
        return Paint(colour, bright)

    return Layer(_MATTER, paint, drift=(0.004, 0.0))


def _planet(brief: Brief, palette: tuple[Colour, ...]) -> Layer:
    """A banded ball lit from the upper left."""
    draw = brief.draw("planet")
    size = draw.uniform(0.12, 0.18)
    centre = draw.uniform(0.3, 0.7, 2).astype(np.float32)
    bands = field("soft", draw, 0.15, 0.5)

    def paint(look: Look) -> Paint:
        x, y = look.u - centre[0], look.v - centre[1]
        cover = smoothstep(size + 1.5 * look.pixel, size - 1.5 * look.pixel, np.hypot(x, y))
        light = np.clip(0.12 + 1.1 * smoothstep(0.9, -1.0, (x + y) * np.float32(0.7 / size)), 0, 1)
        return Paint(shaded(ramp(bands(look.u, look.v), (palette[1], palette[-2], palette[-1])), light), cover)

    return Layer(Plane.upright(2.5), paint, drift=(0.01, 0.0))

"""Dunes with a lit and a shaded side, far table mountains, cacti."""

import cv2
import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import TIMES, jittered, mixed, rgb, smoothstep
from training.painter.elements import edge, lights, sky, wisps
from training.painter.noise import Plate, field, profile
from training.painter.theatre import Layer, Look, Paint, Plane


def layers(brief: Brief) -> tuple[Layer, ...]:
    """Sky, perhaps table mountains, three to four dunes, and what the layout adds."""
    draw = brief.draw("composition")
    horizon = draw.uniform(0.42, 0.56)
    found = [sky(brief, horizon + 0.1), *lights(brief, horizon)]
    if draw.random() < 0.4:
        found.append(wisps(brief, 0.5, amount=0.58))
    if draw.random() < 0.4:
        found.append(_mesas(brief, horizon))
    count = int(draw.integers(3, 5))
    found += [_dune(brief, index, index / (count - 1), horizon) for index in range(count)]
    if "cactus" in brief.extras:
        found += [_cactus(brief, number) for number in range(2)]
    return tuple(found)


def _mesas(brief: Brief, horizon: float) -> Layer:
    ridge = profile(brief.draw("mesas"), waves=4, octaves=2)
    daylight = TIMES[brief.time]
    colour = daylight.sky[1] * 0.45 + daylight.sky[2] * 0.35

    def paint(look: Look) -> Paint:
        steps = np.clip(np.round(ridge(look.u) * 5) / 5, 0, 1) * np.float32(0.3)
        return Paint(colour, edge(look, np.float32(horizon - 0.01) - steps))

    return Layer(Plane.upright(40.0), paint)


def _dune(brief: Brief, index: int, part: float, horizon: float) -> Layer:
    """One dune from the farthest (part 0) to the nearest (1)."""
    draw = brief.draw(f"dune {index}")
    daylight = TIMES[brief.time]
    sand = jittered(brief.draw("sand"), rgb("e2a462"), 0.03)
    lit = (sand * 0.55 + daylight.light * 0.5) * (0.22 + 0.78 * daylight.strength)
    dark = sand * 0.42 * (0.3 + 0.7 * daylight.strength) * (daylight.sky[0] * 0.35 + 0.65)
    base = horizon + 0.02 + part * 0.36
    top = profile(draw, waves=2 if part < 0.3 else 1, octaves=3, roughness=0.35, smooth=True)
    crest = profile(draw, waves=2, octaves=2, roughness=0.4, smooth=True)
    lean = np.float32(draw.uniform(0.6, 1.3) * draw.choice([-1, 1]))
    swing, ripples = field("soft", draw, 0.35), np.float32(draw.uniform(70, 110) / (0.5 + part))

    def paint(look: Look) -> Paint:
        below = look.v - np.float32(base) - top(look.u) * np.float32(0.08 + 0.2 * part)
        side = smoothstep(-0.03, 0.03, (look.u - 0.5) * 0.12 + crest(look.u) * 0.17 - below * lean)
        waves = np.sin(below * ripples + swing(look.u, look.v) * 10) * np.float32(0.05 * part)
        level = np.clip(side * 0.8 + 0.1 + waves + np.exp(-np.maximum(below, 0) * 40) * 0.12, 0, 1)
        colour = mixed(np.broadcast_to(dark, (*level.shape, 3)), lit, level)
        colour = mixed(colour, daylight.sky[3] * 0.9, (1 - part) * 0.45)
        return Paint(colour, np.clip(below / np.float32(look.pixel) + 0.5, 0, 1))

    far = float(25 * (2.5 / 25) ** part)
    return Layer(Plane.leaning(base, far, 1.0 + 0.3 * (1 - part), max(1.0, far * 0.3)), paint)


def _cactus(brief: Brief, number: int) -> Layer:
    draw = brief.draw(f"cactus {number}")
    size, place, foot = draw.uniform(0.12, 0.2), draw.uniform(0.1, 0.9), draw.uniform(0.82, 0.94)
    arms = tuple(draw.uniform(0.35, 0.6, 2))
    colour = rgb("284a28") * TIMES[brief.time].strength * 0.9

    def paint(look: Look) -> Paint:
        x = ((look.u - np.float32(place)) / np.float32(size) + 0.6) * 100
        y = ((look.v - np.float32(foot)) / np.float32(size) + 1.1) * 100
        return Paint(colour, cv2.remap(_cactus_plate(arms), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))

    return Layer(Plane.upright(1.2 + 0.5 * number), paint)


def _cactus_plate(arms: tuple[float, ...]) -> Plate:
    """A trunk and two bent arms, 120 x 120, 100 pixels tall, its foot in row 110."""
    plate = np.zeros((120, 120), np.float32)
    cv2.line(plate, (60, 110), (60, 12), 1.0, 15, cv2.LINE_AA)
    for side, height in zip((-1, 1), arms, strict=True):
        row = int(110 - 100 * height)
        cv2.line(plate, (60, row), (60 + 32 * side, row), 1.0, 10, cv2.LINE_AA)
        cv2.line(plate, (60 + 32 * side, row), (60 + 32 * side, row - 28), 1.0, 10, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(plate, (0, 0), 1.5))

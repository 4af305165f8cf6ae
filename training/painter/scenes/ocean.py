"""Open water with moving waves, a path of light, a beach or a boat."""

import cv2
import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import TIMES, jittered, mixed, rgb, shaded, smoothstep
from training.painter.elements import edge, ground_line, light_place, lights, sky, wisps
from training.painter.noise import Plate, field, lookup, profile, tile
from training.painter.theatre import Layer, Look, Paint, Plane

_DEEP = {"day": rgb("084678"), "sunset": rgb("301846"), "sunrise": rgb("3c5482"), "night": rgb("03091c")}


def layers(brief: Brief) -> tuple[Layer, ...]:
    """Sky, perhaps far islands, the sea, and what the layout adds."""
    draw = brief.draw("composition")
    horizon = draw.uniform(0.38, 0.56)
    found = [sky(brief, horizon), *lights(brief, horizon)]
    if draw.random() < 0.7:
        found.append(wisps(brief, horizon + 0.1))
    if draw.random() < 0.35:
        found.append(_island(brief, horizon))
    found.append(_sea(brief, horizon))
    if "boat" in brief.extras:
        found.append(_boat(brief, horizon))
    if "beach" in brief.extras:
        found.append(_beach(brief))
    return tuple(found)


def _island(brief: Brief, horizon: float) -> Layer:
    draw = brief.draw("island")
    ridge = profile(draw, waves=3, octaves=5)
    colour = TIMES[brief.time].sky[1] * 0.55

    def paint(look: Look) -> Paint:
        return Paint(colour, edge(look, np.float32(horizon - 0.02) - np.clip(ridge(look.u) + 0.02, 0, 1) * 0.22))

    return Layer(Plane.upright(40.0), paint)


def _sea(brief: Brief, horizon: float) -> Layer:
    """Waves get smaller towards the horizon; light from sun or moon lies in a path on them."""
    draw = brief.draw("sea")
    daylight = TIMES[brief.time]
    deep = jittered(draw, _DEEP[brief.time], 0.02)
    mirror = daylight.sky[3] * 0.75 + daylight.sky[2] * 0.2
    foam = rgb("f0f8fa") * (0.3 + 0.7 * daylight.strength)
    scale = draw.uniform(0.035, 0.055)
    start = draw.uniform(0, 1, 2)
    beam = light_place(brief)
    gleam = daylight.light * 1.1 if "sun" in brief.lights else rgb("c8d7f5")

    def paint(look: Look) -> Paint:
        near = np.clip((look.v - np.float32(horizon)) / np.float32(1 - horizon), 0, 1)
        depth = 1 / (near + np.float32(0.07))
        right = (look.u - np.float32(0.5)) * depth * np.float32(scale * 1.6) + np.float32(start[0])
        ahead = depth * np.float32(scale * 2.2) + np.float32(start[1])
        waves = _waves(right, ahead, look.seconds)
        light = np.clip((1 - near) ** 2.2 * 0.55 + (waves - 0.42) * 1.25, 0, 1)
        colour = mixed(np.broadcast_to(deep, (*light.shape, 3)), mirror, light)
        if beam is not None:
            path = np.exp(-(((look.u - np.float32(beam)) / (0.05 + 0.16 * near)) ** 2))
            colour = mixed(colour, gleam, path * smoothstep(0.42, 0.62, waves + 0.10 * (1 - near)) * 0.9)
        crests = smoothstep(0.62, 0.78, waves) * smoothstep(0.1, 0.6, near) * (0.75 if brief.time == "day" else 0.25)
        return Paint(mixed(colour, foam, crests), edge(look, np.float32(horizon)))

    return Layer(Plane.floor(horizon - 0.004), paint)


def _waves(right: Plate, ahead: Plate, seconds: float) -> Plate:
    """Height 0..1 of two wave trains that move against each other."""
    swell = lookup(tile("soft"), right, ahead + np.float32(0.02 * seconds))
    chop = lookup(tile("ridge"), right * np.float32(1.7) + np.float32(0.1 + 0.015 * seconds), ahead * np.float32(2.1))
    return (swell + chop) * np.float32(0.5)


def _beach(brief: Brief) -> Layer:
    shore = ground_line(brief, "shore")
    grain = field("grain", brief.draw("sand"), 0.35)
    strength = TIMES[brief.time].strength
    sand, surf = rgb("dec296") * (0.25 + 0.75 * strength), rgb("fafcfc") * (0.3 + 0.7 * strength)

    def paint(look: Look) -> Paint:
        line = np.float32(0.86) + shore(look.u) * np.float32(0.09)
        washed = np.exp(-np.abs(look.v - line) / np.float32(0.02)) * 0.8
        colour = mixed(shaded(sand, 0.85 + 0.3 * grain(look.u, look.v)), surf, washed)
        return Paint(colour, np.maximum(edge(look, line), washed))

    return Layer(Plane.floor(0.5), paint)


def _boat(brief: Brief, horizon: float) -> Layer:
    """A hull and two sails."""
    draw = brief.draw("boat")
    daylight = TIMES[brief.time]
    size, place = draw.uniform(0.07, 0.1), draw.uniform(0.25, 0.75)
    row = horizon + draw.uniform(0.05, 0.12)
    hull = np.array([[-1, 0], [1, 0], [0.7, 0.35], [-0.7, 0.35]])
    sails = (
        np.array([[-0.08, -0.1], [-0.08, -2.1], [0.95, -0.15]]),
        np.array([[-0.2, -0.1], [-0.2, -1.7], [-0.8, -0.15]]),
    )
    cloth = np.minimum(daylight.light * 0.9 * max(0.35, daylight.strength), 1)

    def paint(look: Look) -> Paint:
        wood, white = _filled(look, [hull], size, (place, row)), _filled(look, sails, size, (place, row))
        colour = mixed(np.broadcast_to(daylight.sky[0] * 0.35, (*wood.shape, 3)), cloth, white)
        return Paint(colour, np.maximum(wood, white))

    return Layer(Plane.upright(float(1 / (row - horizon) * (1 - horizon))), paint, drift=(0.01, 0.0))


def _filled(
    look: Look, shapes: "list[np.ndarray] | tuple[np.ndarray, ...]", size: float, place: tuple[float, float]
) -> Plate:
    """Coverage of polygons given in units of `size` about a place, also where the camera has moved."""
    side = 64  # pixels of one unit
    plate = np.zeros((int(2.6 * side), int(2.2 * side)), np.float32)
    for shape in shapes:
        points = np.round((shape + np.array([1.1, 2.2])) * side * 16).astype(np.int32)
        cv2.fillPoly(plate, [points], 1.0, cv2.LINE_AA, shift=4)
    plate = cv2.GaussianBlur(plate, (0, 0), max(0.6, 0.4 * side * look.pixel / size))
    x = ((look.u - np.float32(place[0])) / np.float32(size) + np.float32(1.1)) * side
    y = ((look.v - np.float32(place[1])) / np.float32(size) + np.float32(2.2)) * side
    return np.asarray(cv2.remap(plate, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))

"""What several scenes share: sky, stars, sun and moon, clouds, mist, still water and trees."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import TIMES, Colour, jittered, mixed, ramp, rgb, shaded, smoothstep
from training.painter.noise import TILE, Plate, Profile, field, lookup, profile, tile
from training.painter.theatre import FAR, Layer, Look, Paint, Plane

SKY = Plane.upright(FAR)
CLOUD_DRIFT = (0.02, 0.0)  # frame heights a second
_STAR = rgb("fffaf0")


def edge(look: Look, top: Plate | np.floating) -> Plate:
    """1 below the rows `top`, 0 above, a pixel soft."""
    return np.asarray(np.clip((look.v - top) / np.float32(look.pixel) + np.float32(0.5), 0, 1))


def sky(brief: Brief, horizon: float) -> Layer:
    """The gradient of a time of day from the zenith to the row `horizon`."""
    draw = brief.draw("sky")
    stops = [jittered(draw, colour, 0.025) for colour in TIMES[brief.time].sky]
    drift = field("soft", draw, 0.25)

    def paint(look: Look) -> Paint:
        level = look.v / np.float32(horizon) + (drift(look.u, look.v) - 0.5) * 0.1
        return Paint(ramp(level, stops), 1.0)

    return Layer(SKY, paint)


def lights(brief: Brief, horizon: float) -> tuple[Layer, ...]:
    """The stars, sun and moon a brief asks for, above the row `horizon`."""
    draw = brief.draw("lights")
    place = draw.uniform(0.2, 0.8)
    size = draw.uniform(0.055, 0.1)
    low = brief.time in ("sunrise", "sunset")
    height = horizon * (draw.uniform(0.68, 0.95) if low else draw.uniform(0.25, 0.5))
    daylight = TIMES[brief.time]
    found = []
    if "stars" in brief.lights:
        found.append(stars(draw, horizon))
    if "sun" in brief.lights:
        glow = daylight.light if low else rgb("fff6d2")
        found.append(_disc(place, height, size, rgb("ffecaa") if low else rgb("fffce6"), glow, 0.75, moon=None))
    if "moon" in brief.lights:
        dents = field("soft", draw, 0.8)
        found.append(_disc(place, height, size, rgb("f5f2e1"), rgb("96aadc"), 0.3, moon=dents))
    return tuple(found)


def light_place(brief: Brief) -> float | None:
    """Where across the picture the sun or the moon stands, if there is one."""
    place = float(brief.draw("lights").uniform(0.2, 0.8))
    return place if {"sun", "moon"} & set(brief.lights) else None


def stars(draw: np.random.Generator, horizon: float = 2.0, density: float = 1.0, plane: Plane = SKY) -> Layer:
    """Stars that fade towards the row `horizon` and twinkle, each in its own time."""
    start = draw.uniform(0, 1, 2).astype(np.float32)

    def paint(look: Look) -> Paint:
        u, v = look.u * np.float32(0.5) + start[0], look.v * np.float32(0.5) + start[1]
        turn = lookup(tile("soft"), u * np.float32(3), v * np.float32(3)) * np.float32(20)
        twinkle = np.float32(0.75) + np.float32(0.25) * np.sin(turn + np.float32(1.2 * look.seconds))
        light = np.clip(lookup(_star_tile(), u, v) * twinkle * np.float32(density), 0, 1)
        return Paint(_STAR, light * smoothstep(horizon * 1.05, horizon * 0.5, look.v))

    return Layer(plane, paint, solid=False)


def _disc(
    place: float,
    height: float,
    size: float,
    colour: Colour,
    glow: Colour,
    strength: float,
    *,
    moon: Callable[[Plate, Plate], Plate] | None,
) -> Layer:
    """A glowing disc; a moon has dents."""

    def paint(look: Look) -> Paint:
        distance = np.hypot(look.u - np.float32(place), look.v - np.float32(height))
        halo = np.exp(-np.maximum(distance / np.float32(size) - 0.8, 0) / 2.4) * strength
        body = smoothstep(size + 1.5 * look.pixel, size - 1.5 * look.pixel, distance)
        face = colour if moon is None else shaded(colour, 0.78 + 0.3 * moon(look.u, look.v))
        return Paint(mixed(np.broadcast_to(glow, (*body.shape, 3)), face, body), np.maximum(halo, body))

    return Layer(SKY, paint, solid=False)


def wisps(brief: Brief, bottom: float, amount: float = 0.5) -> Layer:
    """Thin drifting clouds above the row `bottom`; a larger amount (0.4..0.7) means fewer."""
    draw = brief.draw("wisps")
    daylight = TIMES[brief.time]
    broad = field("soft", draw, draw.uniform(0.2, 0.35), draw.uniform(0.45, 0.8))
    fine = field("rough", draw, 0.25, 0.6)
    lit = np.minimum(daylight.light * 1.02, 1)
    dark = rgb("becdde") if brief.time == "day" else daylight.sky[1] * 0.75 + daylight.sky[3] * 0.2
    strength = 0.45 if brief.time == "night" else 0.8

    def paint(look: Look) -> Paint:
        body = broad(look.u, look.v)
        cover = smoothstep(amount, amount + 0.3, body * 0.75 + fine(look.u, look.v) * 0.25)
        side = np.clip((body - broad(look.u, look.v - np.float32(0.035))) * 3.2 + 0.5, 0, 1)
        fade = smoothstep(bottom, bottom - 0.25, look.v)
        return Paint(mixed(np.broadcast_to(dark, (*side.shape, 3)), lit, side), cover * fade * strength)

    return Layer(Plane.upright(FAR * 0.8), paint, drift=CLOUD_DRIFT)


def mist(brief: Brief, row: float, height: float, colour: Colour, *, strength: float, distance: float) -> Layer:
    """A band of haze about a row."""
    body = field("soft", brief.draw(f"mist {row:.3f}"), 0.2, 0.5)

    def paint(look: Look) -> Paint:
        band = np.exp(-(((look.v - np.float32(row)) / np.float32(height)) ** 2))
        return Paint(colour, np.clip(band * (0.35 + 1.1 * body(look.u, look.v)) * strength, 0, 1))

    return Layer(Plane.upright(distance), paint, drift=CLOUD_DRIFT, solid=False)


def still_water(brief: Brief, shore: float, tint: Colour, *, horizon: float) -> Layer:
    """Water below the row `shore` that mirrors what lies behind it."""
    draw = brief.draw("water")
    ripples = field("soft", draw, 0.125, 0.7)
    light = TIMES[brief.time].light

    def paint(look: Look) -> Paint:
        rows, columns = look.v.shape
        below = look.v - np.float32(shore)
        swing = (ripples(look.u, look.v) - 0.5) * np.clip(below * 3, 0, 1)
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        mirrored = cv2.remap(
            look.behind,
            x + swing * np.float32(0.10 / look.pixel),
            y - (2 * below + swing * np.float32(0.05)) / np.float32(look.pixel),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        line = np.clip(1 - np.abs(below) / np.float32(max(0.008, look.pixel)), 0, 1) * 0.5
        return Paint(mixed(mirrored * np.float32(0.82) + tint * 0.14, light, line), edge(look, np.float32(shore)))

    return Layer(Plane.floor(horizon), paint)


@dataclass(frozen=True, slots=True)
class Stand:
    """How trees in a row look."""

    height: float  # frame heights, of one in the middle
    count: int  # trees in one frame height
    leafy: bool  # broad-leaved, or else pines


def trees(brief: Brief, purpose: str, *, colour: Colour, foot: float, distance: float, stand: Stand) -> Layer:
    """Trees side by side, standing about the row `foot`."""
    draw = brief.draw(purpose)
    ground = profile(draw, waves=2, octaves=3, smooth=True)
    shade = field("rough", draw, 0.6)
    plate = _tree_row(draw, stand)
    scale = np.float32(TILE)

    def paint(look: Look) -> Paint:
        rows = np.float32(foot) + ground(look.u) * np.float32(0.05)
        above = (look.v - rows) / np.float32(_ROW_HEIGHT) + 1
        standing = cv2.remap(
            plate,
            (look.u * np.float32(0.5) + 0.25) * scale,
            above * np.float32(plate.shape[0]),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        cover = np.maximum(standing, edge(look, rows))
        return Paint(shaded(colour, 0.8 + 0.4 * shade(look.u, look.v)), cover)

    return Layer(Plane.upright(distance), paint)


_ROW_HEIGHT = 0.7  # frame heights of a plate of trees, whose foot is its last row


def _tree_row(draw: np.random.Generator, stand: Stand) -> Plate:
    """Coverage of a row of trees over two frame heights' width, float32, TILE wide."""
    unit = TILE / 2  # pixels of one frame height
    plate = np.zeros((int(_ROW_HEIGHT * unit), TILE), np.float32)
    rows = plate.shape[0]
    for _ in range(2 * stand.count):
        tall = int(np.clip(unit * stand.height * draw.uniform(0.55, 1.25), 8, rows))
        wide = max(5, int(tall * draw.uniform(0.38, 0.55)))
        tree = cv2.resize(_trees(stand.leafy)[draw.integers(8)], (wide, tall), interpolation=cv2.INTER_AREA)
        left = int(draw.integers(0, TILE - wide))
        place = plate[rows - tall :, left : left + wide]
        np.maximum(place, tree, out=place)
    return plate


@cache
def _trees(leafy: bool) -> tuple[Plate, ...]:
    """Eight silhouettes, float32, 160 x 80, 0..1."""
    draw = np.random.default_rng(11 + leafy)
    y = (np.arange(160, dtype=np.float32) / 160)[:, None]
    x = ((np.arange(80, dtype=np.float32) + 0.5) / 80 * 2 - 1)[None]
    shape = _leafy if leafy else _pine
    return tuple(
        cv2.GaussianBlur(
            shape(x, y, tile("rough")[9 * k : 9 * k + 160, 20 * k : 20 * k + 80], draw).astype(np.float32), (0, 0), 0.8
        )
        for k in range(8)
    )


def _pine(x: Plate, y: Plate, ragged: Plate, draw: np.random.Generator) -> Plate:
    """Tiers of branches that widen downwards."""
    tiers = (y * draw.integers(6, 11) + draw.random()) % 1
    width = y * (0.5 + 0.5 * tiers) * draw.uniform(0.65, 0.9)
    branches = (np.abs(x + 0.08 * (ragged - 0.5)) < width * (0.75 + 0.6 * ragged)) & (y < 0.94)
    return np.asarray(branches | ((np.abs(x) < 0.06) & (y > 0.85)))


def _leafy(x: Plate, y: Plate, ragged: Plate, draw: np.random.Generator) -> Plate:
    """A ragged crown on a bent trunk."""
    down = y * 2 - 1
    crown = (x / 0.85) ** 2 + ((down + 0.35) / 0.62) ** 2 + 1.6 * (ragged - 0.5) < 0.75
    return np.asarray(crown | ((np.abs(x + 0.1 * np.sin(down * 5 + draw.uniform(0, 6))) < 0.07) & (down > 0.4)))


@cache
def _star_tile() -> Plate:
    """Light of stars over two frame heights, seamless, float32, 0..1."""
    draw = np.random.default_rng(13)
    side = 2 * TILE
    light = np.zeros((side, side), np.float32)
    light[draw.integers(0, side, 500), draw.integers(0, side, 500)] = draw.random(500) ** 2 * 1.2 + 0.25
    light = cv2.GaussianBlur(light, (0, 0), 1.7) * 15
    for x, y in draw.integers(8, side - 8, (24, 2)):
        cv2.circle(light, (int(x), int(y)), 3, 1.0, -1, cv2.LINE_AA)
    return np.asarray(np.clip(light, 0, 1))


def ground_line(brief: Brief, purpose: str, waves: int = 2) -> Profile:
    """A gently uneven line."""
    return profile(brief.draw(purpose), waves=waves, octaves=4, roughness=0.4, smooth=True)

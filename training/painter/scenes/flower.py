"""One large blossom on its stem, or a few smaller ones, before a soft garden."""

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import PALETTES, Colour, mixed, ramp, rgb, shaded, smoothstep
from training.painter.noise import field
from training.painter.theatre import Layer, Look, Paint, Plane

_GARDENS = (("102816", "24542a", "7ca058"), ("1e1a32", "50466e", "beaac8"), ("12301c", "2c5c30", "88aa60"))
_OWN = ("red", "pink", "blue", "gold", "purple", "orange")
_LEAF = rgb("2c6028")


def layers(brief: Brief) -> tuple[Layer, ...]:
    """A blurred garden and one blossom or four."""
    draw = brief.draw("composition")
    palette = PALETTES[brief.palette or _OWN[brief.layout]]
    garden = _garden(brief)
    if draw.random() < 0.75:
        centre = (draw.uniform(0.43, 0.57), draw.uniform(0.38, 0.5))
        blossom = _blossom(brief, 0, palette, centre=centre, size=draw.uniform(0.3, 0.4))
        return garden, _stem(brief, centre), blossom
    places = draw.uniform(0.2, 0.8, (4, 2)) * [0.35, 0.35] + [[0.05, 0.05], [0.6, 0.1], [0.1, 0.6], [0.6, 0.6]]
    return garden, *(
        _blossom(brief, number, palette, centre=(float(x), float(y)), size=0.2) for number, (x, y) in enumerate(places)
    )


def _garden(brief: Brief) -> Layer:
    draw = brief.draw("garden")
    stops = [rgb(code) for code in _GARDENS[brief.layout % len(_GARDENS)]]
    blur = field("soft", draw, 0.16)
    return Layer(Plane.upright(12.0), lambda look: Paint(ramp(blur(look.u, look.v) * 1.1 - 0.05, stops), 1.0))


def _stem(brief: Brief, centre: tuple[float, float]) -> Layer:
    """A bent stem with two leaves."""
    draw = brief.draw("stem")
    lean = np.float32(draw.uniform(-0.2, 0.2))
    rows = draw.uniform(0.78, 0.92, 2)
    x0, y0 = np.float32(centre[0]), np.float32(centre[1])

    def paint(look: Look) -> Paint:
        line = x0 + (look.v - y0) * lean + np.float32(0.04) * np.sin(look.v * 4)
        offset = look.u - line
        cover = np.clip((np.float32(0.014) - np.abs(offset)) / np.float32(look.pixel), 0, 1) * (look.v > y0)
        level = 0.7 + 0.4 * offset / np.float32(0.014)
        for side, row in zip((-1, 1), rows, strict=True):
            x = look.u - (x0 + np.float32(side * 0.16))
            y = look.v - np.float32(row) + side * x * 0.5
            leaf = smoothstep(1.0, 0.85, (x / 0.17) ** 2 + (y / 0.05) ** 2)
            cover, level = np.maximum(cover, leaf), np.where(leaf > 0.5, 0.95 - 0.35 * (np.abs(y) < 0.004), level)
        return Paint(shaded(_LEAF, level.astype(np.float32)), cover)

    return Layer(Plane.upright(1.6), paint)


def _blossom(
    brief: Brief, number: int, palette: tuple[Colour, ...], *, centre: tuple[float, float], size: float
) -> Layer:
    """Rings of petals about a heart."""
    draw = brief.draw(f"blossom {number}")
    many = draw.random() < 0.4
    petals = int(draw.integers(12, 20) if many else draw.integers(5, 9))
    rings = int(draw.integers(1, 3) if many else draw.integers(2, 4))
    angle, flat, round_ = draw.uniform(0, np.pi), draw.uniform(0.8, 1.0), np.float32(draw.uniform(0.35, 0.7))
    turns = draw.uniform(-0.1, 0.1, rings)
    heart = np.float32(size * (draw.uniform(0.2, 0.32) if many else draw.uniform(0.14, 0.24)))

    def paint(look: Look) -> Paint:
        x, y = look.u - np.float32(centre[0]), look.v - np.float32(centre[1])
        along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
        across = (y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))) / np.float32(flat)
        radius, turn = np.hypot(along, across), np.arctan2(across, along)
        colour: Colour = np.zeros((*radius.shape, 3), np.float32)
        cover = np.zeros_like(radius)
        for ring in range(rings):
            waist = np.abs(np.cos(petals / 2 * turn + np.float32(ring * np.pi / petals + turns[ring]))) ** round_
            rim = np.float32(size * (1 - ring / (rings + 0.6))) * (0.42 + 0.58 * waist)
            petal = smoothstep(0, 2.5 * look.pixel, rim - radius)
            shadow = smoothstep(-0.05, 0.0, rim - radius) * (1 - petal) * 0.5
            reach = np.clip(radius / (rim + 1e-4), 0, 1)
            level = 0.16 + 0.62 * reach**1.3 * (0.35 + 0.65 * waist) + 0.1 * ring / rings
            colour = mixed(shaded(colour, 1 - shadow), ramp(level, palette), petal)
            cover = np.maximum(cover, petal)
        middle = smoothstep(heart + 2 * look.pixel, heart - 2 * look.pixel, radius)
        seeds = 0.75 + 0.2 * np.sin(radius * 160) * np.sin(turn * 21) - 0.2 * radius / heart
        core = rgb("ecb428") if brief.palette != "gold" else rgb("6a3c10")
        return Paint(mixed(colour, shaded(core, seeds), middle), np.maximum(cover, middle))

    return Layer(Plane.upright(1.0 + 0.1 * number), paint)

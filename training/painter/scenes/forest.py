"""Rows of pines or broad-leaved trees that fade into haze."""

from training.painter.briefs import Brief
from training.painter.colours import TIMES, jittered, mixed, rgb
from training.painter.elements import Stand, lights, mist, sky, trees, wisps
from training.painter.theatre import Layer

_GREENS = tuple(rgb(code) for code in ("183e22", "14342c", "344a18"))
_AUTUMN = tuple(rgb(code) for code in ("be5414", "c8821e", "a02e16"))


def layers(brief: Brief) -> tuple[Layer, ...]:
    """Sky and three to four rows of trees; autumn turns them, mist hides their feet."""
    draw = brief.draw("composition")
    daylight = TIMES[brief.time]
    autumn = "autumn" in brief.extras
    horizon = draw.uniform(0.52, 0.64)
    count = int(draw.integers(3, 5))
    far = daylight.sky[3] * 0.55 + daylight.sky[2] * 0.25
    leaves = (_AUTUMN if autumn else _GREENS)[draw.integers(3)]
    near = jittered(draw, leaves, 0.03) * (0.2 + 0.6 * daylight.strength)
    leafy = autumn or bool(draw.random() < 0.3)
    found = [sky(brief, horizon + 0.1), *lights(brief, horizon * 0.72)]
    if draw.random() < 0.4:
        found.append(wisps(brief, 0.5))
    for index in range(count):
        part = index / (count - 1)
        colour = mixed(far, near, part) if index < count - 1 else near * 0.62
        distance = float(20 * (1.3 / 20) ** part)
        found.append(
            trees(
                brief,
                f"row {index}",
                colour=colour + daylight.light * 0.04,
                foot=horizon + 0.02 + 0.34 * part,
                distance=distance,
                stand=Stand(0.16 + 0.30 * part, int(24 - 16 * part), leafy),
            )
        )
        if index < count - 1:
            haze = daylight.sky[3] * 0.8 + daylight.light * 0.1
            strength = 0.8 if "mist" in brief.extras else 0.3
            found.append(mist(brief, horizon + 0.04 + 0.3 * part, 0.08, haze, strength=strength, distance=distance))
    return tuple(found)

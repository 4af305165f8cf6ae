"""Easing curves: how the way from one key to the next is spread over time.

Each maps 0..1 (share of the time) to a share of the way, float64 arrays to arrays of the same shape, with 0 -> 0
and 1 -> 1. `back` and `elastic` leave 0..1 in between. Source: Robert Penner's easing equations (BSD), with the
exponential curve scaled so that it meets both ends.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
Easing = Callable[[Shares], Shares]


def linear(x: Shares) -> Shares:
    """Even speed."""
    return x


def hold(x: Shares) -> Shares:
    """Stays, then jumps at the next key."""
    return np.floor(x)


def _sine(x: Shares) -> Shares:
    return 1 - np.cos(x * np.pi / 2)


def _expo(x: Shares) -> Shares:
    return (np.exp2(10 * x) - 1) / 1023


def _circ(x: Shares) -> Shares:
    return 1 - np.sqrt(1 - x**2)


def _back(x: Shares) -> Shares:
    overshoot = 1.70158  # reaches 10 % behind the start
    return x**2 * ((overshoot + 1) * x - overshoot)


def _elastic(x: Shares) -> Shares:
    period = 0.3
    swing = -np.exp2(10 * (x - 1)) * np.sin((x - 1 - period / 4) * 2 * np.pi / period)
    return np.where(x == 0, 0.0, swing)


def _bounce(x: Shares) -> Shares:
    rest = 1 - x  # the ball falls at the end of "out"; "in" is its mirror image
    jumps = ((0.0, 0.0), (1.5, 0.75), (2.25, 0.9375), (2.625, 0.984375))  # (centre of the parabola * 2.75, its foot)
    heights = [7.5625 * (rest - centre / 2.75) ** 2 + foot for centre, foot in jumps]
    return 1 - np.select([rest < 1 / 2.75, rest < 2 / 2.75, rest < 2.5 / 2.75], heights[:3], heights[3])


def _power(exponent: int) -> Easing:
    return lambda x: x**exponent


def _out(curve: Easing) -> Easing:
    """Run backwards: fast first."""
    return lambda x: 1 - curve(1 - x)


def _in_out(curve: Easing) -> Easing:
    """Slow at both ends."""
    return lambda x: np.where(x < 0.5, curve(np.minimum(2 * x, 1)) / 2, 1 - curve(np.minimum(2 - 2 * x, 1)) / 2)


_FAMILIES: dict[str, Easing] = {
    "": _power(2),
    "_sine": _sine,
    "_quad": _power(2),
    "_cubic": _power(3),
    "_quart": _power(4),
    "_quint": _power(5),
    "_expo": _expo,
    "_circ": _circ,
    "_back": _back,
    "_elastic": _elastic,
    "_bounce": _bounce,
}

EASINGS = MappingProxyType(
    {"linear": linear, "hold": hold, "step": hold}
    | {f"ease_in{family}": curve for family, curve in _FAMILIES.items()}
    | {f"ease_out{family}": _out(curve) for family, curve in _FAMILIES.items()}
    | {f"ease_in_out{family}": _in_out(curve) for family, curve in _FAMILIES.items()}
)
"""All curves by the name that users write after a key's value."""

"""Axes of X/Y/Z grids: a setting, its values, and the order each value makes of another."""

import csv
import math
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from animator.orders.order import Order
from animator.orders.settings import Setting, nearest, setting, with_setting
from core.errors import Fault, UserError
from core.seeds import SEED_RANGE

MOST_VALUES = 1000  # of one axis
MOST_ORDERED = 5  # words whose orders are tried: 120
REPLACE, REORDER, STYLES = "prompt s/r", "prompt order", "styles"
ALIASES = {"promptsr": REPLACE, "sr": REPLACE, "promptorder": REORDER, "styles": STYLES, "style": STYLES}
COSTLY = ("model", "refiner", "vae")  # settings that load a model; changed as seldom as may be

_NUMBER = r"\s*([+-]?\d+(?:\.\d*)?)\s*"
_STEPPED = re.compile(rf"{_NUMBER}-{_NUMBER}(?:\(\s*([+-]\d+(?:\.\d*)?)\s*\))?\s*")
_COUNTED = re.compile(rf"{_NUMBER}-{_NUMBER}\[\s*(\d+)\s*\]\s*")


@dataclass(frozen=True, slots=True)
class Value:
    """One place on an axis."""

    label: str
    acts: Callable[[Order], Order]


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a grid."""

    name: str  # as infotexts and labels have it
    values: tuple[Value, ...]
    text: str  # of the values, as written
    is_costly: bool = False


NOTHING = Axis("Nothing", (Value("", lambda order: order),), "")


def axis(text: str) -> Axis:
    """An axis from `NAME: VALUES`.

    Values are separated by commas; one with a comma in it stands in double quotes. Numbers may be ranges: `1-5`,
    `1-5 (+2)`, `10-5 (-3)`, and `1-10 [5]` for five of them, evenly spaced.

    Raises:
        UserError: for an unknown setting, no values, or values that are none of it.
    """
    name, _, values = text.partition(":")
    if "=" in name or (not values and "=" in text):
        name, _, values = text.partition("=")
    words = split(values)
    if not name.strip() or not words:
        raise UserError(f"{text!r} is no axis", way_out="Write NAME: VALUES, as in steps: 10, 20, 30")
    special = ALIASES.get(re.sub(r"[^a-z]", "", name.lower()))
    if special:
        return Axis(special.title().replace("/R", "/R"), tuple(_special(special, words)), values.strip())
    try:
        one = setting(name)
    except UserError as fault:
        raise UserError(f"no axis named {name.strip()!r}", way_out=nearest(name)) from fault
    found = tuple(_values(one, words))
    if len(found) > MOST_VALUES:
        raise UserError(f"{len(found)} values are too many for an axis", way_out=f"At most {MOST_VALUES}")
    return Axis(one.label, found, values.strip(), one.name in COSTLY)


def faults_of(axes: Mapping[str, Axis], order: Order) -> Iterator[Fault]:
    """Values that this order cannot have, by the option that the axis was given with."""
    for option, one in axes.items():
        for value in one.values:
            try:
                value.acts(order)
            except UserError as fault:
                yield Fault(option, f"{one.name} {value.label!r}: {fault.what}", fault.way_out)


def split(text: str) -> list[str]:
    """The values in a text: separated by commas, quoted where they hold one."""
    rows = csv.reader([text.replace("\n", " ")], skipinitialspace=True)
    return [value.strip() for value in next(rows, []) if value.strip()]


def expanded(text: str, *, whole: bool) -> list[float]:
    """The numbers that a value stands for: one, or those of a range.

    Raises:
        UserError: if it is neither.
    """
    if counted := _COUNTED.fullmatch(text):
        first, last, count = float(counted[1]), float(counted[2]), int(counted[3])
        if not 1 <= count <= MOST_VALUES:
            raise UserError(f"{text!r}: {count} values", way_out=f"Ask for 1 to {MOST_VALUES}")
        numbers = [first + (last - first) * n / max(1, count - 1) for n in range(count)]
        return [math.trunc(number) for number in numbers] if whole else numbers
    if stepped := _STEPPED.fullmatch(text):
        first, last = float(stepped[1]), float(stepped[2])
        step = float(stepped[3]) if stepped[3] else math.copysign(1, last - first)
        count = math.floor((last - first) / step + 1e-9) + 1 if step else 0
        if not 1 <= count <= MOST_VALUES:
            raise UserError(
                f"{text!r} holds {max(0, count)} values", way_out=f"Choose a step that gives 1 to {MOST_VALUES}"
            )
        return [round(first + n * step, 10) for n in range(count)]
    try:
        return [float(text)]
    except ValueError as fault:
        raise UserError(f"{text!r} is no number and no range", way_out="Write 5, 1-5, 1-5 (+2) or 1-5 [3]") from fault


def _values(one: Setting, words: Sequence[str]) -> Iterator[Value]:
    """The values of a setting; what is out of its range is told now."""
    if one.kind not in ("int", "float"):
        yield from (_value(one, word, word) for word in words)
        return
    for word in words:
        for number in expanded(word, whole=one.kind == "int"):
            text = f"{number:.10g}"
            if one.name in ("seed", "variation_seed") and number < 0:
                text = str(secrets.randbelow(SEED_RANGE))
            one.value(text)
            yield _value(one, text, f"{one.label}: {text}")


def _value(one: Setting, text: str, label: str) -> Value:
    return Value(label, lambda order: with_setting(order, one, text))


def _special(kind: str, words: Sequence[str]) -> Iterator[Value]:
    if kind == REPLACE:
        yield from (Value(word, _replacing(words[0], word)) for word in words)
    elif kind == STYLES:
        yield from (Value(word, _styled(word)) for word in words)
    elif len(words) > MOST_ORDERED:
        raise UserError(f"{len(words)} words have too many orders", way_out=f"Give at most {MOST_ORDERED}")
    else:
        yield from (Value(", ".join(some), _ordered(some)) for some in permutations(words))


def _replacing(old: str, new: str) -> Callable[[Order], Order]:
    def acts(order: Order) -> Order:
        if old not in order.prompt and old not in order.negative:
            raise UserError(f"{old!r} is in no prompt", way_out="The first value is the text that the others replace")
        return replace(order, prompt=order.prompt.replace(old, new), negative=order.negative.replace(old, new))

    return acts


def _styled(text: str) -> Callable[[Order], Order]:
    names = () if text.lower() == "none" else tuple(name.strip() for name in text.split("+"))
    return lambda order: replace(order, styles=(*order.styles, *names))


def _ordered(words: Sequence[str]) -> Callable[[Order], Order]:
    def acts(order: Order) -> Order:
        for word in words:
            if word not in order.prompt:
                raise UserError(f"{word!r} is not in the prompt", way_out="Only words of the prompt can change places")
        places = sorted((order.prompt.index(word), word) for word in words)
        pieces, end = [], 0
        for (start, old), new in zip(places, words, strict=True):
            pieces += [order.prompt[end:start], new]
            end = start + len(old)
        return replace(order, prompt="".join([*pieces, order.prompt[end:]]))

    return acts

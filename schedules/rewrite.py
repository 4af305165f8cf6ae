"""Schedules rewritten as text, for importers that change units."""

from decimal import Decimal

from core.errors import ScheduleError
from schedules.syntax import entries, plain_number, unwrapped, with_easing


def scaled(text: str, factor: float, offset: float = 0.0) -> str:
    """A schedule whose values are those of `text` times a factor, plus an offset.

    Plain numbers stay plain numbers, so that ramps stay ramps; positions and easings stay as they are.

    Args:
        text: a number schedule.
        factor: finite.
        offset: finite, added after scaling.

    Raises:
        ScheduleError: if the text is no schedule, or a number becomes too large.
    """
    written = []
    for entry in entries(text):
        value, easing = with_easing(entry.value)
        number = plain_number(value.text)
        if number is None:
            term = f"({unwrapped(value).text})*{canonical(factor)}"
            result = f"{term}+{canonical(offset)}" if offset else term
        else:
            result = canonical(number * factor + offset)
        written.append(f"{entry.position.text}:({result}){f' {easing.text}' if easing else ''}")
    return ", ".join(written)


def canonical(value: float) -> str:
    """A number in plain digits, rounded to 12 significant ones: `0.3`, never `0.30000000000000004` or `3e-1`.

    Raises:
        ScheduleError: if it is not finite.
    """
    rounded = Decimal(f"{value:.12g}")
    if not rounded.is_finite():
        raise ScheduleError(f"{value} is no number of a schedule", way_out="Keep it finite")
    return f"{rounded + 0:f}"

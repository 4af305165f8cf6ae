"""Values of Deforum's settings as those of a native project: other words, other units; what is none stays as it is."""

from collections.abc import Mapping
from typing import Any

from core.errors import ScheduleError
from schedules.rewrite import scaled
from schedules.schedule import Schedule


def named(value: Any, names: Mapping[str, str]) -> Any:
    """A word of Deforum as ours; what is none stays for the check to tell."""
    return names.get(value, value) if isinstance(value, str) else value


def scaled_text(value: Any, factor: float, offset: float = 0.0) -> Any:
    """A number or schedule in other units; what is neither stays for the check to tell."""
    try:
        if isinstance(value, str):
            return scaled(value, factor, offset)
        return value * factor + offset if type(value) in (int, float) else value
    except (ScheduleError, OverflowError):
        return value


def constant(value: Any) -> float | None:
    """The number that a schedule has on its first frame alone, None if it is more than one key or no number."""
    if not isinstance(value, str):
        return value if type(value) in (int, float) else None
    try:
        return Schedule.parse(value, 1).at(0) if value.count(":") == 1 else None
    except ScheduleError:
        return None


def as_schedule(value: Any) -> Any:
    """A number as a schedule."""
    return f"0:({value})" if type(value) in (int, float) else value


def init_denoise(strength: Any) -> Any:
    """How much of an init picture is drawn anew: 1 - strength, held in 0..1."""
    return round(min(max(1 - strength, 0.0), 1.0), 9) if type(strength) in (int, float) else strength

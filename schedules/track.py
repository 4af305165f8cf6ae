"""Track: one schedule for every number of a frozen dataclass."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from math import isfinite
from typing import Generic, TypeVar, get_type_hints

from core.errors import Fault, ProjectError, ScheduleError, suggestion
from schedules.expression import Values
from schedules.schedule import Schedule

Kind = TypeVar("Kind")


class Track(Generic[Kind]):
    """A frozen value over time: `Track(CameraMove, "camera", {"z": "0:(0), 30:(0.5)"}, 120).at(i)`."""

    __slots__ = ("_columns", "_kind")

    def __init__(
        self,
        kind: type[Kind],
        section: str,
        given: Mapping[str, float | str],
        frames: int,
        seed: int = 0,
        names: Mapping[str, Values] | None = None,
    ) -> None:
        """Reads all schedules.

        Args:
            kind: a frozen dataclass; its float fields can be keyframed, all others keep their defaults.
            section: where the fields stand in the project, for faults: "camera" gives "camera.roll".
            given: numbers and schedule texts by field; fields that are missing keep the dataclass's default.
            frames: length of the clip, at least 1.
            seed: what `s` stands for.
            names: further series for expressions, float64[frames] each.

        Raises:
            ProjectError: with all faults; its `source` is the section.
        """
        defaults = _defaults(kind)
        faults = [
            Fault(f"{section}.{name}", "no such setting", suggestion(name, tuple(defaults)))
            for name in given
            if name not in defaults
        ]
        schedules: dict[str, Schedule] = {}
        for name, default in defaults.items():
            value = given.get(name, default)
            try:
                schedules[name] = _schedule(value, f"{section}.{name}", frames, seed, names)
            except ScheduleError as error:
                faults.append(Fault(error.where, error.what, error.way_out))
        if faults:
            raise ProjectError(section, faults)
        self._kind = kind
        self._columns = tuple((name, schedule.values()) for name, schedule in schedules.items())

    def at(self, frame: int) -> Kind:
        """The value at a frame from 0 to frames - 1."""
        assert frame >= 0, frame
        return self._kind(**{name: values.item(frame) for name, values in self._columns})

    def with_columns(self, columns: Mapping[str, Values]) -> "Track[Kind]":
        """A track whose fields have these values, float64[frames] each."""
        track: Track[Kind] = object.__new__(type(self))
        track._kind = self._kind
        track._columns = tuple((name, columns.get(name, values)) for name, values in self._columns)
        return track

    def columns(self) -> Mapping[str, Values]:
        """The values of every field over all frames, float64[frames], read-only, in the dataclass's order."""
        return dict(self._columns)


def _defaults(kind: type) -> dict[str, float | None]:
    """The keyframable fields with their defaults, None where there is none."""
    hints = get_type_hints(kind)
    return {
        field.name: None if field.default is MISSING else field.default
        for field in fields(kind)
        if hints[field.name] is float
    }


def _schedule(
    value: float | str | None, field: str, frames: int, seed: int, names: Mapping[str, Values] | None
) -> Schedule:
    """The schedule that a setting stands for."""
    if isinstance(value, str):
        return Schedule.parse(value, frames, seed, field=field, names=names)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _fits(value):
        raise ScheduleError(
            f"{str(value)[:40]} is neither a number nor a schedule",
            where=field,
            way_out="Write a number, or 0:(1), 30:(2)",
        )
    return Schedule.constant(float(value), frames)


def _fits(value: float) -> bool:
    try:
        return isfinite(float(value))
    except OverflowError:
        return False

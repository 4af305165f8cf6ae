"""The error tree. On purpose, Driftloop raises only these.

    DriftloopError               everything raised on purpose; exit code 1
    ├── UserError                the user can mend it; exit code 2
    │   ├── ProjectError         a project with faults, all of them at once
    │   ├── ScheduleError        text that is no schedule or expression
    │   ├── UnknownName          no such model, sampler, mode, setting
    │   ├── WeightsError         a model file that is missing, damaged or of another family
    │   ├── MediaError           a picture, video or sound that cannot be read or written
    │   └── MissingLibrary       an optional package that is not installed
    └── BrokenPicture            a model gave NaN, black or constant pictures

A message says what is wrong, where (file, field, frame), the value, and the way out.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class DriftloopError(Exception):
    """Anything raised on purpose; shown without a traceback."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", way_out: str = "") -> None:
        """Keeps the three parts, so that a boundary can add what it knows.

        Args:
            what: the fact, with the offending value.
            where: file, field or frame; joined in front.
            way_out: one sentence that tells how to mend it.
        """
        self.what = what
        self.where = where
        self.way_out = way_out
        super().__init__(what, where, way_out)

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come whole from other processes."""
        return _again, (type(self), vars(self))

    def __str__(self) -> str:
        """`where: what. way out` on one line."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text.rstrip('.')}. {self.way_out}" if self.way_out else text


def _again(kind: type[DriftloopError], parts: dict[str, Any]) -> DriftloopError:
    """An error from its parts."""
    error = kind.__new__(kind)
    vars(error).update(parts)
    return error


class UserError(DriftloopError):
    """Something the user can mend."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field of a project."""

    field: str  # dotted path, as in "camera.roll"
    what: str  # the fact, with the value
    way_out: str = ""  # allowed values or the nearest name

    def __str__(self) -> str:
        """`field: what. way out`."""
        text = f"{self.field}: {self.what}" if self.field else self.what
        return f"{text.rstrip('.')}. {self.way_out}" if self.way_out else text


class ProjectError(UserError):
    """A project with one or more faults; `faults` holds them all."""

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        """Args: source: file name the user gave; faults: at least one."""
        self.source = source
        self.faults = tuple(faults)
        many = f"{len(self.faults)} faults" if len(self.faults) > 1 else "1 fault"
        super().__init__(f"{many}\n" + "\n".join(f"  {fault}" for fault in self.faults), where=source)

    def __str__(self) -> str:
        """The source, then one line a fault."""
        return f"{self.where}: {self.what}"


class ScheduleError(UserError):
    """Text that is no schedule or expression."""

    def __init__(
        self, what: str, *, text: str = "", position: int | None = None, where: str = "", way_out: str = ""
    ) -> None:
        """Args: text: the whole schedule; position: index of the offending character, from 0."""
        self.text = text
        self.position = position
        if position is not None:
            what = f"{what} (at character {position + 1} of {_around(text, position)!r})"
        super().__init__(what, where=where, way_out=way_out)


def _around(text: str, position: int, reach: int = 24) -> str:
    """The part of a long text near a position."""
    start, end = max(0, position - reach), min(len(text), position + reach)
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


class UnknownName(UserError):
    """No entry of that name; lists the known ones and the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        """Args: kind: "sampler", "depth model" ...; known: all names that would do."""
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(f"no {kind} named {name!r}", where=where, way_out=suggestion(name, self.known))


class WeightsError(UserError):
    """A model file that is missing, damaged or of another family."""


class MediaError(UserError):
    """A picture, video or sound that cannot be read or written."""


class MissingLibrary(UserError):
    """An optional package that is not installed."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        """Args: feature: what the user asked for; extra: the install extra that brings the package."""
        super().__init__(
            f"{feature} needs the package {package}", way_out=f"Install it with: pip install 'driftloop[{extra}]'"
        )


class BrokenPicture(DriftloopError):
    """A model gave NaN, black or constant pictures, in float32 too."""


def suggestion(name: str, known: Sequence[str]) -> str:
    """The nearest known name, else all of them, as a sentence."""
    lowered = {entry.lower(): entry for entry in known}
    near = difflib.get_close_matches(name[:64].lower(), lowered, n=1, cutoff=0.6)
    listed = ", ".join(known[:40]) + (", …" if len(known) > 40 else "")
    if near:
        return f"Did you mean {lowered[near[0]]!r}? Known: {listed}"
    return f"Known: {listed}" if known else "None is known"

"""Projects back to JSON: canonical, complete, and read back equal."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.controls import ControlUnit

if TYPE_CHECKING:
    from animator.project import Project

FPS_DIGITS = 6  # behind the point of a frame rate; what has more is written as a fraction
LINE = 110  # characters
EMBEDDED_KEY = "driftloop"  # names the project in PNG text chunks and video metadata
FIRST_FRAME = "first"  # in color.reference: no file, but the first frame


def to_json(project: "Project") -> dict[str, Any]:
    """All fields as JSON data, in the order they are declared in; `project.parse` gives an equal project."""
    data = _plain(project)
    assert isinstance(data, dict)
    return data


def laid_out(value: Any, margin: int = 0) -> str:
    """JSON text for people: what fits on a line stands on one, the rest is indented."""
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or (margin and margin + len(line) <= LINE):
        return line
    inner, outer = "\n" + " " * (margin + 2), "\n" + " " * margin
    if isinstance(value, list):
        return f"[{inner}{f',{inner}'.join(laid_out(item, margin + 2) for item in value)}{outer}]"
    entries = (f"{json.dumps(key, ensure_ascii=False)}: {laid_out(item, margin + 2)}" for key, item in value.items())
    return f"{{{inner}{f',{inner}'.join(entries)}{outer}}}"


def relocated(project: "Project", source: Path, target: Path) -> "Project":
    """The project as it reads in another folder: the files it names are named by absolute paths.

    Args:
        project: as it reads in `source`.
        source: folder the project lies in.
        target: folder it goes to; if that is the same, nothing changes.
    """
    if source.resolve() == target.resolve():
        return project
    init, color, depth = project.init, project.color, project.depth
    if init:
        init = replace(init, image=_absolute(source, init.image))
    audio = project.audio and replace(project.audio, file=_absolute(source, project.audio.file))
    if color.reference != FIRST_FRAME:
        color = replace(color, reference=_absolute(source, color.reference))
    if isinstance(depth.options.get("path"), str):
        depth = replace(depth, options={**depth.options, "path": _absolute(source, depth.options["path"])})
    controls = tuple(_unit_relocated(unit, source) for unit in project.controls)
    clip = project.source and replace(project.source, clip=_absolute(source, project.source.clip))
    moved = replace(project, init=init, audio=audio, color=color, depth=depth, controls=controls)
    return replace(moved, source=clip)


def named_files(project: "Project") -> Iterator[tuple[str, str]]:
    """Field and text of every file or folder that a project names, as it stands there."""
    if project.init:
        yield "init.image", project.init.image
    if project.audio:
        yield "audio.file", project.audio.file
    if project.source:
        yield "source.clip", project.source.clip
    if project.color.reference != FIRST_FRAME:
        yield "color.reference", project.color.reference
    if isinstance(project.depth.options.get("path"), str):
        yield "depth.options.path", project.depth.options["path"]
    for place, unit in enumerate(project.controls):
        yield from ((f"controls.{place}.{field}", text) for field, text in unit.files().items())


def _unit_relocated(unit: ControlUnit, source: Path) -> ControlUnit:
    moved = {field: _absolute(source, text) for field, text in unit.files().items()}
    return replace(
        unit, source=moved.get("source", unit.source), first=moved.get("first", unit.first), mask=moved.get("mask", "")
    )


def _absolute(folder: Path, path: str) -> str:
    return str((folder / Path(path).expanduser()).resolve())


def _plain(value: Any) -> Any:
    """A value of a project as JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Fraction):
        return _plain_fraction(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _plain_fraction(value: Fraction) -> int | float | str:
    """24, 12.5 or "30000/1001": the first that says it exactly."""
    if value.denominator == 1:
        return value.numerator
    has_few_digits = (value * 10**FPS_DIGITS).denominator == 1
    return float(value) if has_few_digits else f"{value.numerator}/{value.denominator}"

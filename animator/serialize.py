"""Projects back to JSON: canonical, complete, and read back equal."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animator.clip_rules import ClipRules
    from animator.masks import MaskRules
    from animator.project import Project

_FILE_ATOM = re.compile(r"\[([^\[\]]+)\]")  # a file in a mask expression
FPS_DIGITS = 6  # behind the point of a frame rate; what has more is written as a fraction
LINE = 110  # characters
EMBEDDED_KEY = "driftloop"  # names the project in PNG text chunks and video metadata
FIRST_FRAME, VIDEO = "first", "video"  # no files, but the first frame (color.reference), or the project's video
NO_FILES = {("init", "image"): (VIDEO,), ("color", "reference"): (FIRST_FRAME, VIDEO)}  # words with a meaning there


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
    moved = project
    for path, text in _files(project):
        moved = _with(moved, path, _absolute(source, text))
    if moved.mask is not None:
        draw, noise = (_FILE_ATOM.sub(partial(_absolute_atom, source), text) for text in mask_texts(moved.mask))
        moved = replace(moved, mask=replace(moved.mask, draw=draw, noise=noise))
    return replace(moved, clip=_clip_relocated(moved.clip, source))


def named_files(project: "Project") -> Iterator[tuple[str, str]]:
    """Field and text of every file or folder that a project names, as it stands there."""
    for path, text in _files(project):
        yield ".".join(path), text
    if project.mask is not None:
        for field, text in zip(("draw", "noise"), mask_texts(project.mask), strict=True):
            yield from ((f"mask.{field}", found[1]) for found in _FILE_ATOM.finditer(text))


def windows_name(text: str) -> str:
    """The last part of a path as Windows writes it; empty for any other text."""
    return PureWindowsPath(text).name if re.match(r"[A-Za-z]:[\\/]|\\\\", text) else ""


def mask_texts(mask: "MaskRules") -> tuple[str, str]:
    """What is drawn and what gets noise, as written."""
    return mask.draw, mask.noise


def _files(project: "Project") -> Iterator[tuple[tuple[str, ...], str]]:
    """Where in a project a file is named, and how."""
    named = {
        ("init", "image"): project.init and project.init.image,
        ("audio", "file"): project.audio and project.audio.file,
        ("source", "clip"): project.source and project.source.clip,
        ("color", "reference"): project.color.reference,
        ("depth", "options", "path"): project.depth.options.get("path"),
        ("video", "file"): project.video and project.video.file,
        ("hybrid", "picture"): project.hybrid and project.hybrid.picture,
        ("mask", "video", "file"): project.mask and project.mask.video and project.mask.video.file,
        ("clip", "video"): project.clip.video or None,
        ("clip", "mask"): project.clip.mask or None,
        ("clip", "first", "image"): project.clip.first and project.clip.first.image,
        ("clip", "last", "image"): project.clip.last and project.clip.last.image,
    }
    for path, text in named.items():
        is_file = isinstance(text, str) and (text or path[-1] != "picture")
        if is_file and (path not in NO_FILES or text not in NO_FILES[path]):
            yield path, str(text)
    yield from ((("styles_files", str(place)), text) for place, text in enumerate(project.styles_files))
    for place, unit in enumerate(project.controls):
        yield from ((("controls", str(place), field), text) for field, text in unit.files().items())
    if project.guide:
        yield from ((("guide", "images", key), text) for key, text in project.guide.images.items())
    if project.clip.sparse:
        yield from ((("clip", "sparse", "images", key), text) for key, text in project.clip.sparse.images.items())


def _with(value: Any, path: Sequence[str], text: str) -> Any:
    """A value with one text in it replaced."""
    if not path:
        return text
    name, *rest = path
    if isinstance(value, Mapping):
        return {**value, name: _with(value[name], rest, text)}
    if isinstance(value, tuple):
        return tuple(_with(item, rest, text) if place == int(name) else item for place, item in enumerate(value))
    return replace(value, **{name: _with(getattr(value, name), rest, text)})


def _absolute_atom(folder: Path, found: re.Match[str]) -> str:
    return f"[{_absolute(folder, found[1])}]"


def _clip_relocated(clip: "ClipRules", source: Path) -> "ClipRules":
    """A clip whose motion module, LoRAs and SparseControl network, where they are paths, are named by absolute ones."""
    loras = tuple(replace(one, name=_if_path(source, one.name)) for one in clip.loras)
    sparse = clip.sparse and replace(clip.sparse, model=_if_path(source, clip.sparse.model))
    return replace(clip, loras=loras, sparse=sparse, module=_if_path(source, clip.module))


def _if_path(folder: Path, name: str) -> str:
    """A name that stands for something in the project's folder as its path."""
    return _absolute(folder, name) if name and (folder / Path(name).expanduser()).exists() else name


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

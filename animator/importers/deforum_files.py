"""Files that Deforum's settings name: addresses fetched when that is allowed, paths of other systems found nearby."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from animator.importers.deforum_keys import KEYS, UNITS
from animator.serialize import windows_name
from core.downloads import downloaded, is_address, is_allowed
from core.errors import Fault, UserError

Settings = Mapping[str, Any]

PATHS = (
    *("init_image", "video_init_path", "mask_file", "video_mask_path", "color_coherence_image_path"),
    *("soundtrack_path", "parseq_manifest"),
    *(f"cn_{unit}_{name}" for unit in range(1, UNITS + 1) for name in ("vid_path", "mask_vid_path")),
)
EXPRESSIONS = ("mask_schedule", "noise_mask_schedule")  # which name files in square brackets
_ATOM = re.compile(r"\[([^\[\]]+)\]")


class Found(NamedTuple):
    """Settings with every file in its place."""

    settings: Settings
    notes: list[str]
    faults: list[Fault]


def with_files(settings: Settings, folder: Path) -> Found:
    """Settings whose addresses are files and whose Windows paths are those of files beside them.

    Only of keys that have an effect. What is not to be had stays as it is, and is told with all missing files.

    Args:
        settings: complete.
        folder: where they lie.
    """
    found = Found(dict(settings), [], [])
    for key in PATHS:
        if (key == "parseq_manifest" or KEYS[key].acts(settings)) and isinstance(settings[key], str):
            found.settings[key] = _placed(key, settings[key], folder, found)  # type: ignore[index]
    for key in EXPRESSIONS:
        if KEYS[key].acts(settings) and isinstance(settings[key], str):
            found.settings[key] = _ATOM.sub(partial(_placed_atom, key, folder, found), settings[key])  # type: ignore[index]
    if settings["use_looper"]:
        images = dict(_images(settings["init_images"]))
        if images:
            guides = {frame: _placed("init_images", path, folder, found) for frame, path in images.items()}
            found.settings["init_images"] = json.dumps(guides)  # type: ignore[index]
    return found


def _placed(key: str, text: str, folder: Path, found: Found) -> str:
    """Where the file lies that a text names."""
    if is_address(text) and is_allowed():
        try:
            path = downloaded(text, folder)
        except UserError as fault:
            found.faults.append(Fault(key, f"{fault.where}: {fault.what}", fault.way_out))
            return text
        found.notes.append(f"{key}: {text[:100]} is fetched into {path.parent.name}/{path.name}")
        return str(path.relative_to(folder))
    if (name := windows_name(text)) and (folder / name).exists():
        found.notes.append(f"{key}: {text[:100]} is taken to be {name} beside the settings")
        return name
    return text


def _placed_atom(key: str, folder: Path, found: Found, atom: re.Match[str]) -> str:
    """A file in a mask expression, in its place."""
    return f"[{_placed(key, atom[1], folder, found)}]"


def _images(value: Any) -> Iterator[tuple[str, str]]:
    """The pictures of `init_images`, nothing if they cannot be read."""
    try:
        images = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return
    if isinstance(images, Mapping):
        yield from ((str(frame), path) for frame, path in images.items() if isinstance(path, str))

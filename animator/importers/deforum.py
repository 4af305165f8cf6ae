"""Deforum's settings files as native projects: its numbers, geometry and step order; a note on every difference."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from animator.importers import Imported
from animator.importers.deforum_ages import RENAMED, modernized
from animator.importers.deforum_files import with_files
from animator.importers.deforum_key import NO_DEFAULT, OFF
from animator.importers.deforum_keys import KEYS
from animator.importers.deforum_parseq import applied
from animator.importers.deforum_parts import PARTS
from animator.importers.deforum_sources import extracted, takes_hybrid
from animator.inputs import VideoRules, measured
from animator.jsontext import shown
from core.errors import Fault, MediaError


def is_settings(data: Mapping[str, Any], native: Collection[str]) -> bool:
    """Whether an object is a Deforum settings file: more of its keys are Deforum's alone than a native project's alone.

    Args:
        data: the JSON object.
        native: the fields of a native project.
    """
    known = KEYS.keys() | RENAMED.keys()
    return sum(key in known and key not in native for key in data) > sum(
        key in native and key not in known for key in data
    )


def converted(given: Mapping[str, Any], name: str, folder: Path = Path()) -> Imported:
    """A settings file as data of a native project.

    Args:
        given: its JSON object.
        folder: where it lies; the videos it names tell how many frames there are.
        name: the file's stem; stands in for the time in `batch_name`, so that a render finds its folder again.
    """
    modern, notes = modernized(given)
    complete = {key: None if row.default is NO_DEFAULT else row.default for key, row in KEYS.items()}
    faults = list(_mistyped(modern))
    settings = complete | modern | {fault.field: KEYS[fault.field].default for fault in faults} | {"timestring": name}
    placed = with_files(settings, folder)
    sequenced = applied(placed.settings, folder)
    counted, said = with_counted_frames(sequenced.settings, folder)
    made = [part(counted) for part in PARTS]
    return Imported(
        data={"format": 1} | _joined(made),
        notes=(
            *notes,
            *placed.notes,
            *sequenced.notes,
            *said,
            *_said(modern, settings),
            *(note for part in made for note in part.notes),
        ),
        faults=(*faults, *placed.faults, *sequenced.faults, *(fault for part in made for fault in part.faults)),
        keys=_native_keys(settings),
    )


def with_counted_frames(settings: Mapping[str, Any], folder: Path) -> tuple[Mapping[str, Any], list[str]]:
    """Settings with as many frames as the videos they go by give; a video that cannot be read is told later."""
    mode = settings["animation_mode"]
    by_video = mode == "Video Input" or (takes_hybrid(settings) and not settings["hybrid_use_init_image"])
    key = "video_init_path" if by_video else "video_mask_path" if settings["use_mask_video"] else ""
    said_by_parseq = settings["parseq_manifest"] not in OFF and settings["parseq_non_schedule_overrides"]
    if not key or said_by_parseq or not isinstance(settings[key], str) or "://" in settings[key]:
        return settings, []
    try:
        rules = VideoRules(**extracted(settings[key], settings))
        frames = rules.count(measured(folder / Path(rules.file).expanduser())[0])
    except (MediaError, TypeError, ValueError, OSError):
        return settings, []
    if not frames:
        return settings, []
    notes = [f"max_frames: {frames}, as many as {key} gives"]
    if by_video and settings["use_mask_video"]:
        notes += _shorter_mask(settings, folder, frames)
    return {**settings, "max_frames": frames}, notes


def _shorter_mask(settings: Mapping[str, Any], folder: Path, frames: int) -> list[str]:
    try:
        rules = VideoRules(**extracted(settings["video_mask_path"], settings))
        count = rules.count(measured(folder / Path(rules.file).expanduser())[0])
    except (MediaError, TypeError, ValueError, OSError):
        return []
    short = f"video_mask_path: it gives {count} frames of {frames}; its last one stays (Deforum crashed)"
    return [short] if 0 < count < frames else []


def _joined(parts: Iterable[Imported]) -> dict[str, Any]:
    """The sections of all parts; numbers of one section may come from several."""
    data: dict[str, Any] = {}
    for part in parts:
        for key, value in part.data.items():
            data[key] = {**data.get(key, {}), **value} if key == "mix" else value
    return data


def _mistyped(modern: Mapping[str, Any]) -> Iterator[Fault]:
    """Switches that are neither on nor off."""
    for key, value in modern.items():
        if isinstance(KEYS[key].default, bool) and value not in (True, False, None):
            yield Fault(key, f"expected true or false, got {shown(value)}")


def _said(modern: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """What its writer should know of settings that do not go into the project."""
    idle: list[str] = []
    for key, value in modern.items():
        row = KEYS[key]
        if (row.default is NO_DEFAULT and not row.says) or row.is_default(value):
            continue
        if not row.acts(settings):
            idle.append(key)
        elif row.says:
            yield f"{key} = {shown(value)}: {row.says}"
    if idle:
        yield f"without effect here, as in Deforum: {', '.join(idle)}"


def _native_keys(settings: Mapping[str, Any]) -> dict[str, str]:
    """Each native field with the setting it comes from; numbers and texts go before the switches that choose them."""
    acting = [(row, key) for key, row in KEYS.items() if row.into and row.acts(settings)]
    switches_first = sorted(acting, key=lambda pair: not isinstance(pair[0].default, bool))
    return {row.into: key for row, key in switches_first} | {"size": "W, H"}

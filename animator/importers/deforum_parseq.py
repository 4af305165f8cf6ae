"""Parseq manifests: values of every frame, written into Deforum's settings as schedules."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animator.importers.deforum_keys import KEYS, UNITS
from animator.jsontext import LARGEST_FILE, parsed
from core.errors import Fault, ProjectError
from schedules.rewrite import canonical

Settings = Mapping[str, Any]

MOVES = (
    *("angle", "zoom", "translation_x", "translation_y", "translation_z"),
    *("rotation_3d_x", "rotation_3d_y", "rotation_3d_z"),
    *("perspective_flip_theta", "perspective_flip_phi", "perspective_flip_gamma"),
)  # settings whose values may be what is added from frame to frame
FIELDS: Mapping[str, str] = {
    "perspective_flip_fv": "perspective_flip_fv",
    "cfg_scale_schedule": "scale",
    "steps_schedule": "steps_schedule",
    "sampler_schedule": "sampler_schedule",
    "kernel_schedule": "antiblur_kernel",
    "sigma_schedule": "antiblur_sigma",
    "amount_schedule": "antiblur_amount",
    "threshold_schedule": "antiblur_threshold",
    "blendFactorMax": "guided_blendFactorMax",
    "blendFactorSlope": "guided_blendFactorSlope",
    "tweening_frames_schedule": "guided_tweening_frames",
    "color_correction_factor": "guided_color_correction_factor",
    "transform_center_x": "transform_center_x",
    "transform_center_y": "transform_center_y",
} | {f"cn_{unit}_{name}": f"cn_{unit}_{name}" for unit in range(1, UNITS + 1) for name in (
    "weight", "guidance_start", "guidance_end"
)}  # by setting; all others are called as theirs, without _schedule  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applied:
    """Settings with a manifest written into them."""

    settings: Settings
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def applied(settings: Settings, folder: Path) -> Applied:
    """Settings with the values of their manifest; as they are if they name none, or it is none.

    Args:
        settings: complete.
        folder: where a manifest that is a file lies.
    """
    manifest = settings["parseq_manifest"]
    if manifest is None or (isinstance(manifest, str) and not manifest.strip()):
        return Applied(settings)
    try:
        frames, options = _read(manifest, folder)
    except ProjectError as fault:
        return Applied(settings, faults=tuple(Fault("parseq_manifest", f.what, f.way_out) for f in fault.faults))
    changes, notes = _overridden(settings, frames, options)
    for key, field in _series(settings):
        if frames[0].get(field) is not None:
            changes[key] = _schedule(frames, field)
    if frames[0].get("deforum_prompt") is not None:
        changes |= {"prompts": _prompts(frames), "animation_prompts_positive": "", "animation_prompts_negative": ""}
        notes.append("prompts: they come from the manifest, without positive and negative words around them")
    if frames[0].get("seed") is not None:
        changes |= {"seed_behavior": "schedule", "enable_subseed_scheduling": True}
    managed = sorted(key for key in changes if key in KEYS)
    notes.append(f"parseq_manifest: {len(frames)} frames; it says {', '.join(managed)}")
    return Applied({**settings, **changes}, tuple(notes))


def _read(manifest: Any, folder: Path) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]:
    """The frames and options of a manifest: JSON text, or the path of a file with it.

    Raises:
        ProjectError: if it is none.
    """
    source = "parseq_manifest"
    if isinstance(manifest, str) and not manifest.lstrip().startswith("{"):
        if "://" in manifest:
            raise _refused("an address, not a file", "Download it and give its path, or pass --allow-download")
        path = folder / Path(manifest.strip()).expanduser()
        try:
            with path.open("rb") as file:
                manifest = parsed(file.read(LARGEST_FILE + 1), source)
        except (OSError, ValueError) as fault:
            raise _refused(f"no such file: {str(path)[:100]}", "Give JSON text, or the path of a file") from fault
    elif isinstance(manifest, str):
        manifest = parsed(manifest.encode(), source)
    frames, options = (
        manifest.get(key) if isinstance(manifest, Mapping) else None for key in ("rendered_frames", "options")
    )
    if not isinstance(options, Mapping) or not isinstance(frames, list) or not frames:
        raise _refused("it has no options and rendered_frames", "Export the manifest from Parseq once more")
    for place, entry in enumerate(frames):
        if not isinstance(entry, Mapping) or type(entry.get("frame")) is not int:
            raise _refused(f"rendered_frames.{place} has no whole number as its frame", "Export the manifest again")
    return frames, options


def _refused(what: str, way_out: str) -> ProjectError:
    return ProjectError("parseq_manifest", [Fault("parseq_manifest", what, way_out)])


def _overridden(
    settings: Settings, frames: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Length, cadence and rate, if the manifest is to say them."""
    if not settings["parseq_non_schedule_overrides"]:
        return {}, []
    changes: dict[str, Any] = {"max_frames": len(frames)}
    for key, option in (("diffusion_cadence", "cadence"), ("fps", "output_fps")):
        if options.get(option):
            changes[key] = options[option]
    notes = []
    highest = max(entry["frame"] for entry in frames)
    if highest + 1 != len(frames):
        notes.append(f"parseq_manifest: its highest frame is {highest}, and it has {len(frames)} of them")
    return changes, notes


def _series(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every schedule among the settings with the manifest's name for it."""
    added = "_delta" if settings["parseq_use_deltas"] else ""
    yield from ((key, f"{key}{added}") for key in MOVES)
    yield from FIELDS.items()
    for key in KEYS:
        if key.endswith("_schedule") and key not in FIELDS:
            yield key, key.removesuffix("_schedule")


def _schedule(frames: Sequence[Mapping[str, Any]], field: str) -> str:
    """The values of a field as a schedule; of equal ones in a row the first and the last."""
    values = {entry["frame"]: entry[field] for entry in frames if entry.get(field) is not None}
    ordered = sorted(values.items())
    kept = [
        (frame, value)
        for place, (frame, value) in enumerate(ordered)
        if not (0 < place < len(ordered) - 1 and ordered[place - 1][1] == value == ordered[place + 1][1])
    ]
    return ", ".join(f"{frame}:({_written(value)})" for frame, value in kept)


def _written(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return canonical(float(value))
    return json.dumps(str(value), ensure_ascii=False)


def _prompts(frames: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Prompts by frame, where they change."""
    found: dict[str, str] = {}
    before: str | None = None
    for entry in sorted(frames, key=lambda entry: entry["frame"]):
        prompt = entry.get("deforum_prompt")
        if isinstance(prompt, str) and prompt != before:
            found[str(entry["frame"])] = before = prompt
    return found

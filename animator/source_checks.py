"""What a clip says about a project that draws over it, and what is wrong with the two together."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.entries import entry_faults, option_faults
from animator.fields import SIDE_STEP
from animator.jsontext import shown
from core.errors import Fault, MediaError
from core.telling import tell_once
from motion import flow

if TYPE_CHECKING:
    from animator.project import Project
    from animator.source import Source

log = logging.getLogger(__name__)

MODE = "stylize"
FINEST = 10_000  # denominator of a frame rate
FASTEST = Fraction(240)  # frames per second
PICTURES_FPS = Fraction(15)  # of a folder of pictures whose project says none


def with_clip(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Project data with the size, rate and length of the clip, where it gives none; without them if it has no clip.

    Whatever cannot be read is told by `source_faults`.
    """
    source = data.get("source")
    if data.get("mode") != MODE or not isinstance(source, Mapping) or not isinstance(source.get("clip"), str):
        return dict(data)
    known = {"size", "fps", "frames"} <= data.keys()
    return dict(data) if known else {**_facts(folder / Path(source["clip"]).expanduser(), source, data), **data}


def _facts(path: Path, source: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Size, rate and length; nothing of a clip that cannot be read."""
    from media.footage import Footage
    from media.video import open_video

    given = data.get("fps", PICTURES_FPS)
    start = source.get("start", 0)
    try:
        fps = Fraction(str(given))
        with open_video(path, fps) as video:
            info = video.info
        rate = fps if "fps" in data else min((info.finest or info.fps).limit_denominator(FINEST), FASTEST)
        if info.finest and "fps" not in data:
            tell_once(log, f"{path}: its frames come at uneven times; drawn {rate} times a second, or as fps says")
        frames = Footage(path, rate).frames
    except (MediaError, ValueError, ZeroDivisionError, OSError):
        return {}
    facts: dict[str, Any] = {"size": list(info.size), "fps": f"{rate.numerator}/{rate.denominator}"}
    if frames is not None and isinstance(start, int) and 0 <= start < frames:
        facts["frames"] = frames - start
    return facts


def source_warnings(project: "Project") -> Iterator[str]:
    """Numbers that do nothing though nothing is wrong with them."""
    if project.stylize and project.mode != MODE:
        yield f"stylize: has no effect in mode {project.mode}"


def source_faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """Everything wrong with a project's clip, and every setting that has no effect on one drawn over.

    Args:
        project: with whatever values its types allow.
        folder: where the project file lies.
    """
    if project.mode != MODE:
        if project.source:
            yield Fault("source", f"has no effect in mode {project.mode}", f'Set mode to "{MODE}", or leave it out')
        if any(side % SIDE_STEP for side in project.size):
            yield Fault("size", f"{list(project.size)}: a side is no multiple of {SIDE_STEP}", "Choose the next one")
        return
    if project.source is None:
        way_out = 'Write "source": {"clip": "dance.mp4"}'
        yield Fault("source", f"is missing; mode {MODE} draws over a clip", way_out)
        return
    yield from entry_faults(flow.REGISTRY, "source.flow", project.source.flow)
    yield from option_faults(flow.REGISTRY, "source.options", project.source.flow, project.source.options)
    if project.source.grain == "flow" and project.seeds.behavior != "fixed":
        way_out = "Set seeds.behavior to fixed, or source.grain to seed"
        yield Fault("source.grain", "grain that moves along needs one seed for all frames", way_out)
    yield from _idle_faults(project)
    yield from _length_faults(project, project.source, folder)


def _idle_faults(project: "Project") -> Iterator[Fault]:
    """Settings of other modes."""
    usual = {field.name: field for field in fields(project)}
    for name in ("camera", "init", "loop"):
        if getattr(project, name):
            yield Fault(name, f"has no effect in mode {MODE}", "Leave it out")
    for name in ("cadence", "warp"):
        if getattr(project, name) != usual[name].default:
            yield Fault(name, f"has no effect in mode {MODE}", "Leave it out")
    for name in ("repin", "match_result"):
        if getattr(project.color, name):
            yield Fault(f"color.{name}", f"has no effect in mode {MODE}", "Leave it out")


def _length_faults(project: "Project", source: "Source", folder: Path) -> Iterator[Fault]:
    """A clip that cannot be read or ends too early; prompts for frames that it has not."""
    from media.footage import Footage

    footage = Footage(folder / Path(source.clip).expanduser(), project.fps)
    if not source.clip.strip() or "\0" in source.clip or not footage.files():
        return  # told with all files
    try:
        frames = footage.frames
    except MediaError as error:
        yield Fault("source.clip", error.what, error.way_out)
        return
    if frames is None:
        yield Fault("source.clip", f"{shown(source.clip)} is a single picture", "Give a video or a folder of pictures")
    elif source.start >= frames:
        yield Fault(
            "source.start", f"{source.start} lies beyond the clip's {frames} frames", f"Choose 0 to {frames - 1}"
        )
    elif project.frames > frames - source.start:
        left = frames - source.start
        yield Fault(
            "frames", f"{project.frames}, but the clip has {left} of them", f"Set frames to {left}, or leave it out"
        )
    for key in project.prompts:
        if key.strip().isdecimal() and int(key) >= project.frames:
            what = f"lies beyond the last frame, {project.frames - 1}"
            yield Fault(f"prompts.{key}", what, "Move it, or leave it out")

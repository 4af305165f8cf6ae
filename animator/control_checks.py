"""What is wrong with a project's control units, and what in them has no effect."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from animator.clip_rules import TOGETHER, outlasts_sources
from animator.controls import INIT, LOOKING_BACK, OF_THE_RENDER, TEMPORAL, ControlUnit, UnitNumbers
from animator.entries import asks_networks, entry_faults, option_faults
from animator.fields import Span
from animator.jsontext import shown
from core.errors import Fault, MediaError, ProjectError, WeightsError
from core.weights import CHECKPOINT, on_this_machine
from diffusion import controls
from diffusion.models.control_files import control_path, hint_channels, network_for, text_width
from schedules.expression import Values
from schedules.track import Track

if TYPE_CHECKING:
    from animator.project import Project

SPANS = {"weight": Span(0, 2), "start": Span(0, 1), "end": Span(0, 1)}
WORDS_ALONE = "stills"  # mode whose frames may be made of nothing but words
LONE = (WORDS_ALONE, "video")  # modes whose frames know nothing of each other
SMALLEST_LOOK = 16  # pixels
WITH_FLOW = 6  # channels of what TemporalNet 2 is shown


def control_faults(project: "Project", folder: Path, names: Mapping[str, Values]) -> Iterator[Fault]:
    """Everything wrong with all units.

    Args:
        project: with whatever values its types allow.
        folder: where the project file lies.
        names: what its sound gives to formulas.
    """
    for place, unit in enumerate(project.controls):
        field = f"controls.{place}"
        unknown = list(_entry_faults(unit, field))
        yield from unknown
        yield from _use_faults(unit, field)
        yield from _blind_faults(unit, field, project)
        if unit.acts_in != "both" and project.hires is None:
            yield Fault(f"{field}.acts_in", "has no effect: there is no second pass", "Give hires, or leave it out")
        yield from _number_faults(unit, field, project, names)
        yield from _source_faults(unit, field, project, folder)
        if asks_networks(project.generator) and (unit.model or not unknown):
            yield from _network_faults(unit, field, project)


def control_warnings(project: "Project") -> Iterator[str]:
    """Units that do nothing though nothing is wrong with them."""
    if project.controls and not asks_networks(project.generator):
        yield f"controls: the generator {project.generator} asks no networks, so they have no effect"
        return
    for place, unit in enumerate(project.controls):
        field = f"controls.{place}"
        weights = Track(UnitNumbers, field, unit.numbers(), project.frames, max(project.seed, 0)).columns()["weight"]
        if not weights.any():
            yield f"{field}.weight: is 0 at every frame, so the unit has no effect"
        elif unit.looks_back and not unit.first and project.frames <= project.cadence:
            yield f"{field}.source: there is never a frame before, so the unit has no effect; `first` gives it one"


def _entry_faults(unit: ControlUnit, field: str) -> Iterator[Fault]:
    yield from entry_faults(controls.REGISTRY, f"{field}.control", unit.control)
    yield from option_faults(controls.REGISTRY, f"{field}.options", unit.control, unit.options)


def _use_faults(unit: ControlUnit, field: str) -> Iterator[Fault]:
    """Settings that contradict each other or act on nothing."""
    if unit.first and not unit.looks_back:
        yield Fault(f"{field}.first", "has no effect: the unit does not look at the frame before", "Leave it out")
    if unit.first in LOOKING_BACK:
        yield Fault(f"{field}.first", f"{unit.first} is what is missing there", "Give init or a picture")
    if unit.strength and unit.control != TEMPORAL:
        yield Fault(f"{field}.strength", f"has no effect on the control {unit.control}", "Give a weight")
    if unit.pixel_perfect and unit.resolution:
        yield Fault(f"{field}.resolution", "has no effect while pixel_perfect is on", "Leave one of them out")
    if 0 < unit.resolution < SMALLEST_LOOK:
        yield Fault(f"{field}.resolution", f"{unit.resolution} pixels show nothing", f"Choose {SMALLEST_LOOK} to 8192")
    if unit.layers and not any(unit.layers):
        yield Fault(f"{field}.layers", "are all 0, so the unit has no effect", "Leave the unit or the layers out")


def _blind_faults(unit: ControlUnit, field: str, project: "Project") -> Iterator[Fault]:
    """Units that look at what no frame of a mode has."""
    mode = project.mode
    if mode in LONE and unit.looks_back and not unit.first:
        what = f"{unit.looked_at}: in mode {mode} there is no frame before, so the unit has no effect"
        yield Fault(f"{field}.source", what, "Give a source, or first")
    pictures = {WORDS_ALONE: project.init or project.guide, **dict.fromkeys(TOGETHER, project.clip.video)}
    if INIT in (unit.looked_at, unit.first) and not pictures.get(mode, True):
        way_out = "Give a source, or clip.video" if mode in TOGETHER else "Give a source, or init"
        yield Fault(f"{field}.source", f"init: in mode {mode} frames are made of no picture here", way_out)


def _number_faults(unit: ControlUnit, field: str, project: "Project", names: Mapping[str, Values]) -> Iterator[Fault]:
    """Schedules that do not parse, numbers out of range, windows that end before they begin."""
    try:
        track = Track(UnitNumbers, field, unit.numbers(), project.frames, max(project.seed, 0), names)
    except ProjectError as error:
        yield from error.faults
        return
    columns = track.columns()
    for name, span in SPANS.items():
        inside = (columns[name] >= span.low) & (columns[name] <= span.high)
        if not inside.all():
            frame, where = _first(~inside, getattr(unit, name))
            yield Fault(f"{field}.{name}", f"{columns[name][frame]:g}{where} is out of range", f"Allowed: {span}")
    reverse = columns["start"] > columns["end"]
    if reverse.any():
        frame, where = _first(reverse, unit.start if isinstance(unit.start, str) else unit.end)
        yield Fault(f"{field}.end", f"lies before start{where}, so the unit would never act", "Choose one behind it")


def _first(where: NDArray[np.bool_], given: float | str) -> tuple[int, str]:
    """The first frame, and how it is told of a number that moves."""
    frame = int(np.argmax(where))
    return frame, f" at frame {frame}" if isinstance(given, str) else ""


def _source_faults(unit: ControlUnit, field: str, project: "Project", folder: Path) -> Iterator[Fault]:
    """Pictures and videos that cannot be read, or end too early. Whether they are there is checked with all files."""
    from media.footage import Footage

    for name, text in unit.files().items():
        path = folder / Path(text).expanduser()
        if not path.exists() and not Footage(path, project.fps).files():
            continue
        try:
            frames = Footage(path, project.fps).frames
        except MediaError as error:
            yield Fault(f"{field}.{name}", str(error))
            continue
        if frames is not None and name == "first":
            yield Fault(f"{field}.{name}", f"{shown(text)} is no single picture", "Give a picture")
        elif frames is not None and frames < project.frames and not outlasts_sources(project):
            what = f"{shown(text)} lasts {frames} frames at {project.fps} fps, the project {project.frames}"
            held = ', clip.short to "hold" or "loop"' if project.mode in TOGETHER else ""
            yield Fault(f"{field}.{name}", what, f"Give a longer one, or set frames to {frames}{held}")
    if unit.source not in ("", *OF_THE_RENDER) and unit.control == TEMPORAL and unit.first:
        yield Fault(f"{field}.first", "has no effect where the source is given", "Leave it out")


def family_faults(field: str, network: Path, model: str) -> Iterator[Fault]:
    """A network that reads text of another width than a checkpoint: that of another family.

    Raises:
        WeightsError: for a file that cannot be read.
    """
    base = on_this_machine(CHECKPOINT, model)
    read, told = text_width(network), None if base is None else text_width(base)
    if read is not None and told is not None and read != told:
        what = f"{network.name} is for another family of models: it reads text {read} wide, {model} has {told}"
        yield Fault(field, what, "Give one made for this family")


def _network_faults(unit: ControlUnit, field: str, project: "Project") -> Iterator[Fault]:
    """A network that is not there, that of another family, or one that another version of a control is for."""
    try:
        path = control_path(unit.model or network_for(unit.control, project.model))
        foreign = list(family_faults(f"{field}.model", path, project.model))
        seen = hint_channels(path)
    except WeightsError as error:
        yield Fault(f"{field}.model", str(error))
        return
    yield from foreign
    version = str(unit.options.get("version", "auto")) if unit.control == TEMPORAL else "auto"
    if seen is not None and version != "auto" and (version == "2") != (seen == WITH_FLOW):
        what = f"version {version}, but {path.name} looks at {seen} channels"
        yield Fault(f"{field}.options.version", what, "TemporalNet 2 looks at six, others at three; or leave it out")

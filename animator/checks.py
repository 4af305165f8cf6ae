"""What types cannot say about a project: names, options, files, models; numbers over time are in moving.py."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animator import modes
from animator.closing import Ring
from animator.control_checks import control_faults
from animator.entries import asks_networks, entry_faults, option_faults
from animator.faces import face_faults
from animator.hearing import series_of
from animator.input_checks import input_faults
from animator.jsontext import shown
from animator.larger import upscale_faults
from animator.moving import schedule_faults
from animator.pace import pace_faults
from animator.serialize import named_files, windows_name
from animator.source_checks import source_faults
from animator.wording_checks import wording_faults
from core.errors import Fault, ScheduleError, UserError, WeightsError, suggestion
from core.registry import Registry
from core.weights import CHECKPOINT, is_hub_id, missing, on_this_machine
from diffusion import backends
from diffusion.models.files import AUTOMATIC, vae_path
from diffusion.models.header import read_header
from diffusion.models.outline import Outline, outline
from diffusion.models.text_width import check_width
from diffusion.prompt.named import network_file, tags
from diffusion.sampling.presets import PRESETS
from interpolation.models import REGISTRY as INTERPOLATORS
from motion import depth
from schedules.audio import NAMES
from schedules.prompts import NEGATIVE
from schedules.schedule import Steps

if TYPE_CHECKING:
    from animator.project import Project

FORMAT = 1  # the version of the file format that this program reads
LONGEST_NAME = 100  # characters
EXPORTERS = Registry("exporter", "media.exporters")
WILDCARDS = frozenset("*?[%")
_NAME = re.compile(r"[\w(][\w \-.()]*")


def faults_of(project: "Project", folder: Path) -> Iterator[Fault]:
    """Everything wrong with a project whose types are right.

    Args:
        project: with whatever values its types allow.
        folder: where the project file lies; relative paths in it start there.
    """
    if project.format != FORMAT:
        yield Fault("format", f"{project.format} is a version this program does not know", f"Known: {FORMAT}")
    if not is_name(project.name):
        way_out = f"Use letters, digits, space and - _ . ( ), at most {LONGEST_NAME}, the first no dot or space"
        yield Fault("name", f"{shown(project.name)} cannot name a folder", way_out)
    yield from entry_faults(modes.REGISTRY, "mode", project.mode)
    yield from entry_faults(backends.REGISTRY, "generator", project.generator)
    if project.preset and project.preset not in PRESETS:
        way_out = suggestion(project.preset, tuple(PRESETS))
        yield Fault("preset", f"no preset named {shown(project.preset)}", way_out)
    yield from entry_faults(depth.REGISTRY, "depth.model", project.depth.model)
    yield from option_faults(depth.REGISTRY, "depth.options", project.depth.model, project.depth.options)
    yield from _export_faults(project)
    yield from _caption_faults(project)
    yield from pace_faults(project)
    yield from upscale_faults(project)
    yield from _loop_faults(project)
    try:
        names = series_of(project, folder)
    except UserError as fault:
        if project.audio is None or _exists(folder / Path(project.audio.file).expanduser()):  # else told with all files
            yield Fault("audio.file", fault.what, fault.way_out)
        names = dict.fromkeys(NAMES, np.zeros(project.frames))
    yield from schedule_faults(project, names)
    yield from _mode_faults(project, folder)
    yield from control_faults(project, folder, names)
    yield from source_faults(project, folder)
    yield from input_faults(project)
    yield from face_faults(project)
    yield from wording_faults(project, folder, names)
    yield from _file_faults(project, folder)
    yield from _model_faults(project)
    yield from _tag_faults(project)


def _export_faults(project: "Project") -> Iterator[Fault]:
    """Formats that are not known, and their options. None of them is imported unless options are given."""
    for n, export in enumerate(project.export):
        if export.format and export.purpose:
            way_out = "Leave one of them out"
            yield Fault(f"export.{n}.purpose", f"chooses the format, and format says {shown(export.format)}", way_out)
            continue
        entry, dash, variant = export.named.partition("-")
        yield from entry_faults(EXPORTERS, f"export.{n}.format", entry)
        given = {"variant": variant, **export.options} if dash else export.options
        yield from option_faults(EXPORTERS, f"export.{n}.options", entry, given)
        for section in ("interpolate", "upscale"):
            if not getattr(export, section) and getattr(project, section) is None:
                yield Fault(f"export.{n}.{section}", f"there is no section {section} to leave out", "Leave it out")


def _caption_faults(project: "Project") -> Iterator[Fault]:
    """Subtitles that would go into no file."""
    if project.subtitles is None or not project.subtitles.embed:
        return
    known = (export.named.partition("-")[0] for export in project.export)
    if not any(EXPORTERS.build(name, {}, pool=None).keeps_captions for name in known if name in EXPORTERS.names()):
        yield Fault("subtitles.embed", "there is no export that holds them", "Give an MP4, or leave it out")


def _mode_faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """What the mode finds wrong, if it looks."""
    if project.mode in modes.REGISTRY.names():
        look = getattr(modes.REGISTRY.module(project.mode), "faults", None)
        if look is not None:
            yield from look(project, folder)


def is_name(text: str) -> bool:
    """Whether a text can name a project: one file name, on every system, inside the output folder."""
    return bool(_NAME.fullmatch(text)) and len(text) <= LONGEST_NAME and not text.endswith((" ", "."))


def default_name(stem: str) -> str:
    """A file's stem as a name: what a name cannot hold becomes `_`."""
    name = re.sub(r"[^\w \-.()]", "_", stem).strip(" .")[:LONGEST_NAME].rstrip(" .")
    return name if is_name(name) else f"_{name}"[:LONGEST_NAME]


def _loop_faults(project: "Project") -> Iterator[Fault]:
    """What keeps a loop from being made."""
    ring, rules = Ring.of(project), project.loop
    if ring is None or rules is None:
        return
    yield from ring.faults(project.cadence)
    if rules.grain and project.color.look == "deforum":
        yield Fault("loop.grain", "color.look deforum draws its noise anew every frame", "Leave one of them out")
    if rules.noise and project.seeds != type(project.seeds)():
        yield Fault("loop.noise", "takes the place of seeds, which are given, too", "Leave one of them out")
    if rules.model == "auto":
        if rules.options:
            yield Fault("loop.options", "auto takes none", "Name in loop.model who does")
    elif rules.method not in ("gap", "pingpong"):
        yield Fault("loop.model", f"{rules.method} makes no new frames", "Leave it out, or choose gap or pingpong")
    else:
        yield from entry_faults(INTERPOLATORS, "loop.model", rules.model)
        yield from option_faults(INTERPOLATORS, "loop.options", rules.model, rules.options)


def _file_faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """Files that are not there, or are named by a relative path that leads out of the project's folder."""
    for field, text in named_files(project):
        if "://" in text:
            yield Fault(
                field,
                f"{shown(text)} is an address, not a file",
                "Download it and give its path, or pass --allow-download",
            )
        elif "\0" in text or not text.strip():
            yield Fault(field, f"{shown(text)} is no path")
        elif (name := windows_name(text)) and not _exists(folder / text):
            way_out = f"Put {name} beside the project, and write its name alone"
            yield Fault(field, f"{shown(text)} is a path of Windows, and there is no such file here", way_out)
        elif not Path(text).expanduser().is_absolute() and ".." in Path(text).parts:
            way_out = "Write the full path, or put the file beside the project"
            yield Fault(field, f"{shown(text)} leads out of the project's folder", way_out)
        elif not _exists(_fixed(folder / Path(text).expanduser())):
            yield Fault(field, f"no such file: {shown(str(folder / text))}", "Paths start at the project file's folder")


def _fixed(path: Path) -> Path:
    """The folder that a pattern (`depth/*.exr`, `depth/%04d.png`) looks into; a path that is none stays."""
    first = next((n for n, part in enumerate(path.parts) if set(part) & WILDCARDS), None)
    return path if first is None or _exists(path) else Path(*path.parts[:first])


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _model_faults(project: "Project") -> Iterator[Fault]:
    """A model that is named by a path or a bare name and is not there; hub ids are left to the loader."""
    if not asks_networks(project.generator):
        return
    yield from _named_model_faults("model", project.model)
    if project.vae.lower() != AUTOMATIC:
        try:
            found = vae_path(project.vae, on_this_machine(CHECKPOINT, project.model) or Path(project.model))
            if found is not None and found.suffix.lower() == ".safetensors":
                read_header(found)
        except WeightsError as error:
            yield Fault("vae", error.what, error.way_out)
    if project.refiner is not None:
        yield from _named_model_faults("refiner.model", project.refiner.model)
    if project.hires is not None and project.hires.model:
        yield from _named_model_faults("hires.model", project.hires.model)
    try:
        for name in _checkpoints(project):
            yield from _named_model_faults("checkpoint", name)
    except ScheduleError as error:
        yield Fault("checkpoint", error.what, error.way_out)


def _checkpoints(project: "Project") -> tuple[str, ...]:
    """The models that its schedule names, each once; raises ScheduleError for a text that is none."""
    if not project.checkpoint.strip():
        return ()
    return tuple(dict.fromkeys(Steps.parse(project.checkpoint, project.frames, max(project.seed, 0)).values()))


def _named_model_faults(field: str, name: str) -> Iterator[Fault]:
    """A model that is not there, or is seen to be none from its header or settings."""
    try:
        found = on_this_machine(CHECKPOINT, name)
        if found is not None:
            outline(found)
        elif not is_hub_id(name):
            raise missing(CHECKPOINT, name)
    except WeightsError as error:
        yield Fault(field, f"{error.where}: {error.what}" if error.where else error.what, error.way_out)


def _tag_faults(project: "Project") -> Iterator[Fault]:
    """Tags of prompts that are wrong, or name a network that is not there or is made for other models; each once."""
    if not asks_networks(project.generator):
        return
    told: set[tuple[str, str]] = set()
    outlines = _outlines(project)
    texts = {"positive": project.positive, **{f"prompts.{key}": text for key, text in project.prompts.items()}}
    if project.hires is not None:
        texts |= {f"hires.prompts.{key}": text for key, text in project.hires.prompts.items()}
    for field, text in texts.items():
        try:
            for tag in tags(text.partition(NEGATIVE)[0]):
                if tag not in told:
                    told.add(tag)
                    path = network_file(*tag)
                    if tag[0] != "hypernet":
                        check_width(path, outlines)
        except UserError as error:
            yield Fault(field, f"{error.where}: {error.what}" if error.where else error.what, error.way_out)


def _outlines(project: "Project") -> dict[str, Outline]:
    """What the models of a project are, where their files tell it; empty if one does not."""
    try:
        found = {name: on_this_machine(CHECKPOINT, name) for name in (project.model, *_checkpoints(project))}
        outlines = {name: path and outline(path) for name, path in found.items()}
    except UserError:
        return {}
    told = {name: one for name, one in outlines.items() if one}
    return told if len(told) == len(outlines) else {}

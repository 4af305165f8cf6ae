"""What is wrong with the styles and the second pass of a project, and what in them has no effect."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animator.closing import Ring
from animator.entries import asks_networks
from animator.fields import Span
from animator.second_pass import SecondPass, SecondPassNumbers
from animator.wording import Wording, style_names, styles_of
from core.errors import Fault, ProjectError, ScheduleError, UserError
from diffusion.prompt.styles import styled
from diffusion.sampling.names import resolve
from diffusion.upscalers import check_name
from schedules.expression import Values
from schedules.track import Track

if TYPE_CHECKING:
    from animator.project import Project

SPANS = {"steps": Span(0, 1000), "denoise": Span(0, 1), "cfg": Span(0, 100)}


def wording_faults(project: "Project", folder: Path, names: Mapping[str, Values]) -> Iterator[Fault]:
    """Styles that are not there, and a second pass that cannot be.

    Args:
        project: with whatever values its types allow.
        folder: where the project file lies.
        names: what its sound gives to formulas.
    """
    yield from _style_faults(project, folder)
    if project.hires is not None:
        yield from _name_faults(project.hires)
        yield from _number_faults(project.hires, project, names)
        yield from _prompt_faults(project.hires, project, names)


def wording_warnings(project: "Project") -> Iterator[str]:
    """What does nothing though nothing is wrong with it."""
    if project.hires is not None and not asks_networks(project.generator):
        yield f"hires: the generator {project.generator} draws in one pass, so it has no effect"
    elif project.hires is not None and project.source is not None:
        yield "hires: every frame is drawn over one of the clip, so it has no effect"
    elif project.hires is not None and project.init is not None and project.init.denoise < 1:
        yield "hires: the first frame starts from a picture; only frames of a denoise of 1 have a second pass"
    if project.styles_files and not project.styles.strip():
        yield "styles_files: no styles are chosen, so these files have no effect"


def _style_faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """Styles by names that no file has. Whether the files are there is checked with all files."""
    try:
        chosen = style_names(project)
    except ScheduleError as error:
        yield Fault("styles", error.what, error.way_out)
        return
    if not chosen:
        return
    if not project.styles_files:
        yield Fault("styles_files", "styles are chosen, but no file has them", 'Give one, as in ["styles.csv"]')
        return
    files = [folder / Path(text).expanduser() for text in project.styles_files]
    if not all(path.is_file() for path in files):
        return
    try:
        table = styles_of(project, folder)
        for named in dict.fromkeys(chosen):
            styled("", "", named, dict(table))
    except UserError as error:
        yield Fault("styles", f"{error.where}: {error.what}" if error.where else error.what, error.way_out)


def _name_faults(hires: SecondPass) -> Iterator[Fault]:
    """Upscalers, samplers and noise schedules that are none."""
    for field, given, find in (
        ("upscaler", hires.upscaler, check_name),
        ("sampler", hires.sampler or "Euler", resolve),
        ("noise_schedule", hires.noise_schedule, lambda name: resolve("Euler", name)),
    ):
        try:
            find(given)  # type: ignore[operator]
        except UserError as error:
            yield Fault(f"hires.{field}", error.what, error.way_out)


def _number_faults(hires: SecondPass, project: "Project", names: Mapping[str, Values]) -> Iterator[Fault]:
    """Schedules that do not parse, and numbers out of range."""
    try:
        track = Track(SecondPassNumbers, "hires", hires.numbers(), project.frames, max(project.seed, 0), names)
    except ProjectError as error:
        yield from error.faults
        return
    for name, values in track.columns().items():
        span = SPANS[name]
        inside = (values >= span.low) & (values <= span.high)
        if not inside.all():
            frame = int(np.argmin(inside))
            where = f" at frame {frame}" if isinstance(getattr(hires, name), str) else ""
            yield Fault(f"hires.{name}", f"{values[frame]:g}{where} is out of range", f"Allowed: {span}")


def _prompt_faults(hires: SecondPass, project: "Project", names: Mapping[str, Values]) -> Iterator[Fault]:
    if not hires.prompts:
        return
    ring = Ring.of(project)
    try:
        Wording.of(project, hires.prompts, names, {}, closed=ring is not None and ring.is_closed)
    except ProjectError as error:
        yield from (Fault(f"hires.{fault.field}", fault.what, fault.way_out) for fault in error.faults)
    except ScheduleError:
        return  # of styles, which are told on their own

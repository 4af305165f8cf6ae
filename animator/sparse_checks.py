"""What is wrong with the pictures of a SparseControl network, and with the network as far as its file tells."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from animator.clip_rules import SparseRules
from animator.control_checks import family_faults
from animator.entries import asks_networks, entry_faults, option_faults
from animator.guided import guide_keys
from core.errors import Fault, ScheduleError, WeightsError
from diffusion import controls
from diffusion.models.control_files import control_path

if TYPE_CHECKING:
    from animator.project import Project

FIELD = "clip.sparse"
MORE = ("temporal", "inpaint")  # controls that look at more than one picture


def sparse_faults(rules: SparseRules, project: "Project") -> Iterator[Fault]:
    """Everything wrong with them. Whether the pictures are there is checked with all files."""
    yield from entry_faults(controls.REGISTRY, f"{FIELD}.control", rules.control)
    yield from option_faults(controls.REGISTRY, f"{FIELD}.options", rules.control, rules.options)
    if rules.control in MORE:
        yield Fault(f"{FIELD}.control", f"{rules.control} looks at more than a picture", "Choose picture or scribble")
    if rules.start > rules.end:
        yield Fault(f"{FIELD}.end", "lies before start, so it would never act", "Choose one behind it")
    yield from _picture_faults(rules, project)
    if asks_networks(project.generator):
        yield from _network_faults(rules, project)


def _picture_faults(rules: SparseRules, project: "Project") -> Iterator[Fault]:
    if not rules.images:
        yield Fault(f"{FIELD}.images", "there is none", 'Write {"0": "first.png"}')
    try:
        keys = guide_keys(rules.images, project.frames, max(project.seed, 0))
    except ScheduleError as fault:
        yield Fault(f"{FIELD}.images.{fault.where[:40]}", fault.what, fault.way_out)
        return
    for frame in keys:
        if not 0 <= frame < project.frames:
            way_out = f"It has the frames 0 to {project.frames - 1}"
            yield Fault(f"{FIELD}.images", f"frame {frame} is beyond the clip", way_out)


def _network_faults(rules: SparseRules, project: "Project") -> Iterator[Fault]:
    """A network that is not there, or reads text of another width than the model: that of another family."""
    if not rules.model.strip():
        yield Fault(f"{FIELD}.model", "is missing", "Name AnimateDiff's SparseControl network, rgb or scribble")
        return
    try:
        yield from family_faults(f"{FIELD}.model", control_path(rules.model), project.model)
    except WeightsError as error:
        yield Fault(f"{FIELD}.model", error.what, error.way_out)

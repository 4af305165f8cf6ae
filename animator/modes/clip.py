"""Clip: frames that belong together, drawn in windows by an AnimateDiff motion module; prompts travel, loops close."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from animator.clip_checks import clip_faults, motion_faults
from animator.together import Clip, each_its_own
from core.checksum import checksum
from core.errors import Fault
from core.hashing import fingerprint

if TYPE_CHECKING:
    from animator.project import Project
    from animator.sources import Sources

CLOSES_ITSELF = True  # loops of this mode need no run-in
MOVES = True  # with a motion module


def build(project: "Project", sources: "Sources") -> Clip:
    """The mode for one project."""
    from dataclasses import replace

    from diffusion.clips.motion_files import lora_path, motion_identity, motion_path, traits_of
    from diffusion.models.control_files import control_identity, control_path
    from diffusion.prompt.named import network_file

    path = motion_path(project.clip.module, project.model, sources.folder)
    loras = [motion_identity(lora_path(one.name, sources.folder)) for one in project.clip.loras]
    others = [control_identity(control_path(project.clip.sparse.model))] if project.clip.sparse else []
    others += [checksum((network_file("lora", project.clip.adapter),))] if project.clip.adapter else []
    moving = fingerprint(motion_identity(path), *loras, *others)
    return Clip(project, replace(sources, moving=moving), traits_of(path), each_its_own)


def faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """What is wrong with a project of this mode."""
    yield from clip_faults(project, folder)
    yield from motion_faults(project, folder)

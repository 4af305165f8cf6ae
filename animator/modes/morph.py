"""Morph: stills whose prompts and seeds travel, without a motion module; closed if the loop is."""

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from animator.clip_checks import clip_faults, still_faults
from animator.together import Clip
from core.errors import Fault
from core.seeds import SEED_RANGE
from schedules.schedule import seed_keys

if TYPE_CHECKING:
    from animator.project import Project
    from animator.sources import Sources

CLOSES_ITSELF = True  # loops of this mode need no run-in
MOVES = False  # every frame is a still


def build(project: "Project", sources: "Sources") -> Clip:
    """The mode for one project."""
    return Clip(project, sources, None, travelling)


def faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """What is wrong with a project of this mode."""
    yield from clip_faults(project, folder)
    yield from still_faults(project)


def travelling(clip: Clip, index: int) -> tuple[int, tuple[int, float]]:
    """The seed of the key before a frame, and that of the key after it with its share."""
    frames, moment = clip.timeline.project.frames, clip.timeline[index].moment
    keys = seeds_of(clip)
    places = sorted(keys)
    place = bisect_right(places, moment) - 1
    before = places[place]  # of a frame before the first key: the last one, a round ago
    after = places[(place + 1) % len(places)]
    if len(places) == 1 or (not clip.closed and (place < 0 or place + 1 == len(places))):
        return keys[places[max(place, 0)]], (0, 0.0)
    length = (after - before) % frames or frames
    share = (moment - before) % frames / length
    return keys[before], (keys[after], share)


def seeds_of(clip: Clip) -> dict[int, int]:
    """Seeds by frame: those the project says, or one for each prompt, counted up from the project's own."""
    project = clip.timeline.project
    if project.clip.seeds.strip():
        return seed_keys(project.clip.seeds, project.frames)
    starts = clip.timeline.words.prompts.starts
    return {start: (project.seed + number) % SEED_RANGE for number, start in enumerate(starts)}

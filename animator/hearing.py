"""Hearing: the sound of a project as names for its expressions; heard once for all who ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from core.errors import MediaError
from schedules.audio import RATE, Hearing, heard
from schedules.expression import Values

if TYPE_CHECKING:
    from animator.project import Project

LONGEST = 3600  # seconds of sound that are looked at


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound of a film. Its loudness, bands, onsets and beats are names in every formula."""

    file: str  # path of a sound or video file, relative to the project file
    start: Annotated[float, Field(ge=0, le=LONGEST)] = 0.0  # seconds into the sound where the film begins
    volume: Annotated[float, Field(ge=0, le=10)] = 1.0  # of the sound track in exports; 0 leaves it out
    bpm: Annotated[float, Field(ge=0, le=400)] = 0.0  # beats per minute, if they are known; 0 listens for them
    loop: bool = False  # whether the sound track starts again where it ends; silence if not


def series_of(project: "Project", folder: Path) -> Mapping[str, Values]:
    """The names that a project's sound gives to formulas, float64[frames] each; none if it has no sound.

    Raises:
        MediaError: if the sound cannot be read, or ends before the film begins.
        MissingLibrary: without scipy.
    """
    if project.audio is None:
        return {}
    path = (folder / Path(project.audio.file).expanduser()).resolve()
    try:
        stamp = path.stat()
    except OSError as fault:
        raise MediaError(f"cannot be read ({fault.strerror})", where=str(path)) from fault
    hearing = _heard(path, stamp.st_mtime_ns, stamp.st_size, project.audio.bpm)
    seconds = hearing.onset.size * hearing.step
    if project.audio.start >= seconds:
        raise MediaError(f"it ends at {seconds:.1f} s, before audio.start {project.audio.start:g} s", where=str(path))
    return hearing.over(project.frames, project.fps, project.audio.start)


@lru_cache(maxsize=4)
def _heard(path: Path, _changed: int, _bytes: int, bpm: float) -> Hearing:
    """The first hour of a sound; a file that has changed is heard anew."""
    from media.sound import sound_blocks

    count = 0

    def fits(block: np.ndarray) -> bool:  # type: ignore[type-arg]
        nonlocal count
        count += len(block)
        return count <= LONGEST * RATE

    blocks = list(takewhile(fits, sound_blocks(path, RATE, channels=1)))
    if not blocks:
        raise MediaError("there is no sound in it", where=str(path), way_out="Give a file that plays elsewhere")
    return heard(np.concatenate(blocks)[:, 0], bpm)

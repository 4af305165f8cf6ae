"""Clips: which videos and folders are to be drawn over, and what each result is called."""

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from animator.store import PROJECT_FILE
from core.errors import UnknownName, UserError
from core.hashing import fingerprint
from media.read import SUFFIXES

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif"})
FIELDS = ("name", "folder", "number", "prompt", "seed")
LONGEST = 60  # characters of a prompt in a name
_FIELD = re.compile(r"\{(\w*)\}")
_UNFIT = re.compile(r"[^\w \-.()]+")


def clips_in(paths: Sequence[Path]) -> list[Path]:
    """The clips that paths mean: a video, a pattern or a folder of pictures is one, a folder of videos many.

    Raises:
        UserError: for a folder without either, or with both.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        videos = [file for file in files if file.suffix.lower() in VIDEOS]
        pictures = [file for file in files if file.suffix.lower() in SUFFIXES and file not in videos]
        if videos and pictures:
            way_out = "Name the videos, or give each kind a folder"
            raise UserError("holds videos and pictures", where=str(path), way_out=way_out)
        if not videos and not pictures:
            raise UserError("holds neither videos nor pictures", where=str(path))
        found += videos or [path]
    if len(set(found)) < len(found):
        twice = next(path for path in found if found.count(path) > 1)
        raise UserError("is given twice", where=str(twice), way_out="Name each clip once")
    return found


def name_of(template: str, clip: Path, number: int, prompt: str, seed: int) -> str:
    """The name of a result, without its ending; what a file name cannot hold becomes `_`.

    Args:
        template: text with {name}, {folder}, {number}, {prompt} and {seed} in it.
        clip: as it was given.
        number: of the clip, from 1.
        prompt: the first words of it are used.
        seed: of the project.

    Raises:
        UnknownName: for a field there is none of.
    """
    values = {
        "name": clip.stem if clip.suffix else clip.name,
        "folder": clip.resolve().parent.name,
        "number": f"{number:03d}",
        "prompt": prompt[:LONGEST],
        "seed": str(seed),
    }

    def filled(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise UnknownName("field of a name", match[1], FIELDS, where="--name")
        return values[match[1]]

    made = _UNFIT.sub("_", _FIELD.sub(filled, template)).strip(" .")[:100].rstrip(" .")
    if not made:
        raise UserError(f"{template!r} names nothing", where="--name", way_out='Write it as in "{name}-{seed}"')
    return made


def work_folder(work: Path, name: str, clip: Path, taken: Collection[Path] = ()) -> Path:
    """Where the frames of a clip's result are kept; a folder of its own, where that of its name is another clip's.

    Args:
        work: folder of all.
        name: of the result.
        clip: what is drawn over.
        taken: folders of results that are still to be made.
    """
    usual = work / name
    if usual not in taken and not _is_anothers(usual, clip):
        return usual
    return work / f"{name}-{fingerprint(str(clip.resolve()))[:6]}"


def _is_anothers(folder: Path, clip: Path) -> bool:
    """Whether a folder holds what was rendered of something else."""
    try:
        project = json.loads((folder / PROJECT_FILE).read_text(encoding="utf-8"))
        return bool((folder / project["source"]["clip"]).resolve() != clip.resolve())
    except (OSError, ValueError):
        return False
    except (KeyError, TypeError):
        return True

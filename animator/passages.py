"""Passages: which words go with which frames of which clip, from a CSV or JSON table."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from animator.jsontext import shown
from core.errors import Fault, ProjectError, UserError
from schedules.prompts import NEGATIVE

LARGEST = 10_000_000  # bytes of a table
COLUMNS = ("clip", "frames", "prompt", "negative")
EVERY = "*"  # stands for all clips
_FRAMES = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?")


@dataclass(frozen=True, slots=True)
class Passage:
    """Words from a frame on."""

    first: int  # frame
    last: int | None  # frame; None: until the next passage begins
    prompt: str  # with its negative behind --neg, if it has one


Table = Mapping[str, Sequence[Passage]]  # by the clip as it is named there


def table_of(path: Path) -> Table:
    """The passages in a table.

    CSV has a line with the names of its columns: clip, prompt, and if wanted frames (`12`, `12-40`) and negative. JSON
    is an object: a clip to its prompt, or to an object of frames to prompts. `*` stands for all clips.

    Raises:
        UserError: if it cannot be read, with the line or entry that is wrong.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8-sig") if size <= LARGEST else ""
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "it is no text"
        raise UserError(f"cannot be read ({reason})", where=str(path), way_out="Give a CSV or JSON file") from fault
    if size > LARGEST:
        raise UserError(f"{size:,} bytes are too many", where=str(path), way_out=f"At most {LARGEST:,}")
    rows = _in_json(text, path) if path.suffix.lower() == ".json" else _in_csv(text, path)
    table: dict[str, list[Passage]] = {}
    for clip, passage in rows:
        table.setdefault(clip, []).append(passage)
    if not table:
        raise UserError("there is no prompt in it", where=str(path))
    return table


def passages_of(table: Table, clip: Path) -> list[Passage]:
    """What a table says of a clip, by its path, name or stem; else what it says of all."""
    for name in (str(clip), clip.name, clip.stem, EVERY):
        if name in table:
            return list(table[name])
    return []


def strangers(table: Table, clips: Sequence[Path]) -> list[str]:
    """The clips in a table that are not among those given."""
    known = {EVERY, *(name for clip in clips for name in (str(clip), clip.name, clip.stem))}
    return [name for name in table if name not in known]


def keyframes(passages: Sequence[Passage], usual: str, frames: int, where: str = "") -> dict[str, str]:
    """Passages as the prompts of a project: frame to words.

    After a passage with an end, what was said before it goes on.

    Args:
        passages: of one clip, in any order.
        usual: words where no passage says any.
        frames: how many the clip has.
        where: the table and the clip, for messages.

    Raises:
        ProjectError: with every passage beyond the clip, all that overlap, and frames that no words are for.
    """
    spans = sorted((p for p in passages if p.last is not None), key=lambda p: p.first)
    open_ended = sorted((p for p in passages if p.last is None), key=lambda p: p.first)
    bounds = {0, *(p.first for p in passages), *(p.last + 1 for p in spans if p.last is not None)}
    found: dict[str, str] = {}
    faults = [*_beyond(passages, frames), *_clashes(spans, open_ended)]
    for frame in sorted(bound for bound in bounds if bound < frames):
        inside = [p.prompt for p in spans if p.last is not None and p.first <= frame <= p.last]
        before = [p.prompt for p in open_ended if p.first <= frame]
        words = inside[0] if inside else before[-1] if before else usual
        if not words.strip():
            faults.append(Fault("", f"no prompt for frame {frame}", "Give --prompt, or one for it in the table"))
        if not found or list(found.values())[-1] != words:
            found[str(frame)] = words
    if faults:
        raise ProjectError(where, faults)
    return found


def _beyond(passages: Sequence[Passage], frames: int) -> Iterator[Fault]:
    """Passages for frames that a clip has not."""
    for passage in passages:
        last = passage.first if passage.last is None else passage.last
        if last >= frames:
            yield Fault("", f"a prompt for frame {last}, but the clip has {frames}", f"The last one is {frames - 1}")


def _clashes(spans: Sequence[Passage], open_ended: Sequence[Passage]) -> Iterator[Fault]:
    """Passages that say different things of the same frames; both in order of their first frames."""
    for one, other in pairwise(spans):
        if one.last is not None and other.first <= one.last:
            yield Fault("", f"prompts for frames {one.first}-{one.last} and {other.first}-{other.last} overlap")
    for one, other in pairwise(open_ended):
        if one.first == other.first:
            yield Fault("", f"two prompts begin at frame {one.first}", "Keep one, or give the other frames as in 12-40")


def _in_csv(text: str, path: Path) -> Iterator[tuple[str, Passage]]:
    reader = csv.DictReader(io.StringIO(text))
    named = [name.strip().lower() for name in reader.fieldnames or ()]
    unknown = [name for name in named if name not in COLUMNS]
    if unknown or not {"clip", "prompt"} <= set(named):
        what = f"the columns are {', '.join(named) or 'not named'}"
        raise UserError(what, where=f"{path}, line 1", way_out=f"Name clip and prompt; further ones: {COLUMNS[1::2]}")
    reader.fieldnames = named
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise UserError("has not as many cells as there are columns", where=where, way_out="Quote commas")
            words = row["prompt"] + (f" {NEGATIVE} {row['negative']}" if row.get("negative", "").strip() else "")
            yield row["clip"].strip() or EVERY, _passage(row.get("frames", ""), words, where)
    except csv.Error as fault:
        raise UserError(f"is no CSV ({fault})", where=f"{path}, line {reader.line_num}") from fault


def _in_json(text: str, path: Path) -> Iterator[tuple[str, Passage]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise UserError(f"is no JSON ({fault})", where=str(path)) from fault
    if not isinstance(data, dict):
        raise UserError("is no JSON object", where=str(path), way_out='Write {"dance.mp4": "a prompt"}')
    for clip, entry in data.items():
        for frames, words in entry.items() if isinstance(entry, dict) else [("", entry)]:
            where = f"{path}, {clip}" + (f", {frames}" if frames else "")
            if not isinstance(words, str):
                raise UserError(f"{shown(words)} is no prompt", where=where, way_out="Write text")
            yield clip, _passage(frames, words, where)


def _passage(frames: str, words: str, where: str) -> Passage:
    if not words.strip():
        raise UserError("the prompt is empty", where=where)
    if not frames.strip():
        return Passage(0, None, words)
    found = _FRAMES.fullmatch(frames)
    if found is None or (found[2] is not None and int(found[2]) < int(found[1])):
        raise UserError(f"{frames!r} are no frames", where=where, way_out="Write 12, or 12-40")
    return Passage(int(found[1]), None if found[2] is None else int(found[2]), words)

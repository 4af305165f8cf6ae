"""FrameStore: finished steps on disk. What it has told as finished survives a kill at any moment.

A folder holds `frames/000000.png` (lossless), `carry/` (carried pictures that are no frame) and `steps.jsonl`:
one line a step, written after its pictures. That line is the commit point; a torn line counts as not written.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from animator.steps import Carry, Frame, Step
from core.background import background
from core.errors import MediaError, UserError
from core.hashing import array_fingerprint
from core.image import Image
from media.read import read_image
from media.stills import write_png

LOG = "steps.jsonl"
PROJECT_FILE = "project.json"  # beside it: the project as rendered
OWN = re.compile(r"(frames/[0-9]{6,}|carry/[0-9a-f]{32})\.png")  # the only files a line may name


class FrameStore:
    """The finished steps of one render. Holds a lock: one render at a time writes into a folder.

    Pictures are written by a thread of the store's own, in order, so that the next step can be made meanwhile.
    """

    def __init__(self, folder: Path, text: Mapping[str, str]) -> None:
        """Args: folder: made if it is not there; text: put into each frame's PNG text chunks."""
        self.folder = folder
        self.text = text

    def __enter__(self) -> Self:
        """Makes the folders and takes the lock.

        Raises:
            UserError: if another render writes here, or the folder cannot be made.
        """
        try:
            for name in ("frames", "carry"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self._log = (self.folder / LOG).open("a+b")
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise UserError(
                "another render is writing here", where=str(self.folder), way_out="Wait for it, or give another --out"
            ) from fault
        except OSError as fault:
            raise UserError(
                f"cannot write here ({fault.strerror})", where=str(self.folder), way_out="Give another --out"
            ) from fault
        self._writer = background("store")
        self._lines = _read_log(self.folder)
        self._files: dict[str, str] = {}  # fingerprint of each carried picture to the file that holds it
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes what is being written and gives the lock back."""
        self._writer.shutdown()
        self._log.close()

    def truncate(self, count: int) -> None:
        """Forgets all steps from `count` on; their files are removed."""
        gone = self._lines[count:]
        self._lines = self._lines[:count]
        kept = {name for line in self._lines for name in _names(line)}
        self._log.truncate(self._lines[-1]["end"] if self._lines else 0)
        os.fsync(self._log.fileno())
        for name in {name for line in gone for name in _names(line)} - kept:
            (self.folder / name).unlink(missing_ok=True)

    def frames(self, step: Step) -> Iterator[Frame]:
        """The frames of a finished step, from disk."""
        for index in step.indices:
            yield Frame(index, read_image(self.folder / _frame_name(index)))

    def carry(self, count: int) -> Carry:
        """What the first `count` steps hand on.

        Raises:
            MediaError: if a carried picture is not the one that was written.
        """
        if not count:
            return Carry()
        line = self._lines[count - 1]
        images: dict[str, Image] = {}
        for name, file in line["carry"].items():
            image = read_image(self.folder / file)
            if array_fingerprint(image) != line["prints"][name]:
                raise MediaError(
                    "this picture was changed after it was rendered",
                    where=str(self.folder / file),
                    way_out="Delete it to make it anew, or render with --fresh",
                )
            images[name] = image
            self._files[line["prints"][name]] = file
        return Carry(images)

    def commit(self, key: str, step: Step, images: Sequence[Image], carry: Carry) -> "Future[list[Frame]]":
        """Writes a step behind the caller's back; the result, its frames, is there once they are safe on disk."""
        return self._writer.submit(self._commit, key, step, images, carry)

    def _commit(self, key: str, step: Step, images: Sequence[Image], carry: Carry) -> list[Frame]:
        frames = [Frame(index, image) for index, image in zip(step.indices, images, strict=True)]
        sizes = {name: self._write(name, frame.image) for frame in frames if (name := _frame_name(frame.index))}
        known = self._files | {array_fingerprint(frame.image): _frame_name(frame.index) for frame in frames}
        prints = {name: array_fingerprint(image) for name, image in carry.images.items()}
        for name, image in carry.images.items():
            if prints[name] not in known:
                known[prints[name]] = f"carry/{prints[name]}.png"
                self._write(known[prints[name]], image)
        self._files = {digest: known[digest] for digest in prints.values()}
        held = {name: known[digest] for name, digest in prints.items()}
        self._append({"key": key, "frames": sizes, "carry": held, "prints": prints})
        return frames

    def _write(self, name: str, image: Image) -> int:
        """One picture, whole or not at all; its size in bytes."""
        path = self.folder / name
        write_png(path, image, self.text)
        return path.stat().st_size

    def _append(self, line: dict[str, Any]) -> None:
        """The commit point."""
        self._log.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._log.flush()
        os.fsync(self._log.fileno())
        self._lines.append(line | {"end": self._log.tell()})


def finished_steps(folder: Path, keys: Sequence[str]) -> int:
    """How many leading steps are on disk with exactly these keys and all their pictures. Changes nothing."""
    count = 0
    for key, line in zip(keys, _read_log(folder), strict=False):
        if line["key"] != key or not _is_whole(folder, line):
            break
        count += 1
    return count


def _read_log(folder: Path) -> list[dict[str, Any]]:
    """All whole lines, each with the offset where it ends; the first that is torn ends the reading."""
    lines: list[dict[str, Any]] = []
    end = 0
    with suppress(FileNotFoundError), (folder / LOG).open("rb") as log:
        for raw in log:
            end += len(raw)
            line = _line(raw)
            if line is None:
                break
            lines.append(line | {"end": end})
    return lines


def _line(raw: bytes) -> dict[str, Any] | None:
    """A line of the log; None if it is torn, or names a file that is not ours."""
    try:
        line = json.loads(raw)
        whole = raw.endswith(b"\n") and all(OWN.fullmatch(name) for name in _names(line))
        return line if whole and {"key", "prints"} <= line.keys() else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _names(line: Mapping[str, Any]) -> list[str]:
    """All files of a step."""
    return [*line["frames"], *line["carry"].values()]


def _is_whole(folder: Path, line: Mapping[str, Any]) -> bool:
    """Whether a step's files are there, frames with the size they were written with."""
    paths = {folder / name: line["frames"].get(name) for name in _names(line)}
    return all(path.is_file() and size in (None, path.stat().st_size) for path, size in paths.items())


def _frame_name(index: int) -> str:
    return f"frames/{index:06d}.png"

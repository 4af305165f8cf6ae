"""RenderJob: one project on its way to files."""

import json
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from animator.build import build_depth, build_mode
from animator.finish import Output, open_outputs
from animator.loop import render_frames
from animator.modes import Mode
from animator.project import Project
from animator.serialize import relocated, to_json
from animator.steps import Frame, Step, step_keys
from animator.store import LOG, FrameStore
from animator.timeline import Timeline
from core.devices import ModelPool
from core.errors import UserError
from core.seeds import SEED_RANGE

PROJECT_FILE = "project.json"
TEXT_KEY = "driftloop"  # names the project in PNG text chunks and video metadata
OURS = ("frames", "carry", "depth", LOG, PROJECT_FILE)  # what --fresh removes from an output folder


@dataclass(frozen=True, slots=True)
class Summary:
    """What a render did."""

    frames: int  # frames asked for
    reused: int  # of them, found finished on disk
    seconds: float
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class RenderJob:
    """One project, the folder its paths start from, and the folder its files go to."""

    project: Project  # with its seed resolved
    source: Path  # folder of the project file
    out: Path  # folder of this render
    pool: ModelPool
    span: range | None = None  # frames asked for; all if None

    @cached_property
    def mode(self) -> Mode:
        """What makes the frames."""
        return build_mode(self.project, self.source, self.pool)

    @cached_property
    def timeline(self) -> Timeline:
        """All numbers and words of all frames."""
        return Timeline(self.project)

    @cached_property
    def steps(self) -> list[Step]:
        """All steps up to the last frame asked for; a feedback render needs those before the first, too."""
        steps = self.mode.plan(self.timeline)
        return [step for step in steps if self.span is None or step.frames[0].index < self.span.stop]

    def reusable(self) -> int:
        """How many leading frames a render would take from disk. Reads the log alone and changes nothing."""
        if not (self.out / LOG).is_file():
            return 0
        with FrameStore(self.out, {}) as store:
            done = store.finished(step_keys(self.steps, self.mode.identity))
        return sum(len(step.frames) for step in self.steps[:done])

    def frames(self) -> Iterator[Frame]:
        """All frames of the span in order, each safe on disk when it is yielded."""
        text = {TEXT_KEY: self._embedded(), "Software": "Driftloop"}
        with FrameStore(self.out, text) as store:
            (self.out / PROJECT_FILE).write_text(self._embedded() + "\n", encoding="utf-8")
            for frame in render_frames(self.mode, self.steps, store):
                if self.span is None or frame.index in self.span:
                    yield frame

    def run(self) -> Iterator[Frame]:
        """Renders and writes every export; yields each frame on its way, for whoever draws progress.

        Exports get their names when the last frame is through; stopping before leaves finished frames only.
        """
        with ExitStack() as stack:
            sinks = open_outputs(self, stack)
            for frame in self.frames():
                for sink in sinks:
                    sink(frame)
                yield frame

    def _embedded(self) -> str:
        return json.dumps(to_json(relocated(self.project, self.source, self.out)), ensure_ascii=False)


def with_seed(project: Project, out: Path) -> Project:
    """The project with a seed of -1 drawn: the one kept in the output folder, else a new one."""
    if project.seed >= 0:
        return project
    try:
        seed = int(json.loads((out / PROJECT_FILE).read_text(encoding="utf-8"))["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        seed = secrets.randbelow(SEED_RANGE)
    return replace(project, seed=seed)


def clear(out: Path) -> None:
    """Removes what an earlier render left in an output folder, and nothing else.

    Raises:
        UserError: if something there cannot be removed.
    """
    for name in OURS:
        path = out / name
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as fault:
            raise UserError(f"cannot be removed ({fault.strerror})", where=str(path)) from fault

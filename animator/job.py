"""RenderJob: one project on its way to files."""

import json
import secrets
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path

from animator.between import KeptBetween
from animator.build import CLIP, HYBRID, build_depth, build_mode
from animator.closers import Closer, delivered
from animator.closing import LoopRules, Ring
from animator.cues import captions, subtitled
from animator.enlarging import Larger
from animator.entries import asks_networks
from animator.finish import (
    Batch,
    Output,
    Sink,
    at_large,
    at_pace,
    beside,
    comparison,
    deliveries,
    depth_pictures,
    exported,
    report,
    sheet,
    soundtrack,
)
from animator.fitting import Draw, network_faults
from animator.hearing import series_of
from animator.larger import export_size
from animator.loop import render_frames
from animator.modes import Mode, Watchable
from animator.pace import Pace
from animator.project import Project
from animator.serialize import EMBEDDED_KEY, relocated, to_json
from animator.sounding import gone_round
from animator.steps import Frame, Step, Watch, step_keys
from animator.store import LOG, PROJECT_FILE, FrameStore, finished_steps
from animator.timeline import Timeline
from animator.watching import Clip
from animator.wording import styles_of
from core.devices import ModelPool
from core.errors import ProjectError, UserError
from core.image import Image, Size
from core.seeds import SEED_RANGE
from interpolation.models import REGISTRY as INTERPOLATORS
from interpolation.retime import Between
from media.atomic import replacing
from media.behind import behind
from media.footage import Footage
from media.formats import Delivery
from media.read import read_image
from media.sound import Soundtrack

LARGE = "upscaled"  # folder of frames made larger
OURS = (
    "frames",
    "between",
    "carry",
    "depth",
    LARGE,
    CLIP,
    LOG,
    PROJECT_FILE,
)  # what --fresh removes from an output folder


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
        return build_mode(self.project, self.source, self.pool, self.out)

    @cached_property
    def timeline(self) -> Timeline:
        """All numbers and words of all frames."""
        return Timeline(self.project, series_of(self.project, self.source), styles_of(self.project, self.source))

    @cached_property
    def steps(self) -> list[Step]:
        """All steps up to the last frame asked for; a feedback render needs those before the first, too."""
        steps = self.mode.plan(self.timeline)
        return [step for step in steps if self.span is None or step.frames[0].index < self.span.stop]

    def reusable(self) -> int:
        """How many leading frames a render would take from disk. Changes nothing."""
        if not (self.out / LOG).is_file():
            return 0
        done = finished_steps(self.out, step_keys(self.steps, self.mode.identity))
        return sum(len(step.frames) for step in self.steps[:done])

    def outputs(self) -> list[Output]:
        """Everything that a render makes besides the frames."""
        name = self.project.name
        exports = zip(self.project.export, deliveries(self.project, self.out), strict=True)
        files = [Output(export.named, delivery.path) for export, delivery in exports]
        files.append(Output("contact sheet", self.out / f"{name}.sheet.png"))
        if len(self.span or range(self.project.frames)) > 1:
            files.append(Output("figures", self.out / f"{name}.report.json"))
        if self.project.subtitles:
            files.append(Output("subtitles", self.out / f"{name}.srt"))
        if self.project.depth.save:
            files.append(Output("depth", self.out / "depth"))
        if self.project.hybrid and self.project.hybrid.save:
            files.append(Output("hybrid", self.out / HYBRID))
        if self.project.upscale and self.project.upscale.save:
            files.append(Output("upscaled", self.out / LARGE))
        if self.project.source and self.project.source.compare:
            files.append(Output("side by side", comparison(self.project, self.out).path))
        return [Output("frames", self.out / "frames"), *files]

    def frames(self, watch: Watch | None = None) -> Generator[Frame, None, None]:
        """All frames of the span in order, each safe on disk when it is yielded.

        Args:
            watch: told how far the sampling of frames that are drawn together is.
        """
        mode, steps, text = self.mode, self.steps, self._text()  # whatever is missing is told before a folder is made
        if watch is not None and isinstance(mode, Watchable):
            mode = mode.watched(watch)
        self._check_networks()
        with FrameStore(self.out, text) as store:
            with replacing(self.out / PROJECT_FILE) as temporary:
                temporary.write_text(text[EMBEDDED_KEY] + "\n", encoding="utf-8")
            for frame in render_frames(mode, steps, store):
                if self.span is None or frame.index in self.span:
                    yield frame

    def run(self, watch: Watch | None = None) -> Generator[Frame, None, None]:
        """Renders and writes every output; yields each frame on its way, for whoever draws progress; see `frames`.

        Outputs get their names when the last frame is through; stopping before leaves finished frames only.
        """
        between = self._between()
        batches = list(self.batches(between))
        for batch in batches:
            batch.check()
        rules = self.project.loop or LoopRules()
        closer = Closer.named(rules.model, rules.options, self.project.fps, self.pool)
        with ExitStack() as stack:
            frames = stack.enter_context(closing(self.frames(watch)))
            first = next(frames)  # makes the folder, once models and pictures are known to be there
            ring = None if self.span else Ring.of(self.project)
            batches = [stack.enter_context(self._sounding(batch, ring)) for batch in batches]
            sinks = [stack.enter_context(sink) for sink in self._sinks(batches)]
            hand_over = stack.enter_context(behind(partial(_shared, sinks)))
            for frame, completed in delivered(chain([first], frames), ring, closer, self._frame):
                for out in completed:
                    hand_over(out)
                yield frame
        if between is not None and self.span is None:
            between.forget_the_rest()

    def _frame(self, index: int) -> Image:
        """A rendered frame from disk."""
        return read_image(self.out / "frames" / f"{index:06d}.png")

    def batches(self, between: Between | None = None) -> Iterator[Batch]:
        """The exports, by what is made of the frames for them."""
        ways: dict[tuple[bool, bool], list[Delivery]] = {}
        for export, file in zip(self.project.export, deliveries(self.project, self.out), strict=True):
            ways.setdefault((export.interpolate, export.upscale), []).append(file)
        span = self.span or range(self.project.frames)
        for (retimed, upscaled), files in ways.items():
            project = self.project if retimed else replace(self.project, interpolate=None)
            pace = self._pace(project, between if retimed else None)
            yield Batch(
                tuple(files),
                export_size(project, upscaled=upscaled),
                pace,
                soundtrack(project, self.source, span.start),
                captions(project, span, pace.count(len(span)) / pace.rate),
                is_larger=upscaled and project.upscale is not None,
            )

    @contextmanager
    def _sounding(self, batch: Batch, ring: Ring | None) -> Iterator[Batch]:
        """A batch whose sound goes round with its pictures, if they do."""
        shown = batch.pace.rate * batch.pace.step
        with gone_round(batch.sound, ring, shown, batch.files[0].path.with_suffix(".wav")) as sound:
            yield replace(batch, sound=sound)

    @property
    def pace(self) -> Pace:
        """How exports play, without who makes frames in between."""
        return self._pace(self.project, None)

    def _pace(self, project: Project, between: Between | None) -> Pace:
        """How exports play; a part of a loop does not close, and of one frame there is nothing between."""
        pace = Pace.of(project, between)
        if self.span is None:
            return pace
        return replace(pace, is_ring=False, between=between if len(self.span) > 1 else None)

    def _between(self) -> KeptBetween | None:
        """Who makes frames between the rendered ones."""
        rules = self.project.interpolate
        if rules is None:
            return None
        maker = INTERPOLATORS.build(rules.model, rules.options, pool=self.pool)
        return KeptBetween(maker, self.out / "between")

    def _sinks(self, batches: Sequence[Batch]) -> Iterator[AbstractContextManager[Sink]]:
        text = self._text()
        clip = self._clip() if self.project.source else None  # of all sinks: they take a frame one after the other
        shown = self._shown(batches)
        views = list(self._views(shown.pace if shown else Pace(self.project.fps), clip))
        ways: dict[bool, list[AbstractContextManager[Sink]]] = {False: [], True: []}  # by whether frames are larger
        for batch in batches:
            made = [exported(batch, text), *(views if batch is shown else [])]
            ways[batch.is_larger].append(at_pace(batch.pace, made))
        yield from ways[False]
        if self.project.upscale:
            yield at_large(Larger(self.project.upscale, self.out / LARGE, self.pool), ways[True])
        if shown is None:
            yield from views
        if self.project.subtitles:
            first = self.span.start if self.span else 0
            yield subtitled(self.out / f"{self.project.name}.srt", self.project, first)
        if clip and self.project.source and self.project.source.compare:
            size = Size(2 * self.project.size.width, self.project.size.height)
            both = Batch((comparison(self.project, self.out),), size, Pace(self.project.fps), self._sound())
            yield beside(clip, exported(both, text))
        if self.project.depth.save:
            yield depth_pictures(self.out / "depth", build_depth(self.project, self.source, self.pool))

    def _shown(self, batches: Sequence[Batch]) -> Batch | None:
        """The exports that sheet and figures are of: those with frames in between, where there are any.

        None for the frames as they are rendered; beside a clip they always are.
        """
        retimed = (one for one in sorted(batches, key=lambda one: one.is_larger) if one.pace.between is not None)
        return None if self.project.source else next(retimed, None)

    def _views(self, pace: Pace, clip: Clip | None) -> Iterator[AbstractContextManager[Sink]]:
        """Contact sheet and figures of the frames that are shown at a pace, beside the clip they are drawn over."""
        name, span = self.project.name, self.span or range(self.project.frames)
        page = sheet(self.out / f"{name}.sheet.png", self.project, self.timeline.words.prompts, span, pace)
        yield beside(clip, page) if clip else page
        yield report(self.out / f"{name}.report.json", pace.rate, clip)

    def _sound(self) -> Soundtrack | None:
        """The sound of frames as they are rendered."""
        plain = replace(self.project, interpolate=None)
        return soundtrack(plain, self.source, self.span.start if self.span else 0)

    def _clip(self) -> Clip:
        """The clip that is drawn over, for one thread."""
        source = self.project.source
        assert source is not None
        footage = Footage(self.source / Path(source.clip).expanduser(), self.project.fps)
        return Clip(source, footage, self.project.size)

    def _check_networks(self) -> None:
        """Raises ProjectError for networks of prompts that do not fit the models they are used with."""
        if not asks_networks(self.project.generator):
            return
        first = (step.frames[0] for step in self.steps)
        draws = (Draw(f"frame {one.index}", one.checkpoint or self.project.model, one.prompt) for one in first)
        if faults := list(network_faults(draws)):
            raise ProjectError(self.project.name, faults)

    def _text(self) -> dict[str, str]:
        """What every file made here says about itself."""
        project = json.dumps(to_json(relocated(self.project, self.source, self.out)), ensure_ascii=False)
        return {EMBEDDED_KEY: project, "Software": "Driftloop"}


def _shared(sinks: Sequence[Sink], frames: Iterator[Frame]) -> None:
    """Gives each frame to all."""
    for frame in frames:
        for sink in sinks:
            sink(frame)


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

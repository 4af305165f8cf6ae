"""Together: a project's frames as one order for the clip studio, drawn once, then decoded frame by frame."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from animator.clip_rules import End, SparseRules
from animator.closing import Ring
from animator.guided import guide_keys
from animator.hearing import series_of
from animator.params import FrameParams
from animator.project import Project
from animator.showing import Seen
from animator.sources import Sources
from animator.steps import Carry, Sampled, Step, Watch
from animator.timeline import Timeline
from animator.wording import styles_of
from core.checksum import checksum
from core.errors import MediaError
from core.hashing import array_fingerprint, fingerprint
from core.image import Image, Mask, resized
from core.seeds import SEED_RANGE
from diffusion.clips.families import Traits
from diffusion.clips.order import ClipFrame, ClipOrder, Ends, SparsePictures, end_shares, held
from diffusion.clips.windows import WindowRules, calls, told, weights
from diffusion.request import ControlImage, Inpaint, PromptMix
from media.footage import Footage
from schedules.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from diffusion.clips.journal import Journal
    from diffusion.clips.studio import ClipStudio
    from diffusion.sampling.run import OnStep, StepReport

DECODED = 8  # frames of one step: finished frames are safe on disk so many at a time
Travel = Callable[["Clip", int], tuple[int, tuple[int, float]]]  # seed of a frame, and a second one with its share


class Clip:
    """A mode whose frames belong together: all are sampled at once, then decoded in steps."""

    def __init__(
        self, project: Project, sources: Sources, traits: Traits | None, seeds: Travel, watch: Watch | None = None
    ) -> None:
        """A clip.

        Args:
            project: whose frames are drawn.
            sources: what it is made of.
            traits: of its motion module; None draws stills.
            seeds: how noise goes from frame to frame.
            watch: told how far its sampling is.
        """
        self._project, self._sources, self._rules = project, sources, project.clip
        self._traits, self._seeds, self._watch = traits, seeds, watch
        ring = Ring.of(project)
        self.closed = ring is not None and ring.method == "closed"

    def watched(self, watch: Watch) -> "Clip":
        """The same clip, which tells how far its sampling is."""
        return Clip(self._project, self._sources, self._traits, self._seeds, watch)

    @cached_property
    def timeline(self) -> Timeline:
        """All numbers and words of all frames."""
        project, folder = self._project, self._sources.folder
        return Timeline(project, series_of(project, folder), styles_of(project, folder))

    @cached_property
    def windows(self) -> WindowRules:
        """The rules of windows with every number known; one frame at a time where there is no motion module."""
        if self._traits is None:
            return WindowRules(1, 0)
        rules = self._rules.windows
        frames = rules.frames or self._traits.window
        parts = 2 if self.closed and rules.scheme == "even" else 4  # a loop's steps are as even as its windows overlap
        return replace(rules, frames=frames, overlap=frames // parts if rules.overlap < 0 else rules.overlap)

    @cached_property
    def frames(self) -> list[ClipFrame]:
        """All frames that are sampled; an open clip shorter than a window is filled up, and cut again."""
        found = [self._frame(index) for index in range(len(self.timeline))]
        missing = 0 if self.closed else self.windows.frames - len(found)
        for number in range(missing):
            request = replace(found[-1].request, seed=(found[-1].request.seed + number + 1) % SEED_RANGE)
            found.append(replace(found[-1], request=request))
        return found

    @cached_property
    def identity(self) -> str:
        """Changes with anything that any frame of the clip is made from: they all depend on each other."""
        rules = replace(self._rules, together=1)
        own = (self.closed, rules, self.windows, self._traits, self._project.size, self._project.seed)
        made_of = (self._sources.generator.identity, self._sources.moving, self._sources.controls.identity)
        ends = [array_fingerprint(one) for one in self.order.ends.pictures] if self.order.ends else []
        sparse = self.order.sparse
        ends += [array_fingerprint(one) for one in sparse.images.values()] if sparse else []
        files = [checksum(tuple(footage.files())) for footage in self._footage.values()]
        steered = [self.timeline[index].controls for index in range(len(self.timeline))]
        return fingerprint("clip", *own, *made_of, *files, *ends, repr(self.frames), repr(steered))

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """A few frames a step."""
        return [Step(tuple(timeline[start : start + DECODED]), True) for start in range(0, len(timeline), DECODED)]

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """Frames of the clip, which is drawn when the first of them is asked for."""
        if self._sources.clips is None:
            requests = [params.request(self._project.size) for params in step.frames]
            return [self._sources.generator.generate([request])[0] for request in requests], Carry()
        last = len(self.timeline) - 1
        places = [last - index if self._rules.reverse else index for index in step.indices]
        return [self._studio.picture(self._latents[place], self.order) for place in places], Carry()

    def explained(self) -> Iterator[str]:
        """What a plan tells besides its table."""
        frames, project = len(self.frames), self._project
        steps = int(self.timeline[0].sampling.steps)
        yield from (f"frame {index}: {_told(frame)}" for index, frame in enumerate(self.frames))
        if self._traits is None:
            yield "every frame is a still of its own"
            return
        yield f"{self._traits.name}: windows of {self.windows.frames} frames, overlap {self.windows.shared}"
        mean = calls(frames, self.windows, steps, closed=self.closed)
        kind = "ring" if self.closed else "line"
        size = project.size
        yield f"{kind} of {frames} frames, {mean:.4g} windows a step, {steps} steps at {size}; in the first:"
        yield from (f"  {line}" for line in told(frames, self.windows, closed=self.closed))
        places = ", ".join(f"{weight:g}" for weight in weights(self.windows))
        yield f"weights in a window: {places}"
        if self._traits.advice:
            yield f"best sampled with: {self._traits.advice}"

    @cached_property
    def order(self) -> ClipOrder:
        """The whole clip."""
        rules, project, trained = self._rules, self._project, self._traits
        own_share = trained.shared_noise if trained else 0.0
        own_steady = trained.steady if trained and not rules.video else 0.0  # what a video shows moves as it will
        return ClipOrder(
            frames=self.frames,
            size=project.size,
            seed=project.seed,
            closed=self.closed,
            windows=self.windows,
            together=rules.together if trained else max(rules.together, 4),
            interpolation=rules.interpolation,
            shared_noise=own_share if rules.shared_noise < 0 else rules.shared_noise,
            steady=own_steady if rules.steady < 0 else rules.steady,
            free_noise=rules.free_noise,
            free_init=rules.free_init,
            ends=self._ends(),
            init=self._picture if rules.video else None,
            mask=self._mask if rules.mask else None,
            controls=self._shown if project.controls else None,
            sparse=self._sparse(rules.sparse) if rules.sparse else None,
            adapter=(rules.adapter, rules.adapter_weight) if rules.adapter else None,
        )

    @cached_property
    def _studio(self) -> "ClipStudio":
        assert self._sources.clips is not None
        return self._sources.clips()

    @cached_property
    def _latents(self) -> "Tensor":
        from diffusion.clips.journal import Journal

        folder = self._sources.scratch or Path(tempfile.mkdtemp(prefix="driftloop-clip-"))
        journal = Journal(folder, self.identity)
        return self._studio.latents(self.order, journal, self._telling(journal))

    def _telling(self, journal: "Journal") -> "OnStep | None":
        """Tells the watcher of each step; those that add nothing to the journal were in it."""
        watch = self._watch
        if watch is None:
            return None
        passes = self.order.free_init.passes if self.order.free_init else 1
        before, numbers, kept = journal.steps(), count(1), 0

        def tell(report: "StepReport") -> None:
            nonlocal kept
            done = next(numbers)
            kept = done if journal.steps() == before else kept
            watch(Sampled(done, report.steps * passes, kept))

        return tell

    @cached_property
    def _numbers(self) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Motion, and the weight of each motion LoRA, over the project's frames."""
        motion = self._over_time(self._rules.motion, "clip.motion")
        return motion, [
            self._over_time(one.weight, f"clip.loras.{n}.weight") for n, one in enumerate(self._rules.loras)
        ]

    def _over_time(self, given: float | str, field: str) -> NDArray[np.float64]:
        if not isinstance(given, str):
            return np.full(self._project.frames, float(given))
        names = series_of(self._project, self._sources.folder)
        return Schedule.parse(given, self._project.frames, self._project.seed, field=field, names=names).values()

    def _frame(self, index: int) -> ClipFrame:
        params = self.timeline[index]
        motion, doses = self._numbers
        seed, other = self._seeds(self, index)
        prompt = held(_with_tail(params.prompt, self._rules.tail), self._rules.hold)
        negative = held(self.timeline.words.avoided(params.moment), self._rules.hold)
        request = replace(params.request(self._project.size), prompt=prompt, negative="", seed=seed)
        own = tuple(float(dose[params.moment]) for dose in doses)
        return ClipFrame(request, negative, float(motion[params.moment]), own, other)

    def _ends(self) -> Ends | None:
        first, last = self._rules.first, self._rules.last
        given = [end for end in (first, last) if end is not None]
        if not given:
            return None
        pictures = tuple(self._sources.picture(end.image, self._project.size) for end in given)
        shares = end_shares(len(self.frames), _curve(first), _curve(last), closed=self.closed)
        return Ends(pictures, shares)

    def _sparse(self, rules: SparseRules) -> SparsePictures:
        """What a SparseControl network is shown, as its control sees it."""
        project, look = self._project, self._sources.look
        weights = self._over_time(rules.weight, "clip.sparse.weight")
        last = len(self.timeline) - 1
        pictures = {
            frame: look(rules.control, rules.options, self._sources.picture(path, project.size))
            for frame, path in guide_keys(rules.images, project.frames, project.seed).items()
        }
        own = [float(weights[self.timeline[min(index, last)].moment]) for index in range(len(self.frames))]
        return SparsePictures(pictures, own, rules.start, rules.end)

    @cached_property
    def _footage(self) -> dict[str, Footage]:
        """What the clip names that moves."""
        named = {"video": self._rules.video, "mask": self._rules.mask}
        folder, fps = self._sources.folder, self._project.fps
        return {name: Footage(folder / Path(text).expanduser(), fps) for name, text in named.items() if text}

    def _moment(self, index: int, lasts: int | None, what: str) -> int:
        """The frame of a source that belongs to a frame of the clip."""
        moment = self.timeline[min(index, len(self.timeline) - 1)].moment
        if lasts is None or moment < lasts:
            return moment
        if self._rules.short == "stop":
            raise MediaError(
                f"{what} has {lasts} frames, the clip {self._project.frames}",
                where=f"frame {moment}",
                way_out='Set clip.short to "hold" or "loop", or make the clip shorter',
            )
        return lasts - 1 if self._rules.short == "hold" else moment % lasts

    def _from(self, name: str, index: int) -> Image:
        footage = self._footage[name]
        picture = footage.at(self._moment(index, footage.frames, f"clip.{name}"))
        return resized(picture, self._project.size, "lanczos")

    def _picture(self, index: int) -> Image:
        return self._from("video", index)

    def _mask(self, index: int) -> Inpaint:
        white: Mask = np.asarray(self._from("mask", index).max(axis=2) / np.float32(255), np.float32)
        return Inpaint(white)

    def _shown(self, index: int) -> tuple[ControlImage, ...]:
        """What control networks see at a frame; units without weight are there, too: all frames have the same."""
        params = self.timeline[min(index, len(self.timeline) - 1)]
        moment = self._moment(index, self._sources.controls.frames, "a control's source")
        awake = tuple(replace(one, weight=one.weight or 1.0) for one in params.controls)
        init = self._picture(index) if self._rules.video else None
        found = self._sources.controls.of(replace(params, controls=awake, moment=moment), Seen(init=init))
        return tuple(replace(one, weight=own.weight) for one, own in zip(found, params.controls, strict=True))


def _with_tail(mix: PromptMix, tail: str) -> PromptMix:
    return tuple((f"{text}, {tail}" if text else tail, weight) for text, weight in mix) if tail else mix


def _told(frame: ClipFrame) -> str:
    """Prompts with their weights, and strengths, on a line."""
    sides = [
        " + ".join(f"{weight:.2f} {text}" for text, weight in mix if text)
        for mix in (frame.request.prompt, frame.negative)
    ]
    seed, share = frame.other_seed
    parts = [
        sides[0],
        f"against {sides[1]}" if sides[1] else "",
        f"motion {frame.motion:g}" if frame.motion != 1 else "",
    ]
    parts += [f"LoRA {number} {dose:g}" for number, dose in enumerate(frame.doses)]
    parts += [f"seed {frame.request.seed}" + (f" + {share:.2f} of {seed}" if share else "")]
    return "; ".join(part for part in parts if part)


def _curve(end: End | None) -> tuple[float, float] | None:
    return None if end is None else (end.power, end.scale)


def each_its_own(clip: Clip, index: int) -> tuple[int, tuple[int, float]]:
    """Every frame has the seed that the project's `seeds` give it."""
    return clip.timeline[index].seed, (0, 0.0)

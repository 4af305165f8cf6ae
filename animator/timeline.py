"""Timeline: a project as a lazy sequence of FrameParams; no models, no files."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from animator.closing import FAINT, LoopRules, Ring, camera_closed, ring_weights
from animator.coherence import Coherence
from animator.controls import UnitNumbers
from animator.masks import MaskWords
from animator.mix import Mix
from animator.params import FrameParams
from animator.project import Project, SeedRules
from animator.source import Stylize
from animator.wording import NO_STYLES, SecondPasses, Wording
from core.seeds import SEED_RANGE, derive
from diffusion.prompt.styles import Style
from diffusion.request import NoiseMix, Sampling
from motion.camera import CameraMove, Lens
from schedules.expression import Values
from schedules.schedule import Schedule, Steps
from schedules.track import Track

NO_NAMES: Mapping[str, NDArray[np.float64]] = MappingProxyType({})


class Timeline(Sequence[FrameParams]):
    """Every schedule parsed once, for all frames.

    Raises:
        ScheduleError: for a schedule that does not parse; `project.load` has found those before.
    """

    def __init__(
        self,
        project: Project,
        names: Mapping[str, NDArray[np.float64]] = NO_NAMES,
        styles: Mapping[str, Style] = NO_STYLES,
    ) -> None:
        """All schedules of a project.

        Args:
            project: with its seed resolved (0 or more).
            names: further ones for formulas, float64[frames] each.
            styles: in the files that the project names.
        """
        self.project = project
        frames, seed = project.frames, project.seed
        camera = dict(project.camera)
        lens = {name: camera.pop(name) for name in tuple(camera) if name in Lens.__dataclass_fields__}
        self._ring = Ring.of(project)
        self._phases = np.arange(frames) if self._ring is None else self._ring.phases()
        self.camera = Track(CameraMove, "camera", camera, frames, seed, names)
        if project.loop and project.loop.close_camera:
            self.camera = self.camera.with_columns(camera_closed(self.camera.columns()))
        self.lens = Track(Lens, "camera", lens, frames, seed, names)
        self.sampling = Track(Sampling, "sampling", project.sampling, frames, seed, names)
        self.coherence = Track(Coherence, "coherence", project.coherence, frames, seed, names)
        self.stylize = Track(Stylize, "stylize", project.stylize, frames, seed, names)
        self.controls = tracks_of(project, names)
        self.mix = Track(Mix, "mix", project.mix, frames, seed, names)
        self.masks = mask_series(project)
        self.sampler = Steps.parse(project.sampler, frames, seed, field="sampler")
        self.checkpoint = checkpoints(project)
        self.noise_schedule = Steps.parse(project.noise_schedule, frames, seed, field="noise_schedule")
        self.words = Wording.of(project, project.prompts, names, styles, closed=self.is_closed)
        self._second = SecondPasses(project, names, styles, closed=self.is_closed)
        rules = project.loop or LoopRules()
        self._grain, self._noise = (ring_weights(frames, length) for length in (rules.grain, rules.noise))
        self._seeds = seed_series(project.seeds, seed, frames, project.cadence, names)

    def __len__(self) -> int:
        """How many frames are rendered; with a `loop` these may be more or fewer than it has."""
        return len(self._phases)

    @property
    def is_closed(self) -> bool:
        """Whether the frame after the last one is the first."""
        return self._ring is not None and self._ring.is_closed

    @overload
    def __getitem__(self, index: int) -> FrameParams: ...
    @overload
    def __getitem__(self, index: slice) -> list[FrameParams]: ...
    def __getitem__(self, index: int | slice) -> FrameParams | list[FrameParams]:
        """The params of one frame, or of a range."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        rendered, index = index, int(self._phases[index])
        words = self.words.at(index)
        return FrameParams(
            index=rendered,
            camera=self.camera.at(index),
            lens=self.lens.at(index),
            sampling=self.sampling.at(index),
            sampler=self.sampler.at(index),
            coherence=self.coherence.at(index),
            stylize=self.stylize.at(index),
            prompt=words.prompt,
            negative=words.negative,
            seed=int(self._seeds[index]),
            noise_seed=self._noise_seed(index),
            noise=self._mix("latent noise", index, self._noise),
            noise_schedule=self.noise_schedule.at(index),
            checkpoint=self.checkpoint[index],
            drawing=self.project.drawing,
            refiner=self.project.refiner,
            controls=tuple(track.at(index) for track in self.controls),
            hires=self._second.at(index),
            moment=index,
            mix=self.mix.at(index),
            masks=self.masks[index],
        )

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Every keyframable number over all rendered frames, float64, by its dotted name."""
        tracks: dict[str, Sequence[Track[Any]]] = {
            "camera": (self.camera, self.lens),
            "sampling": (self.sampling,),
            "coherence": (self.coherence,),
            "stylize": (self.stylize,),
            "mix": (self.mix,),
            "hires": self._second.tracks,
            **{f"controls.{place}": (track,) for place, track in enumerate(self.controls)},
        }
        return {
            f"{section}.{name}": values if self._ring is None else values[self._phases]
            for section, parts in tracks.items()
            for track in parts
            for name, values in track.columns().items()
        }

    def _noise_seed(self, index: int) -> int | NoiseMix:
        """Deforum noises with the running seed (unless seeds are scheduled, where it had a random one)."""
        deforum = self.project.color.look == "deforum"
        if deforum and self.project.seeds.behavior not in ("schedule", "random"):
            return int(self._seeds[index])
        return self._mix("noise", index, self._grain) or derive(self.project.seed, "noise", index)

    def _mix(self, purpose: str, index: int, weights: NDArray[np.float64]) -> NoiseMix:
        """Draws of the frames around one, with their weights; nothing without weights."""
        mix = ((n, float(weight)) for n, weight in enumerate(weights) if abs(weight) > FAINT)
        frames = self.project.frames
        return tuple((derive(self.project.seed, purpose, (index - n) % frames), weight) for n, weight in mix)


def tracks_of(project: Project, names: Mapping[str, Values]) -> list[Track[UnitNumbers]]:
    """The numbers of all control units. Args: names: what its sound gives to formulas."""
    return [
        Track(UnitNumbers, f"controls.{place}", unit.numbers(), project.frames, project.seed, names)
        for place, unit in enumerate(project.controls)
    ]


def mask_series(project: Project) -> tuple[MaskWords, ...]:
    """The mask expressions of every frame.

    Raises:
        ScheduleError: for a text that is no schedule.
    """
    rules, frames, seed = project.mask, project.frames, max(project.seed, 0)
    if rules is None:
        return (MaskWords(),) * frames
    draw, noise = (
        Steps.parse(text, frames, seed, field=f"mask.{name}").values() if text.strip() else ("",) * frames
        for name, text in (("draw", rules.draw), ("noise", rules.noise))
    )
    return tuple(map(MaskWords, draw, noise))


def checkpoints(project: Project) -> tuple[str, ...]:
    """The model in place of the project's, at every frame; empty where there is none.

    Raises:
        ScheduleError: for a text that is no schedule.
    """
    if not project.checkpoint.strip():
        return ("",) * project.frames
    names = Steps.parse(project.checkpoint, project.frames, project.seed, field="checkpoint").values()
    return tuple("" if name == project.model else name for name in names)


def seed_series(
    rules: SeedRules, seed: int, frames: int, cadence: int, names: Mapping[str, NDArray[np.float64]] = NO_NAMES
) -> NDArray[np.int64]:
    """The seed of every frame as a function of its index; all frames of a cadence block share one.

    Returns:
        int64, one a frame, each 0 .. 2**32 - 1.
    """
    generated = np.arange(frames, dtype=np.int64) // cadence
    match rules.behavior:
        case "fixed":
            series = np.zeros(frames, np.int64) + seed
        case "iter":
            late = rules.every - 1 if rules.short_first else 0
            series = seed + (generated + late) // rules.every
        case "ladder":
            series = seed + generated // 2 + 2 * (generated % 2)
        case "alternate":
            series = seed + generated % 2
        case "random":
            series = np.array([derive(seed, "frame", int(n)) if n else seed for n in generated], np.int64)
        case "schedule":
            schedule = Schedule.parse(rules.schedule, frames, seed, field="seeds.schedule", names=names)
            values = np.trunc(schedule.values())
            drawn = [derive(seed, "frame", index) if value < 0 else int(value) for index, value in enumerate(values)]
            series = np.array(drawn, np.int64)
    return series % SEED_RANGE

"""Cues: the numbers and words of every frame as a SubRip file beside the video."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from animator.guided import guide_keys
from animator.steps import Frame
from animator.subtitles import SubtitleRules
from animator.timeline import seed_series
from core.errors import ScheduleError
from media.atomic import replacing
from media.captions import Caption
from schedules.prompts import merged
from schedules.schedule import Schedule, Steps

if TYPE_CHECKING:
    from animator.finish import Sink
    from animator.project import Project

Shown = float | str


class Cues:
    """The cue of each frame of a project.

    Source: Deforum, subtitles: whole numbers stand without a point, others with three decimals; a cue's seed is that of
    the picture generated next, with cadence; times are cut to whole thousandths.
    """

    def __init__(self, project: "Project") -> None:
        """Args: project: with its seed resolved."""
        self._fps, self._cadence, self._last = project.fps, project.cadence, project.frames - 1
        self._seeds = self._running(project)
        self._columns = {name: _series(value, project) for name, value in _rules(project).shown.items()}
        table = merged(project.prompts, project.positive, project.negative) if _rules(project).prompt else {}
        self._prompts = guide_keys(table, project.frames, project.seed)

    def text(self, frame: int) -> str:
        """The words of a frame's cue."""
        flag = "false" if self._cadence == 1 else str(frame % self._cadence != self._cadence - 1)
        parts = [f"F#: {frame}", f"Cadence: {flag}", f"Seed: {self._seeds[frame]}"]
        parts += [f"{name}: {_spelled(values[min(frame, self._last)])}" for name, values in self._columns.items()]
        if self._prompts:
            starts = [start for start in self._prompts if start <= frame] or [next(iter(self._prompts))]
            parts.append(f"Prompt: {self._prompts[starts[-1]]}")
        return "; ".join(parts)

    def cue(self, frame: int) -> str:
        """The whole cue with its number and times, and the empty line that ends it."""
        start, end = (_time(Fraction(at) / self._fps) for at in (frame, frame + 1))
        return f"{frame + 1}\n{start} --> {end}\n{self.text(frame)}\n\n"

    def _running(self, project: "Project") -> list[int]:
        """The seed that is next when each frame is written."""
        frames, cadence = project.frames, project.cadence
        series = seed_series(project.seeds, project.seed, frames, cadence)
        if cadence == 1 or project.seeds.behavior == "schedule":
            return [int(seed) for seed in series]
        longer = seed_series(project.seeds, project.seed, frames + cadence, cadence)
        return [int(longer[(frame // cadence + 1) * cadence]) for frame in range(frames)]


@contextmanager
def subtitled(path: Path, project: "Project", first: int) -> Iterator["Sink"]:
    """Writes a cue for every frame, counted from the first that is exported; named when the block ends well."""
    cues = Cues(project)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:

        def write(frame: Frame) -> None:
            if frame.index - first < project.frames:
                file.write(cues.cue(frame.index))

        yield write


def captions(project: "Project", span: range, seconds: Fraction) -> list[Caption]:
    """The subtitles that go into exports of a span of frames; none if they are not asked for.

    Args:
        project: with its seed resolved.
        span: the frames.
        seconds: how long the exports are.
    """
    if project.subtitles is None or not project.subtitles.embed:
        return []
    cues, slow = Cues(project), project.interpolate.slow if project.interpolate else Fraction(1)
    starts = [(frame, (frame - span.start) * slow / project.fps) for frame in span]
    return [
        Caption(start, min(start + slow / project.fps, seconds), cues.text(frame))
        for frame, start in starts
        if start < seconds
    ]


def _rules(project: "Project") -> SubtitleRules:
    assert project.subtitles is not None
    return project.subtitles


def _series(value: Shown, project: "Project") -> list[float] | tuple[str, ...]:
    """A number, a schedule of numbers, or one of words, over all frames."""
    frames, seed = project.frames, max(project.seed, 0)
    if not isinstance(value, str):
        return [float(value)] * frames
    try:
        return [float(number) for number in Schedule.parse(value, frames, seed).values()]
    except ScheduleError:
        return Steps.parse(value, frames, seed, field="subtitles.shown").values()


def _spelled(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else f"{value:.3f}"


def _time(seconds: Fraction) -> str:
    """`HH:MM:SS,mmm`."""
    thousandths = int(seconds * 1000)
    return (
        f"{thousandths // 3_600_000:02}:{thousandths // 60_000 % 60:02}:"
        f"{thousandths // 1000 % 60:02},{thousandths % 1000:03}"
    )

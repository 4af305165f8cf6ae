"""What is wrong with a project's numbers and words over time: every schedule parsed, every frame's value in range."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from animator.closing import Ring
from animator.fields import PINHOLE_SPANS, SECTIONS, Span, keyframable
from core.errors import Fault, ProjectError, ScheduleError, UnknownName
from core.seeds import SEED_RANGE
from diffusion.sampling.names import resolve
from schedules.expression import Scope, Values
from schedules.prompts import Prompts, merged
from schedules.schedule import Schedule, Steps

if TYPE_CHECKING:
    from animator.project import Project

SEEDS = Span(-1, SEED_RANGE - 1)


def schedule_faults(project: "Project", names: Mapping[str, Values]) -> Iterator[Fault]:
    """Faults of camera, sampling, coherence, seeds, sampler names and prompts, in this order.

    Args:
        project: with whatever values its types allow.
        names: what its sound gives to formulas, float64[frames] each.
    """
    frames, seed = project.frames, max(project.seed, 0)
    scope = Scope(frames, seed, names)
    narrower = PINHOLE_SPANS if project.warp.geometry == "true" else {}
    for section in SECTIONS:
        for name, given in getattr(project, section).items():
            field = f"{section}.{name}"
            yield from _number_faults(field, given, narrower.get(field, keyframable(section)[name].span), scope)
    if project.seeds.behavior == "schedule":
        yield from _number_faults("seeds.schedule", project.seeds.schedule, SEEDS, scope)
    yield from _name_faults("sampler", project.sampler, frames, seed, resolve)
    yield from _name_faults("noise_schedule", project.noise_schedule, frames, seed, lambda name: resolve("Euler", name))
    prompts, ring = merged(project.prompts, project.positive, project.negative), Ring.of(project)
    closed = ring is not None and ring.is_closed
    try:
        Prompts.parse(prompts, frames, seed, travel=project.travel, names=names, closed=closed)
    except ProjectError as error:
        yield from error.faults


def _number_faults(field: str, given: float | str, span: Span, scope: Scope) -> Iterator[Fault]:
    """A schedule that does not parse, or the first frame whose value is not allowed."""
    try:
        values = (
            Schedule.parse(given, scope.frames, scope.seed, names=scope.series).values()
            if isinstance(given, str)
            else np.array([given], np.float64)
        )
    except ScheduleError as error:
        yield Fault(field, error.what, error.way_out)
        return
    inside = _inside(values, span)
    if not inside.all():
        frame = int(np.argmin(inside))
        where = f" at frame {frame}" if isinstance(given, str) else ""
        yield Fault(field, f"{values[frame]:g}{where} is out of range", f"Allowed: {span}")


def _inside(values: NDArray[np.float64], span: Span) -> NDArray[np.bool_]:
    """Which values the span holds."""
    low, high = (values > span.low, values < span.high) if span.open else (values >= span.low, values <= span.high)
    return np.asarray(low & high & (np.abs(values) >= span.gap))


def _name_faults(field: str, text: str, frames: int, seed: int, find: Callable[[str], object]) -> Iterator[Fault]:
    """Names of samplers or noise schedules that do not exist, each once."""
    try:
        names = Steps.parse(text, frames, seed).values()
    except ScheduleError as error:
        yield Fault(field, error.what, error.way_out)
        return
    for name in dict.fromkeys(names):
        try:
            find(name)
        except UnknownName as error:
            yield Fault(field, error.what, error.way_out)

"""Lint of a loop: which schedules have come round at its end, where the camera ends up, and schedules that do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from animator.closing import SHIFTING, WINDING
from animator.fields import SECTIONS
from animator.project import Project
from animator.timeline import Timeline
from schedules.expression import Scope, Values
from schedules.periods import Ends, ends, snapped

STILL = 1e-6  # frame heights, degrees, or of a factor; what the camera may end up away from home


@dataclass(frozen=True, slots=True)
class Lint:
    """What keeps a loop from closing."""

    ends: Mapping[str, Ends]  # of every schedule, by its dotted name
    camera: Mapping[str, float]  # where one loop leads: sums of shifts and angles, the product of zooms
    closes_camera: bool  # whether `loop.close_camera` takes that out

    def lines(self) -> Iterator[str]:
        """For people: one line for everything that does not come round."""
        for field, found in self.ends.items():
            if found.closes:
                continue
            (value, back), (slope, then) = found.value, found.slope
            yield f"{field}: {value:.4g} at the start, {back:.4g} a loop later; slope {slope:.4g}, then {then:.4g}"
            for wave in found.waves:
                yield (
                    f"  {wave.piece.text} repeats every {wave.period:.5g} frames, {wave.rounds:.4g} times a loop; "
                    f"the nearest that closes is {wave.nearest:.5g}"
                )
        away = ", ".join(f"{name} {total:.4g}" for name, total in self.camera.items() if self._is_away(name))
        if away and not self.closes_camera:
            yield f"camera: one loop leads to {away}; loop.close_camera takes that out"

    def _is_away(self, name: str) -> bool:
        total = self.camera[name]
        if name in WINDING:
            total -= 360 * round(total / 360)
        return abs(total - (name == "zoom")) > STILL


def lint(project: Project, names: Mapping[str, Values]) -> Lint:
    """What is to know of a project as a loop of `project.frames` frames.

    Args:
        project: whose schedules are in order.
        names: what its sound gives to formulas.
    """
    scope = Scope(project.frames, max(project.seed, 0), names)
    found = {field: ends(text, scope) for field, text in _schedules(project)}
    columns = Timeline(replace(project, loop=None), names).camera.columns()
    camera = {name: float(columns[name].sum()) for name in (*SHIFTING, *WINDING)}
    camera["zoom"] = float(np.prod(columns["zoom"]))
    return Lint(found, camera, bool(project.loop and project.loop.close_camera))


def with_periods_snapped(project: Project, names: Mapping[str, Values]) -> Project:
    """The project with every period in its schedules changed to the nearest that closes."""
    scope = Scope(project.frames, max(project.seed, 0), names)
    for field, text in _schedules(project):
        section, _, name = field.partition(".")
        if section == "seeds":
            project = replace(project, seeds=replace(project.seeds, schedule=snapped(text, scope)))
        else:
            changed: Any = {section: {**getattr(project, section), name: snapped(text, scope)}}
            project = replace(project, **changed)
    return project


def _schedules(project: Project) -> Iterator[tuple[str, str]]:
    """Every number over time that is written as text."""
    for section in SECTIONS:
        for name, given in getattr(project, section).items():
            if isinstance(given, str):
                yield f"{section}.{name}", given
    if project.seeds.behavior == "schedule":
        yield "seeds.schedule", project.seeds.schedule

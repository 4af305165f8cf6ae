"""Loops made by each closing method from clips that do not loop: how well they close.

python -m benchmarks.loops [CONTACT_SHEET.png]
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from animator.closers import Closer, strides
from animator.report import Report, measured
from core.devices import ModelPool
from core.image import Image, Size
from interpolation.loops import Part
from interpolation.search import found
from media.stills import write_png
from training.painter.briefs import Brief
from training.painter.compose import scene
from training.painter.theatre import Shot, view

SIZE, FPS, FRAMES = Size(192, 192), Fraction(24), 72
SEAM, TURN, HELD = 1.25, 1.5, 0.5  # budgets of the seam ratio, the velocity seam and the smallest step
SHOWN = 8  # frames of each loop on the contact sheet


@dataclass(frozen=True)
class Held:
    """A clip in memory."""

    images: list[Image]

    @property
    def count(self) -> int:
        """How many frames."""
        return len(self.images)

    def frames(self, start: int, stop: int) -> Iterator[Image]:
        """Frames start .. stop - 1."""
        return iter(self.images[start:stop])


def drifting(subject: str, layout: int) -> Held:
    """A painted scene that drifts under a camera that moves on: it never comes back."""
    painted = scene(Brief(subject, layout))
    times = [n / float(FPS) for n in range(FRAMES)]
    return Held([view(painted, SIZE, Shot(0.02 * t, 0.0, 0.01 * t, 1 + t)).image for t in times])


def swaying(subject: str, layout: int) -> Held:
    """A painted scene that stands still under a camera that goes round every 44.6 frames."""
    painted = scene(Brief(subject, layout))
    turns = [2 * np.pi * n / 44.6 for n in range(FRAMES)]
    return Held([view(painted, SIZE, Shot(0.05 * np.sin(a), 0.05 * np.cos(a), 0.0, 1.0)).image for a in turns])


CLOSER = Closer.named("auto", {}, FPS, ModelPool(), is_free=True)


def searched(part: Part) -> Iterator[Image]:
    """The stretch that meets itself best."""
    loop = found(part.frames(0, part.count), 24, 60)
    return CLOSER.cut(part, loop, strides(part), None).images


METHODS: dict[str, Callable[[Part], Iterator[Image]]] = {
    "as it is": lambda part: part.frames(0, part.count),
    "fade": lambda part: CLOSER.fade(part, strides(part), None, moves=False).images,
    "flow-fade": lambda part: CLOSER.fade(part, strides(part), None, moves=True).images,
    "gap": lambda part: CLOSER.gap(part, strides(part), None).images,
    "pingpong": lambda part: CLOSER.pingpong(part, strides(part), None).images,
    "find": searched,
}


def row(name: str, report: Report, own: float) -> str:
    """One line of the table; `own` is the smallest step of the clip itself, which closing it does not change."""
    values = [report.score(key).value for key in ("seam ratio", "velocity seam", "smallest step", "largest step")]
    seam, turn, held, jump = (float("nan") if value is None else value for value in values)
    good = seam <= SEAM and turn <= TURN and held >= min(HELD, own)
    marks = f"{seam:10.2f} {turn:14.2f} {held:14.2f} {jump:13.2f}"
    return f"{name:26} {report.series.frames:6} {marks}   {'ok' if good else 'over budget'}"


if __name__ == "__main__":
    print(f"{'':26} frames seam ratio  velocity seam  smallest step  largest step")
    strips = []
    clips = {"drifting ocean": drifting("ocean", 1), "drifting clouds": drifting("clouds", 2)}
    clips["swaying forest"] = swaying("forest", 0)
    for subject, source in clips.items():
        own = measured(source.images, FPS).score("smallest step").value or 0.0
        for method, close in METHODS.items():
            images = list(close(Part(source, 0, source.count)))
            print(row(f"{subject} {method}", measured(images, FPS), own), flush=True)
            ring = [images[n % len(images)] for n in range(-SHOWN // 2, SHOWN // 2)]
            strips.append(np.concatenate(ring, axis=1))
    if len(sys.argv) > 1:
        write_png(Path(sys.argv[1]), np.ascontiguousarray(np.concatenate(strips)[::2, ::2]), {})

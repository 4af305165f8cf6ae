"""Report: the figures of a clip, as every render writes them and `metrics` prints them."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from core.devices import ModelPool
from core.image import Image
from interpolation import perceptual
from interpolation.likeness import Likeness, looks, motion_distance
from interpolation.meter import Meter, Series, Sight
from interpolation.seam import Score, Verdict, scores, verdict
from media.atomic import replacing
from motion.fields import agreement, warped
from motion.flow import dis, farneback

MEASURED = ("steps", "speeds", "turns", "lab", "saturation", "warp_errors", "flicker")  # series that a report holds
DIGITS = 6  # significant ones, in files
See = Callable[[Image, Image | None], None]  # takes a frame, and that of the clip it is drawn over
SIGHT = Sight(dis.build(dis.Options("fast"), ModelPool()).flow, warped, agreement)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All figures of one clip."""

    fps: Fraction
    series: Series
    scores: tuple[Score, ...]

    @property
    def loops(self) -> Verdict:
        """Whether the clip's end meets its beginning."""
        return verdict(self.scores)

    def score(self, name: str) -> Score:
        """One figure by its name."""
        return next(score for score in self.scores if score.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain data: the figures by name, then the series they come from."""
        figures = {
            score.name: {"value": _short(score.value), "unit": score.unit, "meaning": score.meaning}
            | ({"verdict": score.verdict} if score.verdict else {})
            for score in self.scores
        }
        series = {name: _short(getattr(self.series, name).tolist()) for name in MEASURED}
        facts = {"frames": self.series.frames, "fps": str(self.fps), "measured_at": list(self.series.size)}
        return {**facts, "loops": self.loops, "figures": figures, "series": series}


def meter(fps: Fraction) -> Meter:
    """A meter that sees motion by dense inverse search."""
    return Meter(SIGHT, fps)


def report_of(meter: Meter, fps: Fraction) -> Report:
    """The figures of all frames that a meter has seen.

    Raises:
        MediaError: for fewer than two frames.
    """
    series = meter.series()
    return Report(fps, series, scores(series))


def measured(images: Iterable[Image], fps: Fraction) -> Report:
    """The figures of a clip.

    Raises:
        MediaError: for fewer than two frames.
    """
    eye = meter(fps)
    for image in images:
        eye.see(image)
    return report_of(eye, fps)


def motion_score(clip: Iterator[Image], reference: Iterator[Image]) -> Score:
    """How far a clip's motion is from that of a reference of the same length and size.

    Raises:
        MediaError: if the two do not fit together.
    """
    distance = motion_distance(clip, reference, farneback.build(farneback.Options(), ModelPool()).flow)
    return Score("tOF", distance, "pixels", "distance of its motion from the reference's")


def look_scores(clip: Iterator[Image], reference: Iterator[Image]) -> tuple[Score, ...]:
    """LPIPS to the reference and tLP100; without weights, that they are not computed.

    Raises:
        MediaError: if the two do not fit together, or are too small.
        WeightsError: if the weights are of something else.
    """
    files = perceptual.found()
    names = ("LPIPS", "how different it looks from the reference"), ("tLP100", "how differently it changes, times 100")
    if not files:
        return tuple(Score(name, None, "", f"not computed: {perceptual.NO_WEIGHTS}") for name, _ in names)
    apart, changes = looks(clip, reference, perceptual.Lpips(files, ModelPool()).distance)
    return tuple(
        Score(name, value, "", meaning) for (name, meaning), value in zip(names, (apart, 100 * changes), strict=True)
    )


@contextmanager
def reported(path: Path, fps: Fraction) -> Iterator[See]:
    """Takes frames, each with that of the clip it is drawn over if there is one; writes their report as JSON.

    It is written when the block ends well; nothing is written of a single frame.
    """
    eye, likeness = meter(fps), Likeness()

    def see(image: Image, guide: Image | None) -> None:
        eye.see(image, guide)
        if guide is not None:
            likeness.see(image, guide)

    yield see
    if eye.count > 1:
        report = report_of(eye, fps)
        report = replace(report, scores=(*report.scores, *likeness.scores()))
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")


def _short(value: Any) -> Any:
    """Numbers with a few digits, in lists or alone."""
    if isinstance(value, list):
        return [_short(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value

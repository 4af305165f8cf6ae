"""Scores: what a clip's measured series say about its seam, its drift and its steadiness, and whether it loops."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from interpolation.meter import Series, Values

Verdict = Literal["pass", "warn", "fail"]

FROZEN = 0.25  # levels²; a clip whose median step is below half a level does not move
STILL = 0.05  # pixels; changes of motion below this are the flow's own noise
SEAM_PASS, SEAM_WARN = 1.25, 1.75  # times the median step
TURN_PASS, TURN_WARN = 1.5, 2.5  # times the median change of motion
LEAST_SPREAD = 0.01  # of the median; evener steps count as this uneven
BESIDE = (-4, -3, -2, 0, 1, 2)  # the steps around the seam, which is step -1
REPEATED, HELD = 0.2, 0.5  # times the median step: a frame shown twice; one that nearly stands
JUMP = 4.0  # times the median step, in mean squares: twice the usual difference
DRIFT_PASS, DRIFT_WARN = 1.0, 2.3  # CIELAB distance; 2.3 is just noticeable
DYNAMIC = 6 / 256  # of the shorter side; VBench's threshold for the fastest pixels


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of a clip."""

    name: str
    value: float | None  # None where a frozen clip makes it meaningless
    unit: str
    meaning: str  # for people, with where it was found
    verdict: Verdict | None = None  # of a figure that decides whether a clip loops


def scores(series: Series) -> tuple[Score, ...]:
    """All figures, to be read together: blur or freezing makes some look good, but never all.

    Source: seam ratio and velocity seam as in docs/guide/loops.md; warp error: Lai et al., Learning Blind Video
    Temporal Consistency, 2018; dynamic degree and its threshold: VBench, 2024.
    """
    return (*_seam(series), *_steadiness(series))


def verdict(found: tuple[Score, ...]) -> Verdict:
    """Whether the clip loops: the worst of what decides it."""
    given = {score.verdict for score in found}
    return "fail" if "fail" in given else "warn" if "warn" in given else "pass"


def _seam(series: Series) -> tuple[Score, ...]:
    steps = series.steps[:-1]
    usual = float(np.median(steps))
    drift = _drift_seam(series)
    if usual < FROZEN:
        what = "the clip does not move, so that nothing can be said of its seam"
        return (
            Score("motion", usual, "levels²", what, "fail"),
            *(Score(name, None, "", what) for name in ("seam ratio", "velocity seam", "smallest step", "largest step")),
            drift,
        )
    ratio = float(series.steps[-1]) / usual
    spread = 1.4826 * float(np.median(np.abs(steps - usual)))
    beside = ratio * usual / max(float(np.median(np.take(series.steps, BESIDE, mode="wrap"))), FROZEN)
    seam: Verdict = "fail" if ratio > SEAM_WARN else "warn" if ratio > SEAM_PASS or ratio < REPEATED else "pass"
    if seam == "fail" and beside <= SEAM_PASS:
        seam = "warn"  # a lively stretch of an uneven clip: nothing sticks out where the seam is
    told = "the last frame is the first one again" if ratio < REPEATED else "last frame to first, over the median step"
    z = (float(series.steps[-1]) - usual) / max(spread, LEAST_SPREAD * usual)
    turn = float(series.turns[-1]) / max(float(np.median(series.turns[:-1])), STILL)
    low, high = int(np.argmin(series.steps)), int(np.argmax(series.steps))
    slowest, fastest = (float(series.steps[n]) / usual for n in (low, high))
    return (
        Score("motion", usual, "levels²", "median step between frames", "pass"),
        Score("seam ratio", ratio, "", told, seam),
        Score("seam z", z, "", "the same in robust standard deviations"),
        Score("velocity seam", turn, "", "change of motion at the seam, over the median change", _graded_turn(turn)),
        Score("smallest step", slowest, "", f"frame {low}, over the median", "warn" if slowest < HELD else "pass"),
        Score("largest step", fastest, "", f"frame {high}, over the median", "warn" if fastest > JUMP else "pass"),
        drift,
    )


def _graded_turn(turn: float) -> Verdict:
    return "pass" if turn <= TURN_PASS else "warn" if turn <= TURN_WARN else "fail"


def _drift_seam(series: Series) -> Score:
    """How much more the mean colour jumps at the seam than it moves in its busier steps."""
    moves = np.linalg.norm(np.diff(series.lab, axis=0), axis=1)
    jump = float(np.linalg.norm(series.lab[0] - series.lab[-1]))
    excess = max(0.0, jump - float(np.quantile(moves, 0.9)))
    graded: Verdict = "pass" if excess <= DRIFT_PASS else "warn" if excess <= DRIFT_WARN else "fail"
    return Score("colour seam", excess, "ΔE", "jump of the mean colour at the seam beyond its usual steps", graded)


def _steadiness(series: Series) -> tuple[Score, ...]:
    light, red, yellow = (_slope(series.lab[:, channel]) for channel in range(3))
    chroma = float(np.hypot(red, yellow))
    moving = float((series.swings > DYNAMIC * min(series.size)).mean())
    flicker = float(series.flicker.mean()) if series.flicker.size else None
    return (
        Score("drift of lightness", light, "L*/100 frames", "slope of the mean lightness"),
        Score("drift of colour", chroma, "ab/100 frames", "slope of the mean colour"),
        Score("drift of saturation", _slope(series.saturation), "/100 frames", "slope of the mean saturation, 0..1"),
        Score("warp error", float(series.warp_errors.mean()) * 1000, "x 1000", "what motion does not explain"),
        Score("flicker", flicker, "levels", "what is new in each frame, once both neighbours are moved onto it"),
        Score("speed", float(series.speeds[:-1].mean()), "pixels", f"mean motion a frame, at {series.size}"),
        Score("dynamic degree", moving, "", "share of looks, 8 a second, that see fast motion"),
    )


def _slope(values: Values) -> float:
    """Of the straight line through the values, per 100 frames."""
    return float(np.polyfit(np.arange(values.size), values, 1)[0]) * 100

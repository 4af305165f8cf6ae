"""Windows: which frames of a clip the motion module sees together at each step, and how much each counts there.

Every scheme covers every frame in every step, which is asserted. Imports no torch.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Window = tuple[int, ...]  # frames, in the order of the module's positions; a closed clip wraps round
Scheme = Literal["even", "N", "R-P", "R+P", "A"]
Weighting = Literal["pyramid", "flat", "linear"]


@dataclass(frozen=True, slots=True)
class WindowRules:
    """How a clip is cut into windows."""

    frames: Annotated[int, Field(ge=0, le=256)] = 0  # that the module sees at once; 0: as many as it was trained for
    overlap: Annotated[int, Field(ge=-1, le=255)] = -1  # frames that neighbours share; -1: a quarter, in loops half
    stride: Annotated[int, Field(ge=1, le=16)] = 1  # levels of N, R-P, R+P and A; each doubles the step in a window
    scheme: Scheme = "even"  # even: evenly spread, another start each step; N, R-P, R+P, A: as in the web UI
    weights: Weighting = "pyramid"  # of a window's frames where windows overlap: most in the middle, equal, ramps

    @property
    def shared(self) -> int:
        """Frames that neighbours share."""
        return self.frames // 4 if self.overlap < 0 else self.overlap


def windows(step: int, length: int, rules: WindowRules, *, closed: bool) -> tuple[Window, ...]:
    """The windows of one sampling step.

    Args:
        step: from 0; starts move from step to step, so that borders do not stay in one place.
        length: frames of the clip, 1 or more; an open clip is not shorter than a window.
        rules: with their frames known.
        closed: whether the frame after the last one is the first. R-P and A wrap round by themselves.
    """
    assert length > 0 and rules.frames > 0 and 0 <= rules.shared < rules.frames, (length, rules)
    if rules.scheme == "even":
        found = _ring(step, length, rules) if closed else _line(step, length, rules)
    else:
        found = _uniform(step, length, rules, closed=closed)
    covered = set().union(*found)
    assert covered == set(range(length)), f"step {step}: {sorted(set(range(length)) - covered)} in no window"
    return found


def weights(rules: WindowRules) -> tuple[float, ...]:
    """How much each place of a window counts; what windows say of a frame is divided by the sum of the weights."""
    count, shared = rules.frames, max(rules.shared, 1)
    match rules.weights:
        case "flat":
            return (1.0,) * count
        case "pyramid":
            return tuple(float(min(place + 1, count - place)) for place in range(count))
        case "linear":
            return tuple(min(place + 1, count - place, shared) / shared for place in range(count))


def halving(step: int) -> float:
    """The numbers 0, 1/2, 1/4, 3/4, 1/8, ... that fill 0..1 evenly.

    Source: van der Corput's radical inverse in base 2.
    """
    value, part = 0.0, 0.5
    while step:
        value += part * (step & 1)
        step, part = step >> 1, part / 2
    return value


def calls(length: int, rules: WindowRules, steps: int, *, closed: bool) -> float:
    """Windows of one step, in the mean over a run."""
    return sum(len(windows(step, length, rules, closed=closed)) for step in range(steps)) / steps


def _ring(step: int, length: int, rules: WindowRules) -> tuple[Window, ...]:
    """As few windows as cover the ring, evenly spread, and two for a clip as long as one: where one ends the other has
    its middle. A shorter clip goes round within one.
    """
    count = 1 if length < rules.frames else max(2, math.ceil(length / (rules.frames - rules.shared)))
    start = halving(step) * length / count  # up to the next window's, so that no two steps meet in one place too soon
    starts = (int(start + number * length / count) for number in range(count))
    return tuple(_wrapped(start, length, rules.frames) for start in starts)


def _line(step: int, length: int, rules: WindowRules) -> tuple[Window, ...]:
    """Windows one advance apart, the first and the last moved inside."""
    advance, last = rules.frames - rules.shared, length - rules.frames
    start = int(halving(step) * advance) - advance
    starts: list[int] = []
    while not starts or starts[-1] < last:
        inside = min(max(start, 0), last)
        starts += [inside] if inside not in starts else []
        start += advance
    return tuple(_wrapped(start, length, rules.frames) for start in starts)


def _uniform(step: int, length: int, rules: WindowRules, *, closed: bool) -> tuple[Window, ...]:
    """The web UI's windows; where its scheme N leaves frames out, windows that begin with them are added."""
    if length <= rules.frames:
        return _ring(step if closed else 0, length, rules)
    levels = min(rules.stride, math.ceil(math.log2(length / rules.frames)) + 1)
    found: list[Window] = []
    for level in range(levels):
        found += _level(step, length, rules, 2**level)
    missing = sorted(set(range(length)) - set().union(*found))
    while missing:
        found.append(_wrapped(min(missing[0], length - rules.frames), length, rules.frames))
        missing = [frame for frame in missing if frame not in found[-1]]
    return tuple(found)


def _level(step: int, length: int, rules: WindowRules, dilation: int) -> Iterator[Window]:
    """The windows of one dilation; scheme N puts the clip's two ends in the place of those that wrap round."""
    moved = round(length * halving(step))
    start = int(halving(step) * dilation) + moved
    end = length + moved - (0 if rules.scheme == "A" else rules.shared)
    wrapped_before = False
    while start < end:
        before_seam = length - start % length  # frames of the window up to the clip's end
        wraps = rules.scheme == "N" and dilation == 1 and before_seam < rules.frames
        if not wraps:
            yield _wrapped(start, length, rules.frames, dilation)
        else:
            if not wrapped_before:
                yield tuple(range(length - rules.frames, length))
            if wrapped_before or rules.frames - before_seam > rules.shared:
                yield tuple(range(rules.frames))
        wrapped_before = wraps
        start += rules.frames * dilation - rules.shared


def _wrapped(start: int, length: int, count: int, dilation: int = 1) -> Window:
    return tuple((start + place * dilation) % length for place in range(count))


def told(length: int, rules: WindowRules, *, closed: bool, shown: Callable[[Window], str] | None = None) -> list[str]:
    """The windows of the first step, for people."""
    show = shown or _span
    return [show(window) for window in windows(0, length, rules, closed=closed)]


def _span(window: Sequence[int]) -> str:
    """`0-15`; `40-47, 0-7` where it wraps round; with the step between frames where that is not 1."""
    runs: list[list[int]] = [[window[0]]]
    step = window[1] - window[0] if len(window) > 1 else 1
    for frame in window[1:]:
        if frame < runs[-1][-1]:
            runs.append([])
        runs[-1].append(frame)
    spans = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return spans if step in (1, 1 - len(window)) or step <= 0 else f"{spans} by {step}"

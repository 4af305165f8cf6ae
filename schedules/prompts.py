"""Prompts: a table of keyframed prompts to the words of every frame.

`{"0": "a cat --neg blurry", "max_f/2": "a dog, (running:`t/100`)"}`: keys are frames or expressions of `max_f` and
`s`; what stands after `--neg` is to be avoided; formulas in back-quotes become numbers.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from core.errors import Fault, ProjectError, ScheduleError
from schedules.expression import WHOLE_RANGE, Budget, Expression, Frames, Scope, Values
from schedules.schedule import computed_frame
from schedules.syntax import Piece, piece_of, unwrapped
from schedules.translation import Kind

PromptMix = tuple[tuple[str, float], ...]  # (text, weight) pairs; weights sum to 1
Travel = Literal["hold", "blend"]  # each prompt stays until the next; each turns into the next

NEGATIVE = "--neg"
LENGTH = 20_000  # characters of one prompt
FORMULAS = 100  # in one prompt

_FORMULA = re.compile("`([^`]*)`")


class Words(NamedTuple):
    """What one frame is to show."""

    prompt: PromptMix
    negative: str  # what it is not to show; may be empty


@dataclass(frozen=True, slots=True)
class Prompts:
    """Words over time."""

    frames: int
    travel: Travel
    starts: tuple[int, ...]  # ascending
    texts: tuple["_Text", ...]  # one for each start
    closed: bool = False  # whether the frame after the last one is the first

    @classmethod
    def parse(
        cls,
        table: Mapping[str, str],
        frames: int,
        seed: int = 0,
        *,
        travel: Travel = "hold",
        field: str = "prompts",
        names: Mapping[str, Values] | None = None,
        closed: bool = False,
    ) -> "Prompts":
        """Reads a prompt table; see `merged` for words that belong to every prompt.

        The first prompt holds backward, the last one forward; in a closed one the first follows the last.

        Args:
            table: prompts by key; of several at one frame the last counts.
            frames: length of the clip, at least 1; `max_f` is `frames - 1`.
            seed: what `s` stands for.
            travel: "hold", or "blend" for mixes that go over from each prompt to the next; the negative holds.
            field: dotted path of the table, for faults.
            names: further series for formulas, float64[frames] each.
            closed: whether the clip is a loop.

        Raises:
            ProjectError: with all faults; its `source` is the field.
        """
        scope = Scope(frames, seed, names or {})
        faults = [] if table else [Fault(field, "there is no prompt", 'Write at least {"0": "a prompt"}')]
        found: dict[int, tuple[str, _Template]] = {}
        budget = Budget()
        for key, text in table.items():
            try:
                frame = computed_frame(unwrapped(piece_of(key)), scope, budget)
                found[frame] = key, _Template.parse(text, scope, budget)
            except ScheduleError as error:
                faults.append(Fault(f"{field}.{key[:40]}", error.what, error.way_out))
        starts = sorted(found)
        texts: list[_Text] = []
        lives = [np.arange(frames)] * len(starts) if closed else _live(starts, frames, travel)
        for start, live in zip(starts, lives, strict=False):
            key, template = found[start]
            try:
                texts.append(template.over(live, scope))
            except ScheduleError as error:
                faults.append(Fault(f"{field}.{key[:40]}", error.what, error.way_out))
        if faults:
            raise ProjectError(field, faults)
        return cls(frames, travel, tuple(starts), tuple(texts), closed)

    def at(self, frame: int) -> Words:
        """The words of a frame from 0 to frames - 1."""
        assert 0 <= frame < self.frames, frame
        place = bisect_right(self.starts, frame) - 1
        start, following = self._around(place, frame)
        prompt, negative = _divided(self.texts[max(place, -1 if self.closed else 0)].at(frame))
        if self.travel == "hold" or following is None or frame <= start:
            return Words(((prompt, 1.0),), negative)
        other, _ = _divided(self.texts[(place + 1) % len(self.texts)].at(frame))
        share = (frame - start) / (following - start)
        return Words(((prompt, 1 - share), (other, share)) if other != prompt else ((prompt, 1.0),), negative)

    def avoided(self, frame: int) -> PromptMix:
        """What a frame is not to show: as in `at`, but where prompts blend the negative ones do, too."""
        words = self.at(frame)
        place = bisect_right(self.starts, frame) - 1
        start, following = self._around(place, frame)
        if self.travel == "hold" or following is None or frame <= start:
            return ((words.negative, 1.0),)
        _, other = _divided(self.texts[(place + 1) % len(self.texts)].at(frame))
        share = (frame - start) / (following - start)
        own = words.negative
        return ((own, 1 - share), (other, share)) if other != own else ((own, 1.0),)

    def _around(self, place: int, frame: int) -> tuple[int, int | None]:
        """The keys before and after a frame; of a loop that may be one of the round before or after this one."""
        start = self.starts[max(place, 0)]
        if place + 1 < len(self.starts) and (place >= 0 or not self.closed):
            return start, self.starts[place + 1]
        if not self.closed:
            return start, None
        before, first = self.starts[-1], self.starts[0]
        return (before, first + self.frames) if place >= 0 else (before - self.frames, first)


def merged(table: Mapping[str, str], positive: str, negative: str) -> dict[str, str]:
    """A prompt table with words put before every prompt and after every negative.

    A `--neg` inside `negative` does not count. Blanks come out as Deforum sets them.
    """
    avoided = negative.replace(NEGATIVE, "")
    return {
        key: f"{positive} {prompt} {'' if NEGATIVE in prompt else NEGATIVE} {avoided}" for key, prompt in table.items()
    }


class _Text(NamedTuple):
    """One prompt over the frames where it counts."""

    literals: tuple[str, ...]  # one more than numbers
    numbers: tuple[Values, ...]
    kinds: tuple[Kind, ...]
    first: int  # the frame of the first number

    def at(self, frame: int) -> str:
        """The prompt with its formulas as numbers."""
        spelled = [
            _spelled(values[frame - self.first], kind) for values, kind in zip(self.numbers, self.kinds, strict=True)
        ]
        return "".join(part for pair in zip(self.literals, [*spelled, ""], strict=True) for part in pair)


class _Template(NamedTuple):
    """One prompt as written."""

    literals: tuple[str, ...]  # one more than formulas
    formulas: tuple[Expression, ...]

    @classmethod
    def parse(cls, text: str, scope: Scope, budget: Budget) -> "_Template":
        """Finds the formulas in back-quotes."""
        if len(text) > LENGTH:
            raise ScheduleError(
                f"{len(text)} characters are too long for a prompt", way_out=f"At most {LENGTH} will do"
            )
        places = [found.span(1) for found in _FORMULA.finditer(text)]
        if len(places) > FORMULAS:
            raise ScheduleError(
                f"{len(places)} formulas are too many", way_out=f"At most {FORMULAS} in a prompt will do"
            )
        return cls(
            tuple(_FORMULA.split(text)[::2]),
            tuple(budget.spend(Expression.parse(Piece(text, start, stop), scope.names)) for start, stop in places),
        )

    def over(self, frames: Frames, scope: Scope) -> _Text:
        """Its formulas run over the frames where it counts."""
        numbers = tuple(formula.over(frames, scope) for formula in self.formulas)
        return _Text(self.literals, numbers, tuple(formula.kind for formula in self.formulas), int(frames[:1].sum()))


def _live(starts: list[int], frames: int, travel: Travel) -> list[Frames]:
    """The frames where each key's text counts; while blending also those on the way to it."""
    stops = [*starts[1:], frames]
    first = [0, *(starts[:-1] if travel == "blend" else starts[1:])]
    return [np.arange(max(start, 0), min(stop, frames)) for start, stop in zip(first, stops, strict=False)]


def _divided(text: str) -> tuple[str, str]:
    """What to show and what not to show."""
    shown, *avoided = text.split(NEGATIVE)
    return shown.strip(), "".join(avoided).strip()


def _spelled(value: np.float64, kind: Kind) -> str:
    """A number as Python writes it."""
    number = float(value)
    if kind == "truth":
        return str(bool(number))
    return str(int(number)) if kind == "whole" and number.is_integer() and abs(number) <= WHOLE_RANGE else repr(number)

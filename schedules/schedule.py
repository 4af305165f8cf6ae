"""Schedule and Steps: a number over time, and text over time."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from core.errors import ScheduleError, suggestion
from core.seeds import SEED_RANGE
from schedules.easing import EASINGS, Easing, hold, linear
from schedules.expression import KEY_NAMES, WHOLE_RANGE, Budget, Expression, Frames, Scope, Values
from schedules.syntax import Piece, entries, plain_number, unwrapped, with_easing


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A number over time."""

    text: str  # as the user wrote it
    numbers: Values  # float64[frames], read-only, finite

    @classmethod
    def parse(
        cls,
        text: str,
        frames: int,
        seed: int = 0,
        *,
        field: str = "schedule",
        names: Mapping[str, Values] | None = None,
    ) -> "Schedule":
        """Reads and evaluates `0:(1.0), 30:(sin(t/10)) ease_in, "max_f-1":(2)`.

        A plain number ramps to the next key, an expression runs until the next key and jumps; an easing named
        after a value makes either go over to the next key along that curve. The first key's value holds backward,
        the last one runs on. Keys at or after `frames` are never reached. See docs/guide/schedules.md.

        Args:
            text: the keyframes.
            frames: length of the clip, at least 1; `max_f` in the text is `frames - 1`.
            seed: what `s` stands for.
            field: dotted path of the setting, for faults.
            names: further series for expressions, float64[frames] each.

        Raises:
            ScheduleError: if it is no schedule, or a value is not finite.
        """
        with _located(field):
            scope = Scope(frames, seed, names or {})
            return cls(text, _frozen(_sampled(_keys(text, scope), scope)))

    @classmethod
    def constant(cls, value: float, frames: int) -> "Schedule":
        """One finite number on every frame."""
        assert np.isfinite(value), value
        return cls(f"0:({value!r})", np.broadcast_to(np.float64(value), (frames,)))

    def values(self) -> Values:
        """All values, float64[frames], read-only."""
        return self.numbers

    def at(self, frame: int) -> float:
        """The value at a frame from 0 to frames - 1."""
        assert frame >= 0, frame
        return float(self.numbers[frame])


@dataclass(frozen=True, slots=True)
class Steps:
    """Text over time; each holds until the next key."""

    text: str  # as the user wrote it
    words: tuple[str, ...]  # one a frame

    @classmethod
    def parse(cls, text: str, frames: int, seed: int = 0, *, field: str = "schedule") -> "Steps":
        """Reads `0:("Euler a"), 30:("DDIM")`; a text without a colon holds for the whole clip.

        The brackets and quotes around a whole value are taken off, those inside stay: `0:((a)&[b.png])` gives
        `(a)&[b.png]`. The first key's text holds backward.

        Args:
            text: the keyframes.
            frames: length of the clip, at least 1.
            seed: what `s` stands for in positions.
            field: dotted path of the setting, for faults.

        Raises:
            ScheduleError: if it is no schedule.
        """
        if ":" not in text and text.strip():
            return cls(text, (text.strip(),) * frames)
        with _located(field):
            scope = Scope(frames, seed)
            budget = Budget()
            keys = {key_frame(entry.position, scope, budget): unwrapped(entry.value).text for entry in entries(text)}
            starts = sorted(keys)
            words = (keys[starts[max(0, bisect_right(starts, frame) - 1)]] for frame in range(frames))
            return cls(text, tuple(words))

    def values(self) -> tuple[str, ...]:
        """The text of every frame."""
        return self.words

    def at(self, frame: int) -> str:
        """The text at a frame from 0 to frames - 1."""
        assert frame >= 0, frame
        return self.words[frame]


def key_frame(position: Piece, scope: Scope, budget: Budget) -> int:
    """The frame of a key, in or out of the clip: a whole number, or what an expression gives.

    Raises:
        ScheduleError: for a fraction written as such, or what is no expression.
    """
    number = plain_number(position.text)
    if number is None:
        return computed_frame(unwrapped(position), scope, budget)
    if not number.is_integer() or abs(number) > WHOLE_RANGE:
        raise position.fault(f"a key cannot lie at frame {position.text[:40]}", way_out="Write a whole frame number")
    return int(number)


def computed_frame(formula: Piece, scope: Scope, budget: Budget) -> int:
    """The frame that an expression of `max_f` and `s` gives, truncated toward zero.

    Raises:
        ScheduleError: for what is no expression or not finite.
    """
    expression = budget.spend(Expression.parse(formula, KEY_NAMES))
    return int(expression.over(np.zeros(1, np.int64), scope)[0])


def continued(text: str, scope: Scope, further: int) -> Values:
    """A schedule's values over the clip and some frames further, float64[frames + further].

    What holds at the end of the clip runs on: keys behind the end are as far away as ever.

    Raises:
        ScheduleError: if it is no schedule, or a value is not finite.
    """
    return _sampled(_keys(text, scope), scope, scope.frames + further)


def seed_keys(text: str, frames: int, *, field: str = "seeds") -> dict[int, int]:
    """The keys of a schedule with their values as seeds, ascending.

    Raises:
        ScheduleError: for a text that is no schedule, keys beyond the clip, or values that are no seeds.
    """
    scope = Scope(frames, 0, {})
    with _located(field):
        found = {frame: float(key.over(np.array([frame]), scope)[0]) for frame, key in _keys(text, scope).items()}
        for frame, value in found.items():
            if not 0 <= frame < frames:
                raise ScheduleError(f"frame {frame} is beyond the clip", way_out=f"It has the frames 0 to {frames - 1}")
            if not 0 <= value < SEED_RANGE:
                raise ScheduleError(f"{value:g} is no seed", way_out=f"Seeds are 0 to {SEED_RANGE - 1}")
    return {frame: int(value) for frame, value in found.items()}


class _Key(NamedTuple):
    """What a schedule does from one key to the next."""

    value: float | Expression
    easing: Easing

    def over(self, frames: Frames, scope: Scope) -> Values:
        """Its value at some frames, whatever key comes after."""
        if isinstance(self.value, Expression):
            return self.value.over(frames, scope)
        return np.full(frames.shape, self.value)


def _keys(text: str, scope: Scope) -> dict[int, _Key]:
    """The keys by frame, ascending; of several at one frame the last."""
    found: dict[int, _Key] = {}
    budget = Budget()
    for entry in entries(text):
        frame = key_frame(entry.position, scope, budget)
        value, easing = with_easing(entry.value)
        number = plain_number(value.text)
        if number is None:
            found[frame] = _Key(budget.spend(_expression(value, scope)), _easing(easing, hold))
        elif np.isfinite(number):
            found[frame] = _Key(number, _easing(easing, linear))
        else:
            raise value.fault("this number is too large", way_out="Numbers end at about 1.8e308")
    return dict(sorted(found.items()))


def _expression(value: Piece, scope: Scope) -> Expression:
    inner = unwrapped(value)
    if not inner.text.strip():
        raise value.fault("a value is missing", way_out="Write position:(value), as in 0:(1), 30:(2)")
    return Expression.parse(inner, scope.names)


def _easing(name: Piece | None, default: Easing) -> Easing:
    if name is None:
        return default
    if name.text not in EASINGS:
        raise name.fault(f"no easing named {name.text!r}", way_out=suggestion(name.text, tuple(EASINGS)))
    return EASINGS[name.text]


def _sampled(keys: Mapping[int, _Key], scope: Scope, end: int | None = None) -> Values:
    """The value at every frame of the clip, or up to `end`, from keys in ascending order."""
    end = scope.frames if end is None else end
    starts = [frame for frame in keys if frame < scope.frames] or [min(keys)]
    ramps = [key.value for key in keys.values() if key.easing is linear and isinstance(key.value, float)]
    if len(ramps) == len(keys):
        return np.interp(np.arange(end), starts, ramps[: len(starts)])
    values = np.empty(end)
    if starts[0] > 0:
        values[: starts[0]] = keys[starts[0]].over(np.array([starts[0]]), scope)
    for start, stop in pairwise([*starts, end]):
        frames = np.arange(max(start, 0), stop)
        key = keys[start]
        values[frames] = key.over(frames, scope)
        if stop in keys and stop < scope.frames and key.easing is not hold:
            target = keys[stop].over(np.array([stop]), scope)
            values[frames] += (target - values[frames]) * key.easing((frames - start) / (stop - start))
    return values


@contextmanager
def _located(field: str) -> Iterator[None]:
    """Adds the setting's path to what goes wrong inside."""
    try:
        yield
    except ScheduleError as error:
        error.where = field
        raise


def _frozen(values: Values) -> Values:
    values.flags.writeable = False
    return values

"""Periods: what repeats in a schedule, whether it has come round when a loop ends, and schedules in which it has."""

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from schedules.expression import Expression, Scope, Values
from schedules.rewrite import canonical
from schedules.schedule import continued
from schedules.syntax import Piece, entries, plain_number, unwrapped, with_easing

WAVES = {"sin": 2 * math.pi, "cos": 2 * math.pi, "tan": math.pi}
EVEN = 1e-6  # rounds; nearer to a whole number than this has come round
LOOKS = 12  # frames at which an argument is tried for a straight line
FINEST = 10**9  # parts of a frame to which the size of a remainder is written
CLOSE = 1e-6  # of the range of a schedule; ends that differ by less meet


@dataclass(frozen=True, slots=True)
class Wave:
    """A part of an expression that repeats."""

    piece: Piece  # what runs evenly with time: the argument of a sine, the left side of a `%`
    modulus: Piece | None  # the right side of a `%`
    period: float  # frames
    rounds: float  # in the loop

    @property
    def closes(self) -> bool:
        """Whether it has come round at the end of the loop."""
        return abs(self.rounds - round(self.rounds)) < EVEN and round(self.rounds) > 0

    @property
    def nearest(self) -> float:
        """The nearest period that closes, frames."""
        return self.rounds * self.period / max(1, round(self.rounds))


@dataclass(frozen=True, slots=True)
class Ends:
    """A schedule at the first frame of a loop and one loop later."""

    value: tuple[float, float]  # at 0 and at N
    slope: tuple[float, float]  # per frame, to the frame after
    closes: bool  # whether both agree
    waves: tuple[Wave, ...]  # that do not close


def ends(text: str, scope: Scope) -> Ends:
    """Whether a schedule meets itself at the end of a loop of `scope.frames` frames.

    Raises:
        ScheduleError: for text that is no schedule.
    """
    values = continued(text, scope, 2)
    frames = scope.frames
    value = float(values[0]), float(values[frames])
    slope = float(values[1] - values[0]), float(values[frames + 1] - values[frames])
    allowed = CLOSE * max(float(np.ptp(values)), 1e-9)
    meets = abs(value[1] - value[0]) <= allowed and abs(slope[1] - slope[0]) <= allowed
    return Ends(value, slope, meets, tuple(wave for wave in waves(text, scope) if not wave.closes))


def waves(text: str, scope: Scope) -> Iterator[Wave]:
    """All that repeats in a schedule: sines, cosines, tangents and remainders of what runs evenly with time.

    Raises:
        ScheduleError: for text that is no schedule.
    """
    for entry in entries(text):
        value, _ = with_easing(entry.value)
        if plain_number(value.text) is None:
            formula = unwrapped(value).stripped()
            Expression.parse(formula, scope.names)
            for node in ast.walk(ast.parse(formula.text.replace("\n", " "), mode="eval")):
                wave = _wave(node, formula, scope)
                if wave is not None:
                    yield wave


def snapped(text: str, scope: Scope) -> str:
    """The schedule with every period changed to the nearest that closes; phases stay.

    Raises:
        ScheduleError: for text that is no schedule.
    """
    edits: dict[tuple[int, int], str] = {}
    for wave in waves(text, scope):
        if not wave.closes:
            edits |= _edit(wave, scope)
    for (start, stop), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[stop:]
    return text


def _wave(node: ast.AST, formula: Piece, scope: Scope) -> Wave | None:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in WAVES:
            piece, modulus, length = _within(formula, argument), None, WAVES[name]
        case (
            ast.BinOp(left=argument, op=ast.Mod(), right=ast.Constant(value=float() | int() as size) as right)
            | ast.Call(func=ast.Name(id="fmod"), args=[argument, ast.Constant(value=float() | int() as size) as right])
        ):
            piece, modulus, length = _within(formula, argument), _within(formula, right), float(size)
        case _:
            return None
    slope, _ = _line(piece, scope)
    if not slope or not length:
        return None
    period = length / abs(slope)
    return Wave(piece, modulus, period, scope.frames / period)


def _line(piece: Piece, scope: Scope) -> tuple[float, float]:
    """Slope and start of what runs evenly with time; a slope of 0 for what does not."""
    values: Values = Expression.parse(piece, scope.names).over(np.arange(LOOKS), scope)
    steps = np.diff(values)
    is_straight = np.allclose(steps, steps[0], rtol=1e-9, atol=1e-12)
    return (float(steps.mean()) if is_straight else 0.0), float(values[0])


def _within(formula: Piece, node: ast.expr) -> Piece:
    assert node.end_col_offset is not None
    return Piece(formula.source, formula.start + node.col_offset, formula.start + node.end_col_offset)


def _edit(wave: Wave, scope: Scope) -> Mapping[tuple[int, int], str]:
    """What to write where so that a wave has its nearest period: another number if one does it, else a factor."""
    ratio = wave.period / wave.nearest
    if wave.modulus is not None:
        size = float(wave.modulus.text) / ratio
        # a remainder has come round only if its size, written down, is not a trifle too large
        return {(wave.modulus.start, wave.modulus.stop): canonical(math.floor(round(size * FINEST, 3)) / FINEST)}
    slope, start = _line(wave.piece, scope)
    for place, new in _candidates(wave.piece, ratio):
        source = wave.piece.source
        text = source[wave.piece.start : place.start] + new + source[place.stop : wave.piece.stop]
        changed, begin = _line(Piece(text, 0, len(text)), scope)
        if np.isclose(changed, slope * ratio, rtol=1e-9) and np.isclose(begin, start, atol=1e-9):
            return {(place.start, place.stop): new}
    names = [
        node
        for node in ast.walk(ast.parse(wave.piece.text, mode="eval"))
        if isinstance(node, ast.Name) and node.id in "ti"
    ]
    pieces = (_within(wave.piece, node) for node in names)
    return {(piece.start, piece.stop): f"({piece.text}*{canonical(ratio)})" for piece in pieces}


def _candidates(piece: Piece, ratio: float) -> Iterator[tuple[Piece, str]]:
    """Numbers that may hold the period, divisors first, with what they would become."""
    tree = ast.parse(piece.text, mode="eval")
    divisors = [node.right for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
    for node in divisors:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield _within(piece, node), canonical(node.value / ratio)
    for part in ast.walk(tree):
        if isinstance(part, ast.Constant) and isinstance(part.value, int | float):
            yield _within(piece, part), canonical(part.value * ratio)

"""Expressions: checked on the syntax tree, then run by numexpr over all frames at once, in float64.

Nothing of the user's text reaches numexpr: the code it sees is written by `schedules.translation`.
"""

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import ScheduleError
from schedules.syntax import PIECE_LENGTH, Piece
from schedules.translation import CONSTANTS, FUNCTIONS, Bits, Kind, Step, Term, Translation

NODES = 500  # parts of one expression
DEPTH = 100  # parts inside parts
EFFORT = 80_000  # of all expressions of one text; less than a second
EFFORT_EACH = 80  # of running an expression of a shape that was there before
INPUTS = 12  # numbers that numexpr gets under names; it takes no more than 31 names in all
LARGEST = sys.float_info.max
WHOLE_RANGE = 2.0**53  # whole numbers up to here are exact in float64

KEY_NAMES: Mapping[str, Kind] = {"max_f": "whole", "s": "whole"}  # known where no frame is: in positions
FRAME_NAMES: Mapping[str, Kind] = {"t": "whole", "i": "whole", **KEY_NAMES}

Frames = NDArray[np.int64]
Values = NDArray[np.float64]

_TOO_LARGE = "Numbers end at about 1.8e308"
_FOREIGN = re.compile(r"[^\w\s+\-*/%&|^~<>=!().,]|[^\x00-\x7f]")
_LITERAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BLANKS = str.maketrans("\t\n\r\v\f", "     ")
_SERIES_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of an expression stand for."""

    frames: int  # of the clip, at least 1
    seed: int = 0  # `s`, within 2**53 of 0
    series: Mapping[str, Values] = field(default_factory=dict)  # further names: float64[frames] each

    def __post_init__(self) -> None:
        """Checks the series, which come from other parts of the house."""
        assert self.frames >= 1, self.frames
        for name, values in self.series.items():
            assert values.shape == (self.frames,), (name, values.shape)
            if _SERIES_NAME.fullmatch(name) is None or name in (*FRAME_NAMES, *CONSTANTS, *FUNCTIONS):
                raise ScheduleError(f"a series cannot be named {name!r}", way_out="Choose a name that is not taken")

    @property
    def names(self) -> Mapping[str, Kind]:
        """All names known at a frame."""
        return {**FRAME_NAMES, **dict.fromkeys(self.series, "real")}

    def at(self, frames: Frames) -> dict[str, Values]:
        """The value of every name at some frames; series hold their ends beyond the clip."""
        known = {name: np.take(values, frames, mode="clip") for name, values in self.series.items()}
        fixed = {"max_f": self.frames - 1, "s": self.seed, "_zero": 0, **CONSTANTS}
        return {
            **known,
            **{name: np.array(float(value)) for name, value in fixed.items()},
            "t": frames.astype(np.float64),
        }


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula that can be run at any frame."""

    piece: Piece
    term: Term
    numbers: tuple[float, ...]  # what `_0`, `_1` ... in the term's code stand for
    effort: int  # grows with the time that compiling it takes; see Budget

    @classmethod
    def parse(cls, piece: Piece, names: Mapping[str, Kind]) -> "Expression":
        """Reads a formula.

        Args:
            piece: the formula; blanks at its ends do not count.
            names: what may be used besides constants and functions.

        Raises:
            ScheduleError: for anything that is no formula, is too large, or uses an unknown name or function.
        """
        piece = piece.stripped()
        text = piece.text.translate(_BLANKS)
        if len(text) > PIECE_LENGTH:
            raise piece.fault("this expression is too long", way_out=f"At most {PIECE_LENGTH} characters will do")
        if _LITERAL.fullmatch(text):
            return cls(piece, *_literal(piece, text), 0)
        tree = _tree(piece, text)
        parts, depth = _measured(tree)
        if len(parts) > NODES or depth > DEPTH:
            raise piece.fault(
                "this expression is too large", way_out=f"At most {NODES} parts, nested at most {DEPTH} deep, will do"
            )
        numbers = _numbers(piece, parts)
        codes = {column: f"_{place}" for place, column in enumerate(numbers)}
        if len(numbers) > INPUTS:  # written out, with an addition that keeps numexpr from computing in Python
            codes, numbers = {column: f"(_zero+{number!r})" for column, number in numbers.items()}, {}
        term = Translation(piece, names, codes).term(tree)
        return cls(piece, term, tuple(numbers.values()), len(parts) * (depth + 15))

    @property
    def kind(self) -> Kind:
        """Whether results are truths, whole or real numbers."""
        return self.term.kind

    def over(self, frames: Frames, scope: Scope) -> Values:
        """Its values at some frames, float64 of the same shape; a truth is 1 or 0.

        Raises:
            ScheduleError: if a value is not finite, or `& | ^ ~ << >>` meet a fraction.
        """
        if self.term.code == "_0":
            return np.full(frames.shape, self.numbers[0])
        known = scope.at(frames) | {f"_{place}": np.array(number) for place, number in enumerate(self.numbers)}
        for step in self.term.steps:
            known[step.name] = self._kept(step, known, frames)
        values = self._run(self.term.code, known, frames)
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            value, frame = values[wrong[0]], frames[wrong[0]]
            raise self.piece.fault(
                f"{_short(self.piece.text)} gives {value} at frame {frame}",
                way_out="Keep the formula finite, as in where(t > 0, 1/t, 0)",
            )
        return values

    def _kept(self, step: Step, known: Mapping[str, Values], frames: Frames) -> Values:
        operands = [self._run(code, known, frames) for code in step.codes]
        if step.bits is None:
            return operands[0]
        for values in operands:
            wrong = np.flatnonzero((np.abs(values) > WHOLE_RANGE) | (values != np.floor(values)))
            if wrong.size:
                raise self.piece.fault(
                    f"{step.bits} needs whole numbers, not {values[wrong[0]]} at frame {frames[wrong[0]]}",
                    way_out="Make it whole, as in floor(t/3)",
                )
        return _bits(step.bits, *operands)

    def _run(self, code: str, known: Mapping[str, Values], frames: Frames) -> Values:
        import numexpr  # starts threads, and most schedules are plain numbers

        try:
            values = numexpr.evaluate(code, local_dict=known, global_dict={}, optimization="none")
        except ValueError as error:  # it has 255 registers
            raise self.piece.fault("this expression has too many parts", way_out="Make it shorter") from error
        return np.broadcast_to(np.asarray(values, dtype=np.float64), frames.shape)


class Budget:
    """What the expressions of one text may cost in all; used up while the text is read."""

    def __init__(self) -> None:
        self._left = EFFORT
        self._shapes: set[str] = set()

    def spend(self, expression: Expression) -> Expression:
        """The same expression, if there is enough left for it.

        Raises:
            ScheduleError: if there is not.
        """
        is_new = expression.term.code not in self._shapes
        self._left -= EFFORT_EACH * (expression.effort > 0) + expression.effort * is_new
        self._shapes.add(expression.term.code)
        if self._left < 0:
            raise expression.piece.fault("too many or too large expressions up to here", way_out="Write plain numbers")
        return expression


def _literal(piece: Piece, text: str) -> tuple[Term, tuple[float]]:
    number = float(text)
    if not np.isfinite(number):
        raise piece.fault("this number is too large", way_out=_TOO_LARGE)
    return Term("_0", "whole" if text.lstrip("+-").isdigit() else "real"), (number,)


def _tree(piece: Piece, text: str) -> ast.expr:
    foreign = _FOREIGN.search(text)
    if foreign:
        raise piece.fault(
            f"{foreign.group()!r} has no place in an expression",
            foreign.start(),
            way_out="Use numbers, names, operators and functions; text belongs to text schedules",
        )
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        offset = min(max((error.offset or len(text)) - 1, 0), max(len(text) - 1, 0))
        raise piece.fault(f"{_short(text)} cannot be read as an expression", offset) from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise piece.fault("this expression is nested too deeply", way_out=f"At most {DEPTH} levels will do") from error


def _measured(tree: ast.expr) -> tuple[list[ast.expr], int]:
    """All parts of a tree, and its depth, without recursion."""
    parts: list[ast.expr] = []
    deepest = 0
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, ast.expr):
            parts.append(node)
            deepest = max(deepest, depth)
            waiting += [(child, depth + _levels(node)) for child in ast.iter_child_nodes(node)]
    return parts, deepest


def _numbers(piece: Piece, parts: Iterable[ast.expr]) -> dict[int, float]:
    """The numbers written in an expression, by their columns in ascending order."""
    found: dict[int, float] = {}
    for part in parts:
        if isinstance(part, ast.Constant):
            if not isinstance(part.value, int | float):  # True and False are 1 and 0
                raise piece.fault(f"{part.value!r} is no number", part.col_offset)
            if not abs(part.value) <= LARGEST:
                raise piece.fault("this number is too large", part.col_offset, way_out=_TOO_LARGE)
            found[part.col_offset] = float(part.value)
    return dict(sorted(found.items()))


def _levels(node: ast.AST) -> int:
    """How deep a node becomes when its operands are joined two by two."""
    match node:
        case ast.BoolOp(values=operands):
            return len(operands) - 1
        case ast.Compare(comparators=operands):
            return len(operands)
        case ast.Call(args=operands):
            return max(1, len(operands) - 2)
    return 1


def _bits(sign: Bits, left: Values, right: Values) -> Values:
    """Whole-number operators on float64 arrays that hold whole numbers."""
    operation = {
        "&": np.bitwise_and,
        "|": np.bitwise_or,
        "^": np.bitwise_xor,
        "<<": np.left_shift,
        ">>": np.right_shift,
    }[sign]
    return operation(left.astype(np.int64), right.astype(np.int64)).astype(np.float64)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")

"""Expressions: checked on the syntax tree, then run by numexpr over all frames at once, in float64.

Nothing of the user's text reaches numexpr: the code it sees is written by `schedules.translation`.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import ScheduleError
from schedules.syntax import PIECE_LENGTH, Piece
from schedules.translation import CONSTANTS, FUNCTIONS, Bits, Kind, Step, Term, Translation

NODES = 500  # parts of one expression
DEPTH = 100  # parts inside parts
EFFORT = 125_000  # for all expressions of one text; about half a second of numexpr's compiler
WHOLE_RANGE = 2.0**53  # whole numbers up to here are exact in float64

KEY_NAMES: Mapping[str, Kind] = {"max_f": "whole", "s": "whole"}  # known where no frame is: in positions
FRAME_NAMES: Mapping[str, Kind] = {"t": "whole", "i": "whole", **KEY_NAMES}

Frames = NDArray[np.int64]
Values = NDArray[np.float64]

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
        known |= {"max_f": np.array(self.frames - 1.0), "s": np.array(float(self.seed)), "_zero": np.zeros(())}
        return {**known, "t": frames.astype(np.float64)}


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula that can be run at any frame."""

    piece: Piece
    term: Term
    effort: int  # grows with the time that running it takes; see EFFORT

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
            return cls(piece, _literal(piece, text), 1)
        tree = _tree(piece, text)
        nodes, depth = _measured(tree)
        if nodes > NODES or depth > DEPTH:
            raise piece.fault(
                "this expression is too large", way_out=f"At most {NODES} parts, nested at most {DEPTH} deep, will do"
            )
        return cls(piece, Translation(piece, names).term(tree), nodes * (depth + 15))

    @property
    def kind(self) -> Kind:
        """Whether results are truths, whole or real numbers."""
        return self.term.kind

    def over(self, frames: Frames, scope: Scope) -> Values:
        """Its values at some frames, float64 of the same shape; a truth is 1 or 0.

        Raises:
            ScheduleError: if a value is not finite, or `& | ^ ~ << >>` meet a fraction.
        """
        if self.term.is_fixed and not self.term.steps:
            return np.full(frames.shape, float(self.term.code.strip("()")))
        known = scope.at(frames)
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


def _literal(piece: Piece, text: str) -> Term:
    number = float(text)
    if not np.isfinite(number):
        raise piece.fault("this number is too large", way_out="Numbers end at about 1.8e308")
    return Term(repr(number), "whole" if text.lstrip("+-").isdigit() else "real", is_fixed=True)


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
        offset = min(max((error.offset or 1) - 1, 0), max(len(text) - 1, 0))
        raise piece.fault(f"{_short(text)} cannot be read as an expression", offset) from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise piece.fault("this expression is nested too deeply", way_out=f"At most {DEPTH} levels will do") from error


def _measured(tree: ast.expr) -> tuple[int, int]:
    """The number of parts and the depth of a tree of any depth."""
    nodes, deepest = 0, 0
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, ast.expr):
            nodes, deepest = nodes + 1, max(deepest, depth)
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return nodes, deepest


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

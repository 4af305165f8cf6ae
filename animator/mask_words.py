r"""Mask expressions: masks joined by operators, as text.

`{video_mask} & !([hat.png] | <a face>)`: names of masks in braces, picture files in square brackets, words of what is
to be found in the picture in angle brackets; `!` not, `&` both, `|` either, `^` one of them, `\` the first without the
second. `!` binds tightest, then `&`, `|`, `^`, `\`; round brackets go first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from core.errors import ScheduleError, suggestion
from core.image import Mask

Kind = Literal["name", "file", "words"]
NAMES = ("everywhere", "video_mask", "human_mask")
LENGTH = 2_000  # characters of one expression
NESTING = 50  # brackets within brackets

_BRACKETS: dict[str, tuple[str, Kind]] = {"{": ("}", "name"), "[": ("]", "file"), "<": (">", "words")}
_OPERATORS: dict[str, Callable[[Mask, Mask], Mask]] = {
    "\\": lambda a, b: np.minimum(a, 1 - b),
    "^": lambda a, b: np.abs(a - b),
    "|": np.maximum,
    "&": np.minimum,
}  # loosest first


class Atom(NamedTuple):
    """One mask that is named, a file, or looked for by words."""

    kind: Kind
    text: str


Source = Callable[[Atom], Mask]  # the mask that an atom stands for


@dataclass(frozen=True, slots=True)
class Term:
    """An operator with what it joins, or one mask."""

    operator: str  # empty for one mask
    parts: tuple["Term", ...] = ()
    atom: Atom | None = None

    def atoms(self) -> Iterator[Atom]:
        """Every mask in it."""
        if self.atom is not None:
            yield self.atom
        for part in self.parts:
            yield from part.atoms()

    def over(self, source: Source) -> Mask:
        """The mask it stands for, float32, H x W, 0..1; masks in between are joined as they are, gray."""
        if self.atom is not None:
            return source(self.atom)
        masks = [part.over(source) for part in self.parts]
        if self.operator == "!":
            return np.asarray(1 - masks[0], np.float32)
        return np.asarray(_OPERATORS[self.operator](*masks), np.float32)


def parsed(text: str) -> Term:
    """The expression that a text stands for.

    Raises:
        ScheduleError: if it is none, with the place.
    """
    if len(text) > LENGTH:
        raise ScheduleError(f"a mask expression of {len(text)} characters", way_out=f"Allowed are {LENGTH}")
    reader = _Reader(text)
    term = reader.joined(0)
    if reader.here:
        raise reader.fault("what stands here belongs to nothing")
    return term


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._place, self._nesting = text, 0, 0

    @property
    def here(self) -> str:
        """The next character that is no blank; empty at the end."""
        while self._text[self._place : self._place + 1].isspace():
            self._place += 1
        return self._text[self._place : self._place + 1]

    def joined(self, level: int) -> Term:
        """Parts joined by the operator of a level or by tighter ones."""
        operators = list(_OPERATORS)
        if level == len(operators):
            return self._single()
        term = self.joined(level + 1)
        while self.here == operators[level]:
            self._place += 1
            term = Term(operators[level], (term, self.joined(level + 1)))
        return term

    def fault(self, what: str, way_out: str = "") -> ScheduleError:
        """An error that points at the next character."""
        return ScheduleError(what, text=self._text, position=self._place, way_out=way_out)

    def _single(self) -> Term:
        mark = self.here
        if mark in _BRACKETS:
            return self._atom(*_BRACKETS[mark])
        if mark not in ("!", "(") or not mark:
            raise self.fault("a mask is missing", "Write {everywhere}, {video_mask}, [file.png] or <words>")
        self._nesting += 1
        if self._nesting > NESTING:
            raise self.fault(f"brackets and ! are nested more than {NESTING} deep")
        self._place += 1
        if mark == "!":
            term = Term("!", (self._single(),))
        else:
            term = self.joined(0)
            if self.here != ")":
                raise self.fault("a bracket is never closed")
            self._place += 1
        self._nesting -= 1
        return term

    def _atom(self, closing: str, kind: Kind) -> Term:
        end = self._text.find(closing, self._place)
        if end < 0:
            raise self.fault(f"{self._text[self._place]!r} is never closed")
        atom = Atom(kind, self._text[self._place + 1 : end].strip())
        if not atom.text:
            raise self.fault("nothing stands between the brackets")
        if kind == "name" and atom.text not in NAMES:
            raise self.fault(f"no mask named {atom.text!r}", suggestion(atom.text, NAMES))
        self._place = end + 1
        return Term("", atom=atom)

"""The scanner: schedule text to keyframe entries that know where they stand.

    schedule := entry ("," entry)* [","]
    entry    := position ":" value

Commas and colons inside brackets or quotes belong to the value.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.errors import ScheduleError

LENGTH = 300_000  # characters of one schedule
KEYS = 20_000  # in one schedule
PIECE_LENGTH = 4_000  # characters of one position or value
NESTING = 64  # brackets inside brackets

_FORM = "Write position:(value), as in 0:(1), 30:(2)"
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_PAIRS.values())
_QUOTES = frozenset("\"'`")
_MARK = re.compile(r"""[()\[\]{},:"`]|(?<!\w)'""")  # an apostrophe inside a word is no quote
_WRAPPERS = str.maketrans("", "", "\"'()")
_NUMBER = re.compile(r"[+-]?(?:[0-9]*\.)?[0-9]+")
_TORN_NUMBER = re.compile(r"""[0-9.]["'()]+[0-9.]""")
_LAST_WORD = re.compile(r"""(?:(?<=[\w."'])\s+|(?<=\))\s*)([A-Za-z_]\w*)\Z""")
_LAST_OPERATOR = re.compile(r"\b(?:and|or|not|if|else)\Z")
_WORD_OPERATORS = frozenset({"and", "or", "not", "if", "else"})


class Piece(NamedTuple):
    """A part of a text."""

    source: str  # the whole text
    start: int  # first character, from 0
    stop: int  # one after the last character

    @property
    def text(self) -> str:
        """The part itself."""
        return self.source[self.start : self.stop]

    def stripped(self) -> "Piece":
        """Without the blanks around it."""
        text = self.text
        return Piece(
            self.source, self.start + len(text) - len(text.lstrip()), self.stop - len(text) + len(text.rstrip())
        )

    def fault(self, what: str, offset: int = 0, *, way_out: str = "") -> ScheduleError:
        """An error that points at a character of this piece (offset from its start)."""
        return ScheduleError(what, text=self.source, position=self.start + offset, way_out=way_out)


class Entry(NamedTuple):
    """One keyframe as written."""

    position: Piece
    value: Piece


def piece_of(text: str) -> Piece:
    """A whole text as one piece, without the blanks around it."""
    return Piece(text, 0, len(text)).stripped()


def entries(source: str) -> tuple[Entry, ...]:
    """The keyframes of a schedule, in the order written; at least one.

    Raises:
        ScheduleError: for empty or too long text, unbalanced brackets or quotes, a missing position or value.
    """
    if len(source) > LENGTH:
        raise ScheduleError(
            f"{len(source)} characters are too long for a schedule", way_out=f"At most {LENGTH} will do"
        )
    found: list[Entry] = []
    start, colon = 0, None
    for index, char, depth in _marks(source, 0, len(source)):
        if depth == 0 and char == ":" and colon is None:
            colon = index
        elif depth == 0 and char == ",":
            if len(found) == KEYS:
                raise Piece(source, index, index).fault(f"more than {KEYS} keyframes")
            found.append(_entry(source, start, colon, index))
            start, colon = index + 1, None
    if start == 0 or source[start:].strip():
        found.append(_entry(source, start, colon, len(source)))
    return tuple(found)


def unwrapped(piece: Piece) -> Piece:
    """Without the brackets and quotes that enclose all of it: `("a")` gives `a`, `(a)&(b)` stays.

    What stood in quotes is verbatim, blanks included.
    """
    partners: dict[int, int] = {}
    unclosed: list[int] = []
    for index, char, _ in _marks(piece.source, piece.start, piece.stop):
        if char in _PAIRS:
            unclosed.append(index)
        elif char in _CLOSING:
            partners[unclosed.pop()] = index
    piece = piece.stripped()
    while piece.text.startswith("(") and partners[piece.start] == piece.stop - 1:
        piece = piece._replace(start=piece.start + 1, stop=piece.stop - 1).stripped()
    text = piece.text
    if len(text) > 1 and text[0] in "\"'" and text.find(text[0], 1) == len(text) - 1:
        return piece._replace(start=piece.start + 1, stop=piece.stop - 1)
    return piece


def with_easing(value: Piece) -> tuple[Piece, Piece | None]:
    """A value apart from the easing named after it, if one is: `(1) ease_in` gives `(1)` and `ease_in`."""
    found = _LAST_WORD.search(value.text)
    if found is None or found.group(1) in _WORD_OPERATORS:
        return value, None
    before = value._replace(stop=value.start + found.start())
    if _LAST_OPERATOR.search(before.text):
        return value, None
    return before, value._replace(start=value.start + found.start(1))


def plain_number(text: str) -> float | None:
    """The number that a spelling stands for if it is one that ramps to the next key, else None.

    Brackets and quotes do not count; a sign, digits and `.digits` do. `5.`, `1e-3` and `( 5 )` are expressions.
    """
    bare = text.translate(_WRAPPERS)
    if _NUMBER.fullmatch(bare) is None or _TORN_NUMBER.search(text):
        return None
    return float(bare)


def _entry(source: str, start: int, colon: int | None, stop: int) -> Entry:
    if colon is None:
        whole = Piece(source, start, stop).stripped()
        what = f"{whole.text[:40]!r} has no position" if whole.text else "a keyframe is missing"
        raise whole.fault(what, way_out=_FORM)
    position, value = Piece(source, start, colon).stripped(), Piece(source, colon + 1, stop).stripped()
    for piece, name in ((position, "position"), (value, "value")):
        length = piece.stop - piece.start
        if length == 0:
            raise piece.fault(f"a {name} is missing", way_out=_FORM)
        if length > PIECE_LENGTH:
            raise piece.fault(f"a {name} is too long", way_out=f"At most {PIECE_LENGTH} characters will do")
    return Entry(position, value)


def _marks(source: str, start: int, stop: int) -> Iterator[tuple[int, str, int]]:
    """Commas, colons and brackets outside quotes, each with its index and the number of brackets around it."""
    opened: list[int] = []
    at = start
    while found := _MARK.search(source, at, stop):
        index, char = found.start(), found.group()
        at = index + 1
        if char in _QUOTES:
            at = source.find(char, at, stop) + 1
            if at == 0:
                raise Piece(source, index, stop).fault(
                    f"the quote {char} is never closed", way_out="Close it or drop it"
                )
            continue
        if char in _CLOSING:
            if not opened or _PAIRS[source[opened[-1]]] != char:
                raise Piece(source, index, stop).fault(f"{char!r} closes nothing", way_out="Drop it or open it before")
            opened.pop()
        yield index, char, len(opened)
        if char in _PAIRS:
            if len(opened) == NESTING:
                raise Piece(source, index, stop).fault(f"more than {NESTING} brackets inside each other")
            opened.append(index)
    if opened:
        raise Piece(source, opened[-1], stop).fault(
            f"{source[opened[-1]]!r} is never closed", way_out="Close it or drop it"
        )

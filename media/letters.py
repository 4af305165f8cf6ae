"""Letters on pictures: one font, and text cut or wrapped to a width."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import PIL.ImageFont

Font = PIL.ImageFont.FreeTypeFont
LONGEST_LINE = 400  # characters of a text that are looked at
MOST_LETTERS = 2000  # of a text that is wrapped


@cache
def font(size: int, *, bold: bool = False) -> Font:
    """DejaVu Sans, which knows most alphabets; it comes with matplotlib. Size in pixels."""
    spec = find_spec("matplotlib")
    assert spec is not None and spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    return PIL.ImageFont.truetype(str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)


def cut(text: str, letters: Font, width: float) -> str:
    """The text, or as much of it as fits, with a mark that something is missing."""
    if letters.getlength(text) <= width:
        return text
    fitting = max((n for n in range(len(text[:LONGEST_LINE])) if letters.getlength(f"{text[:n]}…") <= width), default=0)
    return f"{text[:fitting].rstrip()}…"


def wrapped(text: str, letters: Font, width: float) -> list[str]:
    """The text in lines of at most this width, broken between words, or within a word that is wider."""
    lines: list[str] = []
    for word in _pieces(text[:MOST_LETTERS], letters, width):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and letters.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _pieces(text: str, letters: Font, width: float) -> list[str]:
    """The words of a text; those that are too wide in pieces that are not."""
    pieces: list[str] = []
    for word in text.split():
        rest = word
        while letters.getlength(rest) > width and len(rest) > 1:
            taken = max((n for n in range(1, len(rest)) if letters.getlength(rest[:n]) <= width), default=1)
            pieces.append(rest[:taken])
            rest = rest[taken:]
        pieces.append(rest)
    return pieces

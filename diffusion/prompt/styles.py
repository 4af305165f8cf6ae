"""Styles: named pieces of prompt in a CSV file, wrapped around or put after what the user writes."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UnknownName, UserError
from diffusion.prompt.language import without_comments

PLACE = "{prompt}"  # where in a style the user's text goes
LARGEST_FILE = 16 << 20  # bytes
MOST_CHARACTERS = 1_000_000  # of a prompt with its styles


@dataclass(frozen=True, slots=True)
class Style:
    """One row of a styles file."""

    name: str
    prompt: str  # put around the prompt at {prompt}, else after it
    negative: str  # the same for the negative prompt
    source: Path  # the file it came from


def load_styles(paths: Iterable[Path]) -> dict[str, Style]:
    """All styles of one or more CSV files, by name; of two with one name the later counts.

    The header is `name,prompt,negative_prompt` (old files: `name,text,negative_prompt`). A row without a prompt
    column is a divider and left out.

    Raises:
        UserError: for a file that cannot be read or is no such table.
    """
    return {style.name: style for path in paths for style in _rows(path)}


def _rows(path: Path) -> list[Style]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"more than {LARGEST_FILE} bytes", where=str(path), way_out="Split the styles file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            column = "prompt" if "prompt" in (table.fieldnames or ()) else "text"
            if not {"name", column} <= set(table.fieldnames or ()):
                raise UserError(
                    "no styles table", where=str(path), way_out="Its first line is: name,prompt,negative_prompt"
                )
            return [
                Style(row["name"], row[column], row.get("negative_prompt") or "", path)
                for row in table
                if row["name"] and row[column] is not None
            ]
    except (OSError, UnicodeError, csv.Error) as fault:
        raise UserError(f"cannot be read as a styles file ({fault})", where=str(path)) from fault


def styled(prompt: str, negative: str, names: Sequence[str], styles: dict[str, Style]) -> tuple[str, str]:
    """Prompt and negative prompt with styles applied in the given order; comments of theirs are left out first.

    Raises:
        UnknownName: for a style that is not there.
        UserError: if the text grows beyond all measure.
    """
    if names:
        prompt, negative = without_comments(prompt), without_comments(negative)
    for name in names:
        if name not in styles:
            raise UnknownName("style", name, tuple(styles))
        prompt = _merged(prompt, styles[name].prompt)
        negative = _merged(negative, styles[name].negative)
    return prompt, negative


def _merged(text: str, style: str) -> str:
    if len(style) + style.count(PLACE) * len(text) > MOST_CHARACTERS:
        raise UserError(f"a prompt of more than {MOST_CHARACTERS} characters", way_out="Use fewer styles")
    if PLACE in style:
        return style.replace(PLACE, text)
    return ", ".join(filter(None, (text.strip(), style.strip())))

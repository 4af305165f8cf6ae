"""Grids: pictures in rows and columns, with words beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw

from core.errors import UserError
from core.image import Image, Size
from media.letters import Font, font, wrapped

LARGEST = 200_000_000  # pixels; more is refused before memory is asked for
PAPER, INK, FAINT = "#ffffff", "#000000", "#999999"
EMPTY = "#000000"  # where a row has no picture
SMALLEST_LETTERS, LARGEST_LETTERS = 12, 96  # pixels
LINE = 1.35  # height of a line, in sizes of its letters


@dataclass(frozen=True, slots=True)
class Label:
    """Words at the edge of a grid."""

    text: str
    is_active: bool = True  # else struck through, in gray


def layout(count: int, rows: int = 0, *, dense: bool = False) -> tuple[int, int]:
    """How many rows and columns hold so many pictures.

    Args:
        count: of pictures, 1 or more.
        rows: asked for; 0 makes the grid about square.
        dense: whether an about square grid is rather made longer than to leave places empty.
    """
    root = math.sqrt(count)
    if rows < 1 and dense:
        rows = next(rows for rows in range(math.floor(root), 0, -1) if count % rows == 0)
    rows = min(rows if rows > 0 else round(root), count)
    return rows, math.ceil(count / rows)


def grid(images: Sequence[Image], columns: int, margin: int = 0) -> Image:
    """The pictures row by row, each in a cell of the first one's size; larger ones are cut.

    Args:
        images: one or more, uint8, H x W x 3, RGB.
        columns: 1 or more.
        margin: pixels between pictures.

    Raises:
        UserError: if it would be too large.
    """
    cell = Size.of(images[0])
    rows = math.ceil(len(images) / columns)
    size = Size(columns * (cell.width + margin) - margin, rows * (cell.height + margin) - margin)
    check_size(size)
    page = PIL.Image.new("RGB", size, PAPER if margin else EMPTY)
    for n, image in enumerate(images):
        corner = n % columns * (cell.width + margin), n // columns * (cell.height + margin)
        page.paste(PIL.Image.fromarray(image[: cell.height, : cell.width]), corner)
    return np.array(page)


def check_size(size: Size) -> None:
    """Raises UserError if a grid of this size would be too large."""
    if size.width * size.height > LARGEST:
        raise UserError(
            f"a grid of {size} pixels is too large",
            way_out=f"Up to {LARGEST // 1_000_000} megapixels are made; ask for fewer or smaller pictures",
        )


def labelled(
    images: Sequence[Image], columns: Sequence[Sequence[Label]], rows: Sequence[Sequence[Label]], margin: int = 0
) -> Image:
    """A grid with labels above its columns and at the left of its rows, in black on white.

    Args:
        images: row by row, as many as columns times rows.
        columns: the labels of each column, one below the other.
        rows: the labels of each row.
        margin: pixels between pictures.

    Raises:
        UserError: if it would be too large.
    """
    picture = grid(images, len(columns), margin)
    cell = Size.of(images[0])
    letters = font(max(SMALLEST_LETTERS, min(LARGEST_LETTERS, (cell.width + cell.height) // 25)))
    gap = letters.size / 2
    left = math.ceil(cell.width * 3 / 4) if any(label.text for labels in rows for label in labels) else 0
    heights = [_height(labels, letters, cell.width - gap) for labels in columns]
    top = math.ceil(max(heights) + 2 * gap) if max(heights) else 0
    whole = Size(picture.shape[1] + left, picture.shape[0] + top)
    check_size(whole)
    page = PIL.Image.new("RGB", whole, PAPER)
    page.paste(PIL.Image.fromarray(picture), (left, top))
    pen = PIL.ImageDraw.Draw(page)
    for n, labels in enumerate(columns):
        middle = left + n * (cell.width + margin) + cell.width / 2
        _write(pen, labels, letters, (middle, top / 2), cell.width - gap)
    for n, labels in enumerate(rows):
        middle = top + n * (cell.height + margin) + cell.height / 2
        _write(pen, labels, letters, (left / 2, middle), left - 2 * gap)
    return np.array(page)


def _height(labels: Sequence[Label], letters: Font, width: float) -> float:
    """The height of labels one below the other, in pixels."""
    return sum(len(wrapped(label.text, letters, width)) for label in labels) * letters.size * LINE


def _write(
    pen: PIL.ImageDraw.ImageDraw, labels: Sequence[Label], letters: Font, middle: tuple[float, float], width: float
) -> None:
    """Labels one below the other, centred on a point."""
    x, y = middle[0], middle[1] - _height(labels, letters, width) / 2
    for label in labels:
        for line in wrapped(label.text, letters, width):
            y += letters.size * LINE
            baseline = y - letters.size * (LINE - 1)
            pen.text((x, baseline), line, INK if label.is_active else FAINT, letters, anchor="ms")
            if not label.is_active:
                half, height = letters.getlength(line) / 2, baseline - letters.size * 0.3
                pen.line((x - half, height, x + half, height), FAINT, max(1, round(letters.size / 12)))

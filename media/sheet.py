"""Contact sheet: a whole render on one page, as evenly spaced thumbnails with frame numbers and captions."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw

from core.image import Image, Size, resized
from media.letters import cut, font
from media.stills import write_png

MOST = 20  # thumbnails on a sheet
BOX = 288  # pixels; longest side of a thumbnail
GAP = 20  # pixels between thumbnails and around them
SHAPE = 1.5  # width of the sheet by its height, about
CAPTION_LINES = 2
PAPER, INK, FAINT, EDGE = "#16181d", "#f2f0ea", "#9aa0aa", "#2b2f37"
TITLE, NUMBER, CAPTION = 26, 15, 13  # pixels; sizes of letters


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One frame on the sheet."""

    index: int  # of the frame, from 0
    image: Image  # uint8, H x W x 3, RGB, small
    caption: str  # such as its prompt; shown where it changes


def chosen(indices: Sequence[int], most: int = MOST) -> tuple[int, ...]:
    """Evenly spaced entries, the first and the last among them; all if there are no more than `most`."""
    if len(indices) <= most:
        return tuple(indices)
    return tuple(indices[round(n * (len(indices) - 1) / (most - 1))] for n in range(most))


@contextmanager
def contact_sheet(
    path: Path, title: str, fps: Fraction, captions: Callable[[int], str], indices: Sequence[int]
) -> Iterator[Callable[[int, Image], None]]:
    """Collects thumbnails while frames go by; the sheet is written when the block ends well.

    Args:
        path: of the PNG, in a folder that exists.
        title: stands above the thumbnails.
        fps: frames per second; tells the times of the frames.
        captions: frame index to what stands below its thumbnail.
        indices: of all frames that will go by.

    Yields:
        A function that takes (index, image) of any frame; those that are not on the sheet are passed over.

    Raises:
        MediaError: if the sheet cannot be written.
    """
    wanted = frozenset(chosen(indices))
    thumbnails: list[Thumbnail] = []

    def show(index: int, image: Image) -> None:
        if index in wanted:
            thumbnails.append(Thumbnail(index, _small(image), captions(index)))

    yield show
    if thumbnails:
        write_png(path, drawn(thumbnails, title, fps))


def drawn(thumbnails: Sequence[Thumbnail], title: str, fps: Fraction) -> Image:
    """The sheet: uint8, H x W x 3, RGB.

    Args:
        thumbnails: one or more, all of one size.
        title: one line; cut off where the sheet ends.
        fps: frames per second.
    """
    size = Size.of(thumbnails[0].image)
    line = round(CAPTION * 1.35)
    cell = Size(size.width + GAP, size.height + GAP + 2 * NUMBER + CAPTION_LINES * line)
    columns = _columns(len(thumbnails), cell)
    top = 2 * GAP + TITLE
    sheet = Size(columns * cell.width + GAP, top + math.ceil(len(thumbnails) / columns) * cell.height)
    page = PIL.Image.new("RGB", sheet, PAPER)
    pen = PIL.ImageDraw.Draw(page)
    title_font = font(TITLE, bold=True)
    pen.text((GAP, GAP), cut(" ".join(title.split()), title_font, sheet.width - 2 * GAP), INK, title_font)
    before = ""
    for n, thumbnail in enumerate(thumbnails):
        corner = GAP + n % columns * cell.width, top + n // columns * cell.height
        _draw(page, corner, thumbnail, thumbnail.index / fps)
        if thumbnail.caption != before:
            text = "\n".join(_caption(thumbnail.caption, size.width))
            below = corner[0], corner[1] + size.height + 2 * NUMBER
            pen.text(below, text, FAINT, font(CAPTION), spacing=line - CAPTION)
        before = thumbnail.caption
    return np.array(page)


def _draw(page: PIL.Image.Image, corner: tuple[int, int], thumbnail: Thumbnail, seconds: Fraction) -> None:
    """Picture, frame number at the left below it, time at the right."""
    size = Size.of(thumbnail.image)
    pen = PIL.ImageDraw.Draw(page)
    right, bottom = corner[0] + size.width, corner[1] + size.height
    pen.rectangle((corner[0] - 1, corner[1] - 1, right, bottom), outline=EDGE)
    page.paste(PIL.Image.fromarray(thumbnail.image), corner)
    baseline = bottom + round(1.4 * NUMBER)
    pen.text((corner[0], baseline), f"{thumbnail.index}", INK, font(NUMBER, bold=True), anchor="ls")
    minutes, rest = divmod(float(seconds), 60)
    pen.text((right, baseline), f"{int(minutes)}:{rest:05.2f}", FAINT, font(CAPTION), anchor="rs")


def _small(image: Image) -> Image:
    """The image within BOX x BOX; never larger than it is."""
    size = Size.of(image)
    share = min(1.0, BOX / max(size))
    return resized(image, Size(max(1, round(size.width * share)), max(1, round(size.height * share))))


def _columns(count: int, cell: Size) -> int:
    """How many columns bring the sheet nearest to SHAPE without leaving a row almost empty."""

    def badness(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns * cell.width / (rows * cell.height) / SHAPE)) + (rows * columns - count) / count

    return min(range(1, count + 1), key=badness)


def _caption(text: str, width: int) -> list[str]:
    """The text in at most CAPTION_LINES lines of this width, cut off at the end."""
    letters, words = font(CAPTION), text.split()
    lines: list[str] = []
    while words and len(lines) < CAPTION_LINES:
        taken = 1
        while taken < len(words) and letters.getlength(" ".join(words[: taken + 1])) <= width:
            taken += 1
        if len(lines) == CAPTION_LINES - 1:
            taken = len(words)
        lines.append(cut(" ".join(words[:taken]), letters, width))
        words = words[taken:]
    return lines

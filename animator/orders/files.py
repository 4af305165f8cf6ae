"""Files that orders start from and go to: pictures with their masks, names that replace nothing by mistake."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from animator.orders.described import changes_in
from animator.orders.naming import Naming, Subject
from animator.orders.order import Order
from animator.orders.settings import changed
from core.errors import MediaError, ProjectError, UserError
from core.image import Mask, Size
from media.infotext import parsed
from media.inscribed import infotext_in
from media.read import read_image, read_image_and_alpha

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
WHITE = (255, 255, 255)  # what shows where a picture to start from is transparent
OPAQUE = 128 / 255  # opacity above which a transparent mask counts
CELL = 8  # pixels; sizes taken from pictures are multiples of it
SMALLEST = 16  # pixels
NUMBERED = r"(\d{5,})(?:-.*)?"  # names that are chosen


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to start from, read when its turn comes."""

    path: Path
    mask: Path | None = None
    keeps_size: bool = True  # whether the order takes the picture's own size
    information: tuple[str, ...] = ()  # settings taken from the picture's infotext, as "Prompt", "Seed"

    def started(self, order: Order) -> Order:
        """The order with this picture to start from.

        Raises:
            UserError: if a file cannot be read, or picture and mask differ in size.
        """
        image = read_image(self.path, WHITE)
        mask = None if self.mask is None else read_mask(self.mask)
        if mask is not None and Size.of(mask) != Size.of(image):
            raise MediaError(
                f"the mask is {Size.of(mask)}, {self.path.name} is {Size.of(image)}",
                where=str(self.mask), way_out="Give them one size",
            )  # fmt: skip
        if self.keeps_size:
            order = replace(order, size=Size(*(max(SMALLEST, side // CELL * CELL) for side in Size.of(image))))
        if self.information:
            order = self._informed(order)
        assert order.start is not None
        return replace(order, start=replace(order.start, images=(image,), mask=mask))

    def _informed(self, order: Order) -> Order:
        """The order with what the picture says of itself; its prompts stand before the order's own."""
        found, _ = changes_in(parsed(infotext_in(self.path)))
        own = {"Prompt": order.prompt, "Negative prompt": order.negative}
        changes = [
            (name, " ".join(filter(None, (value, own.get(name, ""))))) for name, value in found
            if name in self.information
        ]  # fmt: skip
        order, faults = changed(order, changes)
        if faults:
            raise ProjectError(str(self.path), faults)
        return order


def read_mask(path: Path) -> Mask:
    """A mask: white is 1; of a picture with transparent parts, what is opaque.

    Raises:
        MediaError: if it cannot be read.
    """
    image, alpha = read_image_and_alpha(path)
    if alpha.min() < 1:
        return np.asarray(alpha > OPAQUE, np.float32)
    return np.asarray(image @ np.array((0.299, 0.587, 0.114), np.float32) / 255, np.float32).clip(0, 1)


def sources(path: Path, mask: Path | None) -> tuple[list[Source], list[str]]:
    """The pictures of a file or folder with their masks, in natural order, and the names of those without a mask.

    A folder of masks has one for all, or for each picture one of the same name; sub-folders are not looked into.

    Raises:
        MediaError: if there are none.
    """
    found, masks = pictures_in(path), pictures_in(mask) if mask else []
    if mask is None:
        return [Source(one) for one in found], []
    by_stem = {one.stem: one for one in masks}
    paired = [(one, masks[0] if len(masks) == 1 else by_stem.get(one.stem)) for one in found]
    alone = [one.name for one, its in paired if its is None]
    if len(alone) == len(found):
        raise MediaError("no mask is named as a picture is", where=str(mask))
    return [Source(one, its) for one, its in paired if its is not None], alone


def pictures_in(path: Path) -> list[Path]:
    """The picture files of a folder in natural order (2 before 10), or the one file.

    Raises:
        MediaError: if there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise MediaError("no such file or folder", where=str(path))
    found = sorted((one for one in path.iterdir() if one.suffix.lower() in SUFFIXES), key=_natural)
    if not found:
        raise MediaError("no pictures in this folder", where=str(path), way_out=f"Read are {', '.join(SUFFIXES)}")
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    pieces: list[str] = re.findall(r"\d+|\D+", path.name.lower())
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


@dataclass(frozen=True, slots=True)
class Target:
    """Where pictures go: a file, or a folder where names are chosen."""

    path: Path
    suffix: str = ".png"  # of names that are chosen
    naming: Naming | None = None  # how they are chosen, in a folder; None: by number and seed

    @property
    def is_folder(self) -> bool:
        """Whether names are chosen."""
        return self.path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp") or self.path.is_dir()

    @property
    def suffix_written(self) -> str:
        """The ending of its pictures, in small letters."""
        return self.suffix if self.is_folder else self.path.suffix.lower()

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.path if self.is_folder else self.path.parent

    def names(self, seeds: Sequence[int], stems: Sequence[str] = ()) -> list[Path]:
        """A file for each picture.

        Args:
            seeds: of each picture.
            stems: of the pictures that were started from, if they shall have their names; "" where there is none.
        """
        if not self.is_folder:
            several = len(seeds) > 1
            return [self._beside(f"-{n}" if several else "") for n in range(1, len(seeds) + 1)]
        if stems:
            numbered = [stems[: n + 1].count(stem) for n, stem in enumerate(stems)]
            return [
                self.path / f"{stem}{f'-{n}' if stems.count(stem) > 1 else ''}{self.suffix}"
                for stem, n in zip(stems, numbered, strict=True)
            ]
        first = _next(self.path, NUMBERED)
        return [self.path / f"{first + n:05d}-{seed}{self.suffix}" for n, seed in enumerate(seeds)]

    def named(self, subject: Subject) -> Path:
        """The file of a picture by the pattern; its folder is made. Names begin with a number that no other there has.

        Raises:
            MediaError: if the folder cannot be made.
        """
        assert self.naming is not None
        below, end = self.naming.place(subject)
        folder = self.path / below
        _made(folder)
        number = _next(folder, NUMBERED)
        return folder / f"{number:05d}{f'-{end}' if end else ''}{self.suffix}"

    def grid(self) -> Path:
        """The file of a grid."""
        if not self.is_folder:
            return self.path
        number = _next(self.path, r"grid-(\d{4,})")
        return self.path / f"grid-{number:04d}{self.suffix}"

    def check(self, paths: Sequence[Path], *, may_replace: bool) -> None:
        """Raises UserError if files are in the way, or the folder cannot be made."""
        taken = [path.name for path in paths if path.exists()]
        if taken and not may_replace:
            more = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
            raise UserError(
                f"{', '.join(taken[:3])}{more} would be replaced", where="--out",
                way_out="Give another name, or --overwrite",
            )  # fmt: skip
        _made(self.folder)

    def _beside(self, mark: str) -> Path:
        return self.path.with_name(f"{self.path.stem}{mark}{self.path.suffix}")


def _made(folder: Path) -> None:
    """Makes a folder, if it is not there; raises MediaError if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise MediaError(f"the folder cannot be made ({fault.strerror})", where=str(folder)) from fault


def _next(folder: Path, pattern: str) -> int:
    """One more than the highest number in a folder."""
    names = (path.stem for path in folder.iterdir()) if folder.is_dir() else iter(())
    return 1 + max((int(found[1]) for name in names if (found := re.fullmatch(pattern, name))), default=-1)

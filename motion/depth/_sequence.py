"""The files of a picture sequence: what a path, a folder or a pattern stands for."""

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import MediaError
from motion.depth._pixels import Numbers, numbers

SUFFIXES = (".png", ".exr", ".npy")
_WILD = re.compile(r"[*?\[]")
_COUNTER = re.compile(r"%0?\d*d")  # as in depth_%04d.exr


@dataclass(frozen=True, slots=True)
class PicturePass:
    """The pictures of a depth pass, one a frame."""

    files: tuple[Path, ...]

    def frame(self, index: int) -> Numbers:
        """What the picture of a frame holds.

        Raises:
            MediaError: if there is none for that frame, or it cannot be read.
        """
        if index >= len(self.files):
            what = f"no depth for frame {index}: only {len(self.files)} there"
            raise MediaError(what, where=str(self.files[0].parent), way_out="Render the depth pass for all frames")
        return numbers(self.files[index])


def picture_pass(path: Path) -> PicturePass:
    """The pictures a user named, in the order of the numbers in their names.

    Args:
        path: a picture, a folder of pictures of one format, or a folder with a pattern as last part:
            `depth/*.exr`, `depth/z_%04d.png`.

    Raises:
        MediaError: if there is none, the formats are mixed, a number is missing, or a link leads out of the folder.
    """
    if path.is_file():
        return PicturePass((path,))
    folder, pattern = (path, "*") if path.is_dir() else (path.parent, _COUNTER.sub("*", path.name))
    found = sorted(
        (file for file in folder.glob(pattern) if _is_picture(file) and _matches(path, file)),
        key=lambda file: (_numbers(file), file.name),
    )
    if not found:
        raise MediaError("no depth pictures there", where=str(path), way_out=f"Known formats: {', '.join(SUFFIXES)}")
    formats = sorted({file.suffix.lower() for file in found})
    if len(formats) > 1:
        way_out = f"Name one of them, as in {folder / ('*' + formats[0])}"
        raise MediaError(f"pictures of several formats: {', '.join(formats)}", where=str(path), way_out=way_out)
    _check(found, folder)
    return PicturePass(tuple(found))


def _is_picture(file: Path) -> bool:
    """Whether a file is a visible one of a known format."""
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _matches(path: Path, file: Path) -> bool:
    """Whether a file has digits where the user wrote a counter."""
    if path.is_dir() or _WILD.search(path.name):
        return True
    before, after = map(re.escape, _COUNTER.split(path.name, maxsplit=1))
    return bool(re.fullmatch(rf"{before}\d+{after}", file.name))


def _check(files: list[Path], folder: Path) -> None:
    """Raises MediaError for files outside the folder and for numbers left out."""
    inside = folder.resolve()
    for file in files:
        if not file.resolve().is_relative_to(inside):
            raise MediaError("a link out of the folder", where=str(file), way_out="Copy the file, or name its folder")
    columns = [set(column) for column in zip(*map(_numbers, files), strict=False)]
    moving = [sorted(column) for column in columns if len(column) > 1]
    if len(moving) == 1 and len(moving[0]) == len(files):
        expected = range(moving[0][0], moving[0][0] + len(files))
        missing = next((number for number in expected if number not in moving[0]), None)
        if missing is not None:
            raise MediaError(f"number {missing} is missing between the others", where=str(folder / files[0].name))


def _numbers(file: Path) -> tuple[int, ...]:
    """All whole numbers in a file's name."""
    return tuple(int(digits) for digits in re.findall(r"\d+", file.stem))

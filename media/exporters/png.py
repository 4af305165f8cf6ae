"""A folder of numbered PNG pictures, lossless, with opacity: for compositing, and to keep."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar

import PIL.Image
import PIL.PngImagePlugin

from core.errors import MediaError
from core.image import Image, Rgba, Size
from media.behind import Write, behind
from media.encode import check_rate
from media.sound import Soundtrack
from media.stills import write_png


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way."""


@dataclass(frozen=True, slots=True)
class Png:
    """Writes 000000.png, 000001.png, ...; the folder takes its name when all are there."""

    options: Options
    suffix: ClassVar[str] = "_png"
    step: ClassVar[Size] = Size(1, 1)
    keeps_alpha: ClassVar[bool] = True
    keeps_sound: ClassVar[bool] = False
    keeps_text: ClassVar[bool] = False

    def check(self, size: Size, fps: Fraction) -> None:
        """Every size will do."""
        check_rate(fps)

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
    ) -> AbstractContextManager[Write]:
        """See `Exporter.open`; a folder of that name is replaced if there are numbered pictures only in it."""
        self.check(size, fps)
        _check_ours(path)
        return behind(partial(_encode, path, text))


def build(options: Options, pool: object) -> Png:
    """The exporter; the pool is not needed."""
    return Png(options)


def _encode(path: Path, text: Mapping[str, str], images: Iterator[Image | Rgba]) -> None:
    temporary = path.with_name(f".{path.name}.part")
    count = 0
    try:
        temporary.mkdir()
        for count, image in enumerate(images, start=1):
            _write(temporary / f"{count - 1:06d}.png", image, text)
        if not count:
            raise MediaError("no frame was handed over", where=str(path))
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as fault:
        raise MediaError(f"cannot be written ({fault.strerror or fault})", where=str(path)) from fault
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary)


def _write(path: Path, image: Image | Rgba, text: Mapping[str, str]) -> None:
    if image.shape[2] == 3:
        return write_png(path, image, text)
    words = PIL.PngImagePlugin.PngInfo()
    for key, value in text.items():
        words.add_itxt(key, value)
    return PIL.Image.fromarray(image).save(path, compress_level=1, pnginfo=words)


def _check_ours(path: Path) -> None:
    """A folder with anything else in it is somebody's."""
    if path.is_file() or (
        path.is_dir() and any(not (found.suffix == ".png" and found.stem.isdecimal()) for found in path.iterdir())
    ):
        raise MediaError("there is something else of that name", where=str(path), way_out="Give another folder")

"""Numbered pictures in a folder, which takes its name when all are there."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

from core.errors import MediaError
from core.image import Image, Rgba
from media.encode import Clip
from media.verify import Witness

WritePicture = Callable[[Path, Image | Rgba, Mapping[str, str]], None]  # file, picture, texts by keyword


def write_pictures(write: WritePicture, ending: str, clip: Clip, images: Iterator[Image | Rgba]) -> None:
    """Writes 000000.png, 000001.png, ...; a folder of that name is replaced.

    Args:
        write: writes one picture.
        ending: of the files, with its dot.
        clip: the folder, and the texts of every picture.
        images: all alike.

    Raises:
        MediaError: if the folder cannot be written, comes back different, or no frame came.
    """
    temporary = clip.path.with_name(f".{clip.path.name}.part")
    try:
        if temporary.is_dir():  # left by a killed process
            shutil.rmtree(temporary)
        temporary.mkdir()
        first = next(images, None)
        if first is None:
            raise MediaError("no frame was handed over", where=str(clip.path))
        witness = Witness(first.shape[2] == 4)
        for n, image in enumerate(witness.seeing(chain([first], images))):
            write(temporary / f"{n:06d}{ending}", image, clip.text)
        witness.compare(temporary, clip.path, clip.size, clip.fps)
        if clip.path.is_dir():
            shutil.rmtree(clip.path)
        temporary.replace(clip.path)
    except OSError as fault:
        way_out = "Free some space or give another place"
        what = f"cannot be written ({fault.strerror or fault})"
        raise MediaError(what, where=str(clip.path), way_out=way_out) from fault
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary)

"""Frames between rendered ones, kept on disk from one render to the next."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError
from core.hashing import array_fingerprint, fingerprint
from core.image import Image
from interpolation.models import Interpolator
from media.read import read_image
from media.stills import write_png


class KeptBetween:
    """Frames between two that are made once: they lie on disk under what they were made of, and are there next time.

    Nothing else decides: the same two pictures, times and interpolator give the frames of an earlier render, another
    model or an edited frame gives new ones.
    """

    def __init__(self, maker: Interpolator, folder: Path) -> None:
        """Args: folder: made when the first frames are."""
        self._maker, self._folder = maker, folder
        self._used: set[str] = set()

    def __call__(self, a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        """See `Interpolator.between`."""
        key = fingerprint(self._maker.identity, array_fingerprint(a), array_fingerprint(b), repr(list(times)))
        files = [self._folder / f"{key}.{n}.png" for n in range(len(times))]
        self._used |= {file.name for file in files}
        kept = _read(files)
        if kept is not None:
            return kept
        made = self._maker.between(a, b, times)
        self._folder.mkdir(parents=True, exist_ok=True)
        for file, image in zip(files, made, strict=True):
            write_png(file, image)
        return made

    def forget_the_rest(self) -> None:
        """Removes what this render did not use."""
        if self._folder.is_dir():
            for file in self._folder.glob("*.png"):
                if file.name not in self._used:
                    file.unlink(missing_ok=True)


def _read(files: Sequence[Path]) -> list[Image] | None:
    """The pictures in all of the files; None if one is missing or damaged, so that they are made anew."""
    try:
        return [read_image(file) for file in files] if all(file.is_file() for file in files) else None
    except UserError:
        return None

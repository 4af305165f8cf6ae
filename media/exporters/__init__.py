"""Writers of finished frames, one file format each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from core.errors import MediaError
from core.image import Image, Rgba, Size
from core.registry import Registry
from media.behind import Write, behind
from media.captions import Caption
from media.encode import Clip, check_rate, check_step
from media.sound import Soundtrack

REGISTRY = Registry("exporter", "media.exporters")
ANY = Size(1, 1)


def _takes_all(size: Size, fps: Fraction) -> None:
    """Refuses nothing."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """Makes one file of frames, or one folder: what its format holds, and how it is written."""

    name: str  # of the format, in messages
    suffix: str  # how the file's name ends, with its dot: ".mp4"
    write: Callable[[Clip, Iterator[Image | Rgba]], None]  # all frames, whole or not at all
    step: Size = ANY  # what each side must be a multiple of
    keeps_alpha: bool = False  # whether the opacity of frames that have it is kept
    keeps_sound: bool = False  # whether the file can hold sound
    keeps_captions: bool = False  # whether the file can hold captions
    keeps_text: bool = False  # whether the file can hold texts by keyword
    pictures: str = ""  # how pictures end in the folder it makes, with their dot; empty if it makes a file
    refuse: Callable[[Size, Fraction], None] = _takes_all  # raises MediaError for what else it cannot hold

    def check(self, size: Size, fps: Fraction) -> None:
        """Tells before any work whether such frames can be written.

        Raises:
            MediaError: if the format cannot hold this size or rate; says which it can.
        """
        check_step(size, self.step, self.name)
        check_rate(fps)
        self.refuse(size, fps)

    def check_place(self, path: Path) -> None:
        """Tells before any work whether something there would be lost: a folder with anything but pictures of ours.

        Raises:
            MediaError: if so.
        """
        if not path.exists():
            return
        if self.pictures:
            is_ours = path.is_dir() and all(
                found.suffix == self.pictures and found.stem.isdecimal() for found in path.iterdir()
            )
        else:
            is_ours = path.is_file()
        if not is_ours:
            raise MediaError("there is something else of that name", where=str(path), way_out="Give another name")

    def open(
        self,
        path: Path,
        size: Size,
        fps: Fraction,
        text: Mapping[str, str],
        sound: Soundtrack | None = None,
        captions: Sequence[Caption] = (),
    ) -> AbstractContextManager[Write]:
        """Starts a file; `with exporter.open(...) as write:` and then `write(image)` for every frame, in order.

        Frames are H x W x 3, or H x W x 4 with opacity, all alike; opacity is left out where the format keeps none.

        Frames are encoded in a thread behind the caller and must not be changed once they are handed over. The file
        takes its name when the block ends well; if the block raises, there is no file, and one of that name stays.
        The same frames and options give the same bytes on the same machine.

        Args:
            path: of the file, in a folder that exists.
            size: of all frames, pixels.
            fps: frames per second, above 0.
            text: words kept in the file by keyword, such as the project that made it; left out where it holds none.
            sound: goes with the frames, exactly as long; left out where the format holds none.
            captions: go with moments of the file, likewise.

        Raises:
            MediaError: as `check` and `check_place`; within the block, if the file cannot be written or no frame came.
        """
        self.check(size, fps)
        self.check_place(path)
        return behind(partial(self.write, Clip(path, size, fps, text, sound, captions if self.keeps_captions else ())))

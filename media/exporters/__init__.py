"""Writers of finished frames, one file format each."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from core.image import Size
from core.registry import Registry
from media.behind import Write
from media.sound import Soundtrack

REGISTRY = Registry("exporter", "media.exporters")


class Exporter(Protocol):
    """Makes one file of frames."""

    @property
    def suffix(self) -> str:
        """How the file's name ends, with its dot: ".mp4"."""
        ...

    @property
    def step(self) -> Size:
        """What each side must be a multiple of."""
        ...

    @property
    def keeps_alpha(self) -> bool:
        """Whether the opacity of frames that have it is kept."""
        ...

    @property
    def keeps_sound(self) -> bool:
        """Whether the file can hold sound."""
        ...

    @property
    def keeps_text(self) -> bool:
        """Whether the file can hold texts by keyword."""
        ...

    def check(self, size: Size, fps: Fraction) -> None:
        """Tells before any work whether such frames can be written.

        Raises:
            MediaError: if the format cannot hold this size or rate; says which it can.
        """
        ...

    def open(
        self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], sound: Soundtrack | None = None
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

        Raises:
            MediaError: as `check`; within the block, if the file cannot be written or no frame came.
        """
        ...

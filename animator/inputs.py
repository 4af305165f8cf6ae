"""Input frames: the pictures of a video, numbered as a project's frames, in their size."""

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.errors import MediaError
from core.hashing import file_fingerprint, fingerprint
from core.image import Image, Size, resized
from media.footage import Footage
from media.video import open_video

KEPT = 4  # pictures that can be asked for again at once
PICTURES = Fraction(1)  # per second, of a folder of them; each is one frame


@dataclass(frozen=True, slots=True)
class VideoRules:
    """A video whose frames the render takes up."""

    file: str  # path of a video, a folder of pictures or a pattern, relative to the project file
    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1  # takes each n-th of its frames
    first: Annotated[int, Field(ge=0, le=10_000_000)] = 0  # its frame that is frame 0 here
    last: Annotated[int, Field(ge=-1, le=10_000_000)] = -1  # no frame after this one is taken; -1: to its end

    def count(self, available: int) -> int:
        """How many frames it gives when the file has so many."""
        end = available if self.last < 0 else min(self.last + 1, available)
        return len(range(self.first, end, self.every))


class InputFrames:
    """The frames of a video by their number in the project. Holds the open file and the last few pictures.

    After its end the last one stays.
    """

    def __init__(self, path: Path, rules: VideoRules, size: Size) -> None:
        """Args: path: where it lies; size: of the frames, to which pictures are stretched.

        Raises:
            MediaError: if it cannot be read, or gives no frame.
        """
        self._rules, self._size = rules, size
        available, fps = measured(path)
        self.count = rules.count(available)
        if not self.count:
            raise MediaError(
                f"it has {available} frames, none from {rules.first} to {rules.last}",
                where=str(path),
                way_out="Set first and last within it",
            )
        self._footage = Footage(path, fps)
        files = [str(file_fingerprint(file)) for file in self._footage.files()]
        self.identity = fingerprint(rules.every, rules.first, rules.last, size, *files)
        self._kept: OrderedDict[int, Image] = OrderedDict()

    def at(self, frame: int) -> Image:
        """The picture at a frame from 0 on; uint8, H x W x 3, RGB. Twice the same frame is the very same picture.

        Raises:
            MediaError: if it cannot be read.
        """
        place = self._rules.first + self._rules.every * min(max(frame, 0), self.count - 1)
        if place not in self._kept:
            self._kept[place] = resized(self._footage.at(place), self._size, "lanczos")
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[place]


def measured(path: Path) -> tuple[int, Fraction]:
    """How many pictures a video, folder or pattern holds, and how many are shown in a second.

    Raises:
        MediaError: if it cannot be read.
    """
    with open_video(path, PICTURES) as video:
        return video.info.count, video.info.fps

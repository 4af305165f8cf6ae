"""Footage: pictures by frame number, from a still, a video, a folder or a pattern; read forwards, as renders ask."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from core.errors import MediaError
from core.image import Image
from media.read import MAY_MOVE, SUFFIXES, read_image
from media.video import TimedImage, open_video

KEPT = 4  # pictures that can be asked for again at once
SLACK = Fraction(1, 10)  # of a frame; times in files are rounded


class Footage:
    """The picture that shows at each frame of a project. Holds the open file and the last few pictures.

    A still shows at every frame; of a folder each picture is one frame; a video keeps its own time.
    """

    def __init__(self, source: Path, fps: Fraction) -> None:
        """Args: source: a picture, video, folder or pattern such as `shots/*.png`; fps: of the project."""
        self.source, self.fps = source, fps
        self._kept: OrderedDict[int, Image] = OrderedDict()
        self._pictures = self._read()
        self._now: TimedImage | None = None  # what was shown last
        self._ahead: TimedImage | None = None  # what is shown next; None before the first and after the last
        self._reached = -1  # the frame it was asked for last

    @cached_property
    def frames(self) -> int | None:
        """How many frames it lasts; None for a still, which never ends.

        Raises:
            MediaError: if it cannot be read.
        """
        if self._is_still:
            return None
        with open_video(self.source, self.fps) as video:
            count, seconds = video.info.count, video.info.seconds
        if count == 1 and self.source.suffix.lower() in MAY_MOVE:
            return None
        return max(1, math.ceil(seconds * self.fps - SLACK))

    def files(self) -> list[Path]:
        """The files its pictures come from, sorted: what must not change between two renders that are to be equal."""
        if self.source.is_dir():
            return sorted(path for path in self.source.iterdir() if path.suffix.lower() in SUFFIXES)
        if self.source.exists():
            return [self.source]
        return sorted(path for path in self.source.parent.glob(self.source.name) if path.suffix.lower() in SUFFIXES)

    def at(self, frame: int) -> Image:
        """The picture at a frame from 0 on; uint8, H x W x 3, RGB.

        Raises:
            MediaError: if it cannot be read, or ends before.
        """
        if self._is_still:
            return self._still
        if frame not in self._kept:
            if frame < self._reached:
                self._pictures, self._now, self._ahead = self._read(), None, None
            self._kept[frame] = self._shown_at(frame)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[frame]

    def _shown_at(self, frame: int) -> Image:
        """The last picture that appears up to the frame's time."""
        moment = (frame + SLACK) / self.fps
        if self._now is None:
            self._ahead = next(self._pictures, None)
        while self._ahead is not None and self._ahead.seconds <= moment:
            self._now, self._ahead = self._ahead, next(self._pictures, None)
        self._reached = frame
        if self._now is None or (self._ahead is None and self.frames is not None and frame >= self.frames):
            raise MediaError(
                f"it lasts {self.frames} frames, there is no frame {frame}",
                where=str(self.source),
                way_out="Give a longer one, or render fewer frames",
            )
        return self._now.image

    def _read(self) -> Iterator[TimedImage]:
        with open_video(self.source, self.fps) as video:
            yield from video

    @cached_property
    def _is_still(self) -> bool:
        suffix = self.source.suffix.lower()
        return suffix in SUFFIXES - MAY_MOVE and self.source.is_file()

    @cached_property
    def _still(self) -> Image:
        return read_image(self.source)

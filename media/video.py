"""Video as an iterator: from a file, or from a folder of pictures."""

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from core.errors import MediaError
from core.image import LARGEST_SIDE, Image, Size
from media.read import SUFFIXES, read_image

HD_HEIGHT = 720  # pixels; from here on a video that does not say so is taken as BT.709, below as BT.601
UNEVEN = 0.3  # of the usual gap between frames; a gap that differs by more makes the rate variable
MISSTATED = 0.01  # a stated rate that is further from the frames' own times is not believed
SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
UNSAID = 2  # of colour spaces


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before its pictures are decoded."""

    size: Size  # upright, in pixels
    fps: Fraction  # frames per second; the mean if it varies
    is_variable: bool  # whether frames come at uneven times, so that only their own times tell when they show
    count: int  # frames in the file; a few may be hidden by its edit list
    seconds: Fraction  # from the first frame's appearance to the last one's end


class TimedImage(NamedTuple):
    """A picture and when it appears."""

    seconds: Fraction  # since the first frame
    image: Image  # uint8, H x W x 3, RGB


class VideoReader:
    """The pictures of a video file in order of time, upright, in sRGB. Holds the open file.

    `with VideoReader(path) as video: for seconds, image in video:`; every loop starts at the first frame.
    """

    def __init__(self, path: Path) -> None:
        """Args: path: any video FFmpeg reads."""
        self.path = path

    def __enter__(self) -> Self:
        """Opens the file and reads the times of its frames, but no picture except the first.

        Raises:
            MediaError: if the file is missing, no video, without pictures, damaged or too large.
        """
        try:
            self._container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as fault:
            raise self._fault(f"cannot be opened as a video ({fault.strerror or fault})") from fault
        try:
            self._stream = self._pictures()
            self.info = self._measured()
        except BaseException:
            self._container.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._container.close()

    def __iter__(self) -> Iterator[TimedImage]:
        """All pictures from the first on.

        Yields:
            Pictures with their times, which rise.

        Raises:
            MediaError: if the file is damaged.
        """
        convert = VideoReformatter()
        start: Fraction | None = None
        for n, frame in enumerate(self._frames()):
            time = n / self.info.fps if frame.pts is None else frame.pts * Fraction(frame.time_base)
            start = time if start is None else start
            yield TimedImage(time - start, _image(frame, convert))

    def _frames(self) -> Iterator[Any]:
        """Decoded frames from the first on."""
        try:
            self._container.seek(0)
            yield from self._container.decode(self._stream)
        except av.FFmpegError as fault:
            raise self._fault(f"is damaged ({fault.strerror or fault})") from fault

    def _pictures(self) -> Any:
        """The first track of moving pictures; a cover image is none."""
        for stream in self._container.streams.video:
            if not stream.disposition & av.stream.Disposition.attached_pic:
                stream.thread_type = "AUTO"
                return stream
        what = "has sound but no pictures" if self._container.streams.audio else "has no pictures"
        raise self._fault(what)

    def _measured(self) -> VideoInfo:
        """Times from the file's packets; the size from its first picture, as only that tells how it is turned."""
        times, count = self._times()
        first = next(self._frames(), None)
        if first is None:
            raise self._fault("has no frames")
        size = Size(first.width, first.height)
        if max(size) > LARGEST_SIDE:
            raise self._fault(f"{size} is too large; sides may have up to {LARGEST_SIDE} pixels")
        is_variable = _is_uneven(times)
        span = Fraction(int(times[-1] - times[0])) * self._stream.time_base if times.size > 1 else Fraction(0)
        fps = Fraction(self._stream.average_rate or self._stream.guessed_rate or 1)
        measured = (times.size - 1) / span if span else fps
        if is_variable or abs(fps / measured - 1) > MISSTATED:
            fps = measured
        return VideoInfo(
            size=Size(size.height, size.width) if round(first.rotation / 90) % 2 else size,
            fps=fps,
            is_variable=is_variable,
            count=count,
            seconds=span + 1 / fps,
        )

    def _times(self) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
        """When frames show, ascending, in ticks of the track, and how many there are."""
        try:
            packets = [packet for packet in self._container.demux(self._stream) if packet.size]
        except av.FFmpegError as fault:
            raise self._fault(f"is damaged ({fault.strerror or fault})") from fault
        if len(packets) < self._stream.frames or any(packet.is_corrupt for packet in packets):
            raise self._fault(f"breaks off after {len(packets)} of {self._stream.frames} frames")
        return np.sort([packet.pts for packet in packets if packet.pts is not None]).astype(np.int64), len(packets)

    def _fault(self, what: str) -> MediaError:
        return MediaError(what, where=str(self.path), way_out="Check that it plays elsewhere, or convert it to MP4")


class PictureReader:
    """A folder or pattern of pictures as a video, in the order of the numbers in their names."""

    def __init__(self, source: Path, fps: Fraction) -> None:
        """Args: source: a folder, or a path whose last part has * ? or [...] in it; fps: pictures per second."""
        self.source = source
        self.fps = fps

    def __enter__(self) -> Self:
        """Finds the pictures and reads the first.

        Raises:
            MediaError: if there is none, or the first cannot be read.
        """
        is_folder = self.source.is_dir()
        found = self.source.iterdir() if is_folder else self.source.parent.glob(self.source.name)
        self._files = sorted(
            (path for path in found if path.suffix.lower() in SUFFIXES and path.name[0] != "."), key=_counting
        )
        if not self._files:
            raise MediaError(
                "no pictures here", where=str(self.source), way_out=f"Looked for {', '.join(sorted(SUFFIXES))}"
            )
        count = len(self._files)
        self.info = VideoInfo(Size.of(read_image(self._files[0])), self.fps, False, count, count / self.fps)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def __iter__(self) -> Iterator[TimedImage]:
        """All pictures from the first on.

        Yields:
            Pictures with their times, which rise.

        Raises:
            MediaError: if one cannot be read, or has another size than the first.
        """
        for n, path in enumerate(self._files):
            image = read_image(path)
            if Size.of(image) != self.info.size:
                raise MediaError(f"is {Size.of(image)}, the pictures before it {self.info.size}", where=str(path))
            yield TimedImage(n / self.fps, image)


def open_video(source: Path, pictures_fps: Fraction) -> VideoReader | PictureReader:
    """The reader for a path.

    Args:
        source: a video file, a folder of pictures, or a pattern such as `shots/*.png`.
        pictures_fps: how fast pictures follow each other; a file knows its own rate.
    """
    if source.is_dir() or (glob.has_magic(source.name) and not source.exists()):
        return PictureReader(source, pictures_fps)
    return VideoReader(source)


def _image(frame: Any, convert: VideoReformatter) -> Image:
    """A decoded frame as uint8, H x W x 3, RGB, turned upright."""
    space = frame.colorspace
    if space == UNSAID:
        space = Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    converted = convert.reformat(
        frame, format="rgb24", src_colorspace=space, dst_color_range=ColorRange.JPEG, interpolation=SCALING
    )
    return np.ascontiguousarray(np.rot90(converted.to_ndarray(), round(frame.rotation / 90)))


def _is_uneven(times: np.ndarray[Any, np.dtype[np.int64]]) -> bool:
    """Whether a gap differs much from the usual one, or small differences add up to half a frame."""
    if times.size < 3:
        return False
    gaps = np.diff(times)
    usual, mean = float(np.median(gaps)), (times[-1] - times[0]) / gaps.size
    drift = np.abs(times - times[0] - mean * np.arange(times.size))
    return bool((np.abs(gaps - usual) > UNEVEN * usual).any() or (drift > max(1.0, mean / 2)).any())


def _counting(path: Path) -> list[tuple[int, str]]:
    """Sorts "frame 9" before "frame 10"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]

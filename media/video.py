"""Video as an iterator: from a file, from a folder of pictures, from an animated WebP."""

import glob
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import accumulate, chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import av
import numpy as np
import PIL.Image
from av.video.reformatter import VideoReformatter

from core.errors import MediaError
from core.image import LARGEST_SIDE, Image, Rgba, Size, opaque
from core.telling import tell_once
from media.pixels import Range, dynamic_range, glimpse, image_of, is_transparent, rgba_of
from media.read import MAY_MOVE, SUFFIXES, UNREADABLE, check_one_size, read_image, read_image_and_alpha
from media.sound import SoundInfo, info_of
from media.times import Times

log = logging.getLogger(__name__)

MISSING = 0.1  # of the stated length; a file of pictures alone that ends this much earlier breaks off
MOST_THREADS = 16  # that decode; each holds a frame more
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders of these leave opacity out


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before its pictures are decoded."""

    size: Size  # upright, in pixels
    fps: Fraction  # frames per second; the mean if it varies
    is_variable: bool  # whether frames come at uneven times, so that only their own times tell when they show
    count: int  # frames in the file; a few may be hidden by its edit list
    seconds: Fraction  # from the first frame's appearance to the last one's end
    has_alpha: bool = False  # whether the file can hold opacity, which `rgba` gives
    dynamic_range: Range = Range.SDR  # of the file; pictures are converted to standard range
    sound: SoundInfo | None = None  # of its first sound track
    finest: Fraction | None = None  # a steady rate at which hardly a frame is lost, where they come at uneven times


class TimedImage(NamedTuple):
    """A picture and when it appears."""

    seconds: Fraction  # since the first frame
    image: Image | Rgba  # uint8, H x W x 3, RGB; from `rgba`: H x W x 4


class VideoReader:
    """The pictures of a video file in order of time, upright, in sRGB. Holds the open file.

    `with VideoReader(path) as video: for seconds, image in video:`; every loop starts at the first frame.
    """

    def __init__(self, path: Path) -> None:
        """Args: path: any video FFmpeg reads."""
        self.path = path
        self._begun: Iterator[Any] | None = None

    def __enter__(self) -> Self:
        """Opens the file and reads the times of its frames, but no picture except the first.

        Raises:
            MediaError: if the file is missing, no video, without pictures, damaged or too large.
        """
        if self.path.is_file() and not self.path.stat().st_size:
            raise self._fault("is empty")
        self._open()
        try:
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
        """All pictures from the first on, over black where the file is transparent.

        Yields:
            Pictures with their times, which rise.

        Raises:
            MediaError: if the file is damaged.
        """
        if self.info.has_alpha:
            return (TimedImage(seconds, opaque(image)) for seconds, image in self.rgba())
        return self._converted(partial(image_of, convert=VideoReformatter()))

    def rgba(self) -> Iterator[TimedImage]:
        """All pictures from the first on with their opacity: uint8, H x W x 4.

        Yields:
            As the reader itself.

        Raises:
            MediaError: as there.
        """
        return self._converted(partial(rgba_of, convert=VideoReformatter()))

    def glimpses(self) -> Iterator[TimedImage]:
        """All pictures from the first on, decoded whole but shown small, as they are stored: see `glimpse`.

        Yields:
            As the reader itself, with opacity where the file can hold it.

        Raises:
            MediaError: as there.
        """
        shown = rgba_of if self.info.has_alpha else image_of
        convert = VideoReformatter()
        return self._converted(lambda frame: shown(glimpse(frame), convert))

    def _converted(self, image_of: Callable[[Any], Image | Rgba]) -> Iterator[TimedImage]:
        start: Fraction | None = None
        for n, frame in enumerate(self._frames()):
            time = n / self.info.fps if frame.pts is None else frame.pts * Fraction(frame.time_base)
            start = time if start is None else start
            if frame.is_corrupt:
                tell_once(log, f"{self.path}: has damaged frames, which are shown as far as they can be read")
            yield TimedImage(time - start, image_of(frame))

    def _frames(self) -> Iterator[Any]:
        """Decoded frames from the first on; the first time, what has been begun to measure the file goes on."""
        begun, self._begun = self._begun, None
        return begun or self._decoded()

    def _open(self) -> None:
        """Opens the file at its beginning."""
        try:
            self._container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as fault:
            raise self._fault(f"cannot be opened as a video ({fault.strerror or fault})") from fault
        self._stream = self._pictures()

    def _rewind(self) -> None:
        """Back to the beginning; a bare stream of pictures is opened anew, as nobody knows where they begin in it."""
        try:
            self._container.seek(0)
        except av.error.PermissionError:
            self._container.close()
            self._open()

    def _decoded(self) -> Iterator[Any]:
        try:
            self._rewind()
            if self._holds_alpha_apart():
                yield from self._with_alpha()
            else:
                yield from self._container.decode(self._stream)
        except av.FFmpegError as fault:
            raise self._fault(f"is damaged ({fault.strerror or fault})") from fault

    def _holds_alpha_apart(self) -> bool:
        """Whether opacity lies beside the pictures, where only the codec's own library finds it."""
        return self._stream.codec_context.name in WITH_ALPHA and self._stream.metadata.get("alpha_mode") == "1"

    def _with_alpha(self) -> Iterator[Any]:
        decoder = av.CodecContext.create(WITH_ALPHA[self._stream.codec_context.name], "r")
        for packet in self._container.demux(self._stream):
            yield from decoder.decode(packet if packet.size else None)

    def _pictures(self) -> Any:
        """The first track of moving pictures; a cover image is none."""
        for stream in self._container.streams.video:
            if not stream.disposition & av.stream.Disposition.attached_pic:
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = min(os.cpu_count() or 1, MOST_THREADS)
                return stream
        what = "has sound but no pictures" if self._container.streams.audio else "has no pictures"
        raise self._fault(what)

    def _measured(self) -> VideoInfo:
        """Times from the file's packets; the rest from its first picture, as only that tells how it is turned."""
        times = self._times()
        frames = self._decoded()
        first = next(frames, None)
        if first is None:
            raise self._fault("has no frames")
        self._begun = chain([first], frames)
        size = Size(first.width, first.height)
        if max(size) > LARGEST_SIDE:
            raise self._fault(f"{size} is too large; sides may have up to {LARGEST_SIDE} pixels")
        levels = dynamic_range(first)
        if levels is not Range.SDR:
            tell_once(log, f"{self.path}: is HDR ({levels.upper()}); its pictures are tone-mapped to standard range")
        shape = self._stream.sample_aspect_ratio or 1
        if shape != 1:
            tell_once(log, f"{self.path}: its pixels are not square ({shape}); pictures are taken as they are stored")
        fps = times.rate(Fraction(self._stream.average_rate or self._stream.guessed_rate or 1))
        self._check_whole(times.end(fps), times.count)
        return VideoInfo(
            size=Size(size.height, size.width) if round(first.rotation / 90) % 2 else size,
            fps=fps,
            is_variable=times.is_uneven,
            count=times.count,
            seconds=times.seconds(fps),
            has_alpha=is_transparent(first),
            dynamic_range=levels,
            sound=info_of(self._container),
            finest=times.finest(fps) if times.is_uneven else None,
        )

    def _times(self) -> Times:
        """When frames show, from the file's packets."""
        try:
            packets = [packet for packet in self._container.demux(self._stream) if packet.size]
        except av.FFmpegError as fault:
            raise self._fault(f"is damaged ({fault.strerror or fault})") from fault
        if len(packets) < self._stream.frames or any(packet.is_corrupt for packet in packets):
            raise self._fault(f"breaks off after {len(packets)} of {self._stream.frames} frames")
        return Times.of(packets, self._stream.time_base)

    def _check_whole(self, end: Fraction, count: int) -> None:
        """A file that does not state its frames may state when it ends; sound may be longer than the pictures."""
        stated = Fraction(self._container.duration or 0, av.time_base)
        if not self._container.streams.audio and end < (1 - MISSING) * stated:
            raise self._fault(f"breaks off after {count} frames, at {float(end):.2f} of {float(stated):.2f} s")

    def _fault(self, what: str) -> MediaError:
        return MediaError(what, where=str(self.path), way_out="Check that it plays elsewhere, or convert it to MP4")


class PictureReader:
    """A folder or pattern of pictures as a video, in the order of the numbers in their names."""

    def __init__(self, source: Path, fps: Fraction) -> None:
        """Args: source: a folder, a picture, or a path with * ? or [...] in its last part; fps: pictures per second."""
        self.source = source
        self.fps = fps

    def __enter__(self) -> Self:
        """Finds the pictures and reads the first.

        Raises:
            MediaError: if there is none, the first cannot be read, or they are not of one size.
        """
        if self.source.is_file():
            found: Iterable[Path] = [self.source]
        else:
            found = self.source.iterdir() if self.source.is_dir() else self.source.parent.glob(self.source.name)
        self._files = sorted(
            (path for path in found if path.suffix.lower() in SUFFIXES and path.name[0] != "."), key=_counting
        )
        if not self._files:
            raise MediaError(
                "no pictures here", where=str(self.source), way_out=f"Looked for {', '.join(sorted(SUFFIXES))}"
            )
        count = len(self._files)
        image, alpha = read_image_and_alpha(self._files[0])
        check_one_size(self._files)
        has_alpha = bool(alpha.min() < 1)
        self.info = VideoInfo(Size.of(image), self.fps, False, count, count / self.fps, has_alpha)
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
            MediaError: if one cannot be read.
        """
        return self._read(read_image)

    def rgba(self) -> Iterator[TimedImage]:
        """All pictures from the first on with their opacity: uint8, H x W x 4.

        Yields:
            As the reader itself.

        Raises:
            MediaError: as there.
        """
        return self._read(_rgba_in)

    def _read(self, image_in: Callable[[Path], Image | Rgba]) -> Iterator[TimedImage]:
        for n, path in enumerate(self._files):
            image = image_in(path)
            yield TimedImage(n / self.fps, image)


class AnimationReader:
    """An animated WebP as a video; FFmpeg reads none. Holds the open file."""

    def __init__(self, path: Path) -> None:
        """Args: path: a WebP file."""
        self.path = path

    def __enter__(self) -> Self:
        """Opens the file and reads the times of its frames, which takes decoding them.

        Raises:
            MediaError: if the file is missing, no WebP, damaged or too large.
        """
        try:
            self._picture = PIL.Image.open(self.path, formats=["WEBP"])
            if max(self._picture.size) > LARGEST_SIDE:
                raise self._fault(f"{Size(*self._picture.size)} is too large; sides may have up to {LARGEST_SIDE}")
            lasting = [self._lasting(n) for n in range(getattr(self._picture, "n_frames", 1))]
        except UNREADABLE as fault:
            raise self._fault(f"cannot be read ({getattr(fault, 'strerror', None) or fault})") from fault
        self._starts = list(accumulate(lasting[:-1], initial=Fraction(0)))
        count, seconds = len(lasting), sum(lasting, Fraction(0))
        fps = count / seconds if seconds else Fraction(1)
        is_variable = max(lasting) - min(lasting) > Fraction(1, 1000)  # all times are whole thousandths
        has_alpha = self._picture.mode == "RGBA"
        self.info = VideoInfo(Size(*self._picture.size), fps, is_variable, count, seconds or 1 / fps, has_alpha)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._picture.close()

    def __iter__(self) -> Iterator[TimedImage]:
        """All pictures from the first on, over black where they are transparent.

        Yields:
            Pictures with their times, which rise.

        Raises:
            MediaError: if the file is damaged.
        """
        return (TimedImage(seconds, opaque(image)) for seconds, image in self.rgba())

    def rgba(self) -> Iterator[TimedImage]:
        """All pictures from the first on with their opacity: uint8, H x W x 4.

        Yields:
            As the reader itself.

        Raises:
            MediaError: as there.
        """
        for n, start in enumerate(self._starts):
            try:
                self._picture.seek(n)
                yield TimedImage(start, np.array(self._picture.convert("RGBA")))
            except UNREADABLE as fault:
                raise self._fault(f"is damaged at frame {n} ({fault})") from fault

    def _lasting(self, n: int) -> Fraction:
        """How long a frame shows, seconds."""
        self._picture.seek(n)
        self._picture.load()
        return Fraction(round(self._picture.info.get("duration", 0)), 1000)

    def _fault(self, what: str) -> MediaError:
        return MediaError(what, where=str(self.path), way_out="Check that it shows elsewhere")


Reader = VideoReader | PictureReader | AnimationReader


def open_video(source: Path, pictures_fps: Fraction) -> Reader:
    """The reader for a path.

    Args:
        source: a video file, a picture, an animated one, a folder of pictures, or a pattern such as `shots/*.png`.
        pictures_fps: how fast pictures follow each other; a file knows its own rate.
    """
    is_picture = source.suffix.lower() in SUFFIXES - MAY_MOVE and source.is_file()
    if is_picture or source.is_dir() or (glob.has_magic(source.name) and not source.exists()):
        return PictureReader(source, pictures_fps)
    return AnimationReader(source) if source.suffix.lower() == ".webp" else VideoReader(source)


def _rgba_in(path: Path) -> Rgba:
    """A picture file with its opacity."""
    image, alpha = read_image_and_alpha(path)
    return np.dstack([image, np.round(alpha * 255).astype(np.uint8)])


def _counting(path: Path) -> list[tuple[int, str]]:
    """Sorts "frame 9" before "frame 10"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]

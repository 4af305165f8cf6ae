"""H.264 in MP4: plays everywhere."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import av
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from pydantic import Field

from core.errors import MediaError
from core.image import Image, Size
from media.atomic import replacing
from media.behind import Write, behind

LARGEST_TERM = 2**31 - 1  # of the fraction fps, as MP4 counts time in whole numbers of 32 bits
SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


@dataclass(frozen=True, slots=True)
class Options:
    """How well and how fast frames are compressed."""

    crf: Annotated[float, Field(ge=0, le=51)] = (
        17.0  # 0 is best, 51 worst; 17 looks like the frames, 23 is half the size
    )
    preset: Preset = "slow"  # slower makes smaller files of the same look


@dataclass(frozen=True, slots=True)
class Mp4:
    """Writes yuv420p in BT.709 at one rate, every frame once from time 0, ready to play while it loads."""

    options: Options
    suffix: ClassVar[str] = ".mp4"

    def check(self, size: Size, fps: Fraction) -> None:
        """Sides must be even, and the rate a fraction of 32-bit numbers."""
        if size.width % 2 or size.height % 2:
            even = Size(size.width + size.width % 2, size.height + size.height % 2)
            raise MediaError(f"H.264 needs even sides, and {size} has an odd one", way_out=f"Render at {even}")
        if fps <= 0 or max(fps.numerator, fps.denominator) > LARGEST_TERM:
            raise MediaError(
                f"{fps} frames per second cannot be kept exactly", way_out="Write a shorter fraction, as in 24000/1001"
            )

    def open(self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str]) -> AbstractContextManager[Write]:
        """See `Exporter.open`."""
        self.check(size, fps)
        return behind(partial(self._encode, path, size, fps, text))

    def _encode(self, path: Path, size: Size, fps: Fraction, text: Mapping[str, str], images: Iterator[Image]) -> None:
        """Writes all images, whole or not at all."""
        movflags = "+faststart+use_metadata_tags"  # the index in front; texts under any keyword
        try:
            with (
                replacing(path) as temporary,
                av.open(str(temporary), "w", format="mp4", options={"movflags": movflags}) as container,
            ):
                container.metadata.update(text)
                stream = self._stream(container, size, fps)
                convert = VideoReformatter()
                count = 0
                for count, image in enumerate(images, start=1):
                    container.mux(stream.encode(_frame(convert, image, count - 1, fps)))
                if not count:
                    raise MediaError("no frame was handed over", where=str(path))
                container.mux(stream.encode())
        except av.FFmpegError as fault:
            raise MediaError(f"cannot be encoded ({fault.strerror or fault})", where=str(path)) from fault

    def _stream(self, container: Any, size: Size, fps: Fraction) -> Any:
        """The video track, tagged with what its numbers mean."""
        stream = container.add_stream(
            "libx264", rate=fps, options={"crf": f"{self.options.crf:g}", "preset": self.options.preset}
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        codec = stream.codec_context
        codec.time_base = 1 / fps
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
        return stream


def build(options: Options, pool: object) -> Mp4:
    """The exporter; the pool is not needed."""
    return Mp4(options)


def _frame(convert: VideoReformatter, image: Image, index: int, fps: Fraction) -> Any:
    """An image as a frame of the video, in limited-range BT.709."""
    frame = convert.reformat(
        av.VideoFrame.from_ndarray(image, "rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=SCALING,
    )
    frame.pts, frame.time_base = index, 1 / fps
    return frame

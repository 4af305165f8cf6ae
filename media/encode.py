"""Frames into files through FFmpeg: encoded in step with their sound, checked, and named when they are whole."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from core.errors import MediaError
from core.image import Image, Rgba, Size, opaque
from media.ahead import ahead
from media.atomic import replacing
from media.captions import Caption, CaptionTrack
from media.sound import RATE, Samples, Soundtrack, portions
from media.verify import Witness

LARGEST_TERM = 2**31 - 1  # of the fraction fps, as most files count time in whole numbers of 32 bits
SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


@dataclass(frozen=True, slots=True)
class Clip:
    """A file to be written and what all its frames share."""

    path: Path
    size: Size
    fps: Fraction
    text: Mapping[str, str]
    sound: Soundtrack | None = None
    captions: Sequence[Caption] = ()


@dataclass(frozen=True, slots=True)
class Encoding:
    """How frames become a file, in FFmpeg's words."""

    container: str
    codec: str
    pixels: str  # pixel format
    options: Mapping[str, str] = field(default_factory=dict)  # of the codec
    container_options: Mapping[str, str] = field(default_factory=dict)
    sound: str = ""  # codec; none if empty
    has_alpha: bool = False
    tick: Fraction | None = None  # seconds; what the format counts time in, if that is coarser than frames
    is_left_sited: bool = False  # whether chroma stands where the left of two pixels does, not between them


def check_rate(fps: Fraction) -> None:
    """Raises MediaError for a rate that no file can keep."""
    if fps <= 0 or max(fps.numerator, fps.denominator) > LARGEST_TERM:
        raise MediaError(
            f"{fps} frames per second cannot be kept exactly", way_out="Write a shorter fraction, as in 24000/1001"
        )


def check_step(size: Size, step: Size, what: str) -> None:
    """Raises MediaError for a size whose sides are no multiples of `step`."""
    if size.width % step.width or size.height % step.height:
        larger = Size(*(-side // of * -of for side, of in zip(size, step, strict=True)))
        smaller = Size(*(max(of, side // of * of) for side, of in zip(size, step, strict=True)))
        needs = "even sides" if step == (2, 2) else f"sides in steps of {step}"
        raise MediaError(
            f"{what} needs {needs}, and {size} has others",
            way_out=f"Render at {larger}, or let exports fit it: pad to {larger}, crop to {smaller}",
        )


def encode(encoding_of: Callable[[bool], Encoding], clip: Clip, images: Iterator[Image | Rgba]) -> None:
    """Writes all images, whole or not at all; what was written is decoded and compared before it gets its name.

    Args:
        encoding_of: whether the frames have opacity, to how they are encoded.
        clip: the file.
        images: H x W x 3, or H x W x 4 with opacity; all alike.

    Raises:
        MediaError: if the file cannot be written, comes back different, or no frame came.
    """
    first = next(images, None)
    if first is None:
        raise MediaError("no frame was handed over", where=str(clip.path))
    encoding = encoding_of(first.shape[2] == 4)
    witness = Witness(encoding.has_alpha)
    try:
        with replacing(clip.path) as temporary:
            _write(temporary, encoding, clip, witness.seeing(chain([first], images)))
            witness.compare(temporary, clip.path, clip.size, clip.fps)
    except av.FFmpegError as fault:
        raise MediaError(f"cannot be encoded ({fault.strerror or fault})", where=str(clip.path)) from fault


def _write(path: Path, encoding: Encoding, clip: Clip, images: Iterator[Image | Rgba]) -> None:
    options = {"fflags": "+bitexact", **encoding.container_options}  # the same frames, the same bytes
    with av.open(str(path), "w", format=encoding.container, options=options) as container:
        container.metadata.update(clip.text)
        stream = _pictures(container, encoding, clip)
        sounds = _Sound(container, encoding.sound, portions(clip.sound, clip.fps)) if clip.sound else None
        words = CaptionTrack(container, clip.captions) if clip.captions else None
        for n, frame in enumerate(ahead(_frames(encoding, clip, images))):
            container.mux(stream.encode(frame))
            if sounds:
                sounds.go_on()
            if words:
                words.go_on((n + 1) / clip.fps)
        container.mux(stream.encode())
        if sounds:
            sounds.end()


def _pictures(container: Any, encoding: Encoding, clip: Clip) -> Any:
    """The video track, tagged with what its numbers mean."""
    stream = container.add_stream(encoding.codec, rate=clip.fps, options=dict(encoding.options))
    stream.width, stream.height, stream.pix_fmt = *clip.size, encoding.pixels
    codec = stream.codec_context
    codec.time_base = encoding.tick or 1 / clip.fps
    codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    if _is_yuv(encoding.pixels):
        codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
    return stream


def _is_yuv(pixels: str) -> bool:
    return pixels.startswith("yuv")


def _frames(encoding: Encoding, clip: Clip, images: Iterator[Image | Rgba]) -> Iterator[Any]:
    """Images as frames of the video."""
    convert = VideoReformatter()
    sited = _left_sited(clip) if encoding.is_left_sited else None
    for n, image in enumerate(images):
        levels = np.ascontiguousarray(image if encoding.has_alpha else opaque(image))  # frames show them as they lie
        frame = av.VideoFrame.from_numpy_buffer(levels, "rgba" if levels.shape[2] == 4 else "rgb24")
        if sited:
            sited.push(frame)
            frame = sited.pull()
        frame = _converted(convert, frame, encoding.pixels)
        frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        frame.time_base = encoding.tick or 1 / clip.fps
        frame.pts = round(n / clip.fps / encoding.tick) if encoding.tick else n
        yield frame


def _converted(convert: VideoReformatter, frame: Any, pixels: str) -> Any:
    """A frame in another pixel format; in limited-range BT.709 if that is YUV."""
    if not _is_yuv(pixels):
        return convert.reformat(frame, format=pixels)
    return convert.reformat(
        frame,
        format=pixels,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=SCALING,
        threads=1,
    )


def _left_sited(clip: Clip) -> Any:
    """Marks opaque frames, so that what they are converted to has its chroma at the left; without, it is between."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=clip.size.width, height=clip.size.height, format="rgb24", time_base=1 / clip.fps)
    graph.link_nodes(source, graph.add("setparams", "chroma_location=left"), graph.add("buffersink")).configure()
    return graph


class _Sound:
    """The sound track of a file on its way; goes on by one frame at a time, so that the file is interleaved."""

    def __init__(self, container: Any, codec: str, sounds: Iterator[Samples]) -> None:
        self._container, self._sounds, self._seen = container, sounds, 0
        options = {"b": "256k"} if codec in ("aac", "libopus") else {}
        self._stream = container.add_stream(codec, rate=RATE, layout="stereo", options=options)

    def go_on(self) -> None:
        """Encodes what sounds during the next frame."""
        samples = next(self._sounds)
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "flt", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._seen, Fraction(1, RATE)
        self._seen += len(samples)
        self._container.mux(self._stream.encode(frame))

    def end(self) -> None:
        """Encodes what still waits."""
        self._container.mux(self._stream.encode())

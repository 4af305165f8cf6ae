"""Sound: what a file holds of it, its samples, and the sound track that goes with a clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError

Samples = NDArray[np.float32]  # N x channels, -1..1


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What is known of the sound in a file before it is decoded."""

    rate: int  # samples per second
    channels: int
    seconds: Fraction | None  # length as the file states it; None if it does not


def sound_info(path: Path) -> SoundInfo | None:
    """What a sound or video file holds of sound; None if it holds none.

    Raises:
        MediaError: if the file is missing or neither.
    """
    with opened(path) as container:
        return info_of(container)


def info_of(container: Any) -> SoundInfo | None:
    """The first sound track of an open file."""
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    if stream.duration:
        seconds: Fraction | None = stream.duration * stream.time_base
    else:
        seconds = Fraction(container.duration, av.time_base) if container.duration else None
    return SoundInfo(stream.codec_context.sample_rate, stream.codec_context.channels, seconds)


def read_sound(path: Path, rate: int | None = None, *, mono: bool = False) -> tuple[Samples, int]:
    """All sound of a file: float32, N x channels, -1..1, and its samples per second.

    Args:
        path: any sound or video file FFmpeg reads.
        rate: samples per second to resample to; the file's own if None.
        mono: all channels mixed into one; else two channels at most.

    Raises:
        MediaError: if the file is missing, without sound, or damaged before its first sample.
    """
    info = sound_info(path)
    if info is None:
        raise MediaError("has no sound", where=str(path))
    rate = rate or info.rate
    blocks = list(sound_blocks(path, rate, channels=1 if mono else min(info.channels, 2)))
    if not blocks:
        raise MediaError("has no sound", where=str(path), way_out="Check that it plays elsewhere")
    return np.concatenate(blocks), rate


def sound_blocks(path: Path, rate: int, *, channels: int) -> Iterator[Samples]:
    """The sound of a file, block by block: float32, n x channels, -1..1, from the first sample on.

    Args:
        path: as in `read_sound`.
        rate: samples per second.
        channels: 1 or 2.

    Raises:
        MediaError: as there.
    """
    resampler = av.AudioResampler("flt", "mono" if channels == 1 else "stereo", rate)
    with opened(path) as container:
        if not container.streams.audio:
            raise MediaError("has no sound", where=str(path))
        try:
            for n, frame in enumerate(container.decode(audio=0)):
                if n == 0 and (late := round(_lateness(container, frame) * rate)) > 0:
                    yield np.zeros((late, channels), np.float32)
                frame.pts = None
                for block in resampler.resample(frame):
                    yield _samples(block, channels)
            for block in resampler.resample(None):
                yield _samples(block, channels)
        except av.FFmpegError as fault:
            raise MediaError(f"its sound is damaged ({fault.strerror or fault})", where=str(path)) from fault


def opened(path: Path) -> Any:
    """A file opened for reading.

    Raises:
        MediaError: if it is missing, or no sound or video.
    """
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as fault:
        raise MediaError(f"cannot be opened as sound or video ({fault.strerror or fault})", where=str(path)) from fault


def _lateness(container: Any, first: Any) -> Fraction:
    """Seconds by which a video's sound starts after its pictures; 0 for sound alone."""
    if not container.streams.video or container.streams.video[0].start_time is None or first.pts is None:
        return Fraction(0)
    pictures = container.streams.video[0]
    return Fraction(first.pts * first.time_base - pictures.start_time * pictures.time_base)


def _samples(frame: Any, channels: int) -> Samples:
    return np.ascontiguousarray(frame.to_ndarray().reshape(-1, channels))

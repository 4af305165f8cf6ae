"""Sound: what a file holds of it, its samples, and the sound track that goes with a clip."""

import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, islice, repeat
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError

RATE = 48000  # samples per second of what is written
STEREO = 2
SLOWEST = 0.5  # of one atempo filter
Samples = NDArray[np.float32]  # N x channels, -1..1


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What is known of the sound in a file before it is decoded."""

    rate: int  # samples per second
    channels: int
    seconds: Fraction | None  # length as the file states it; None if it does not


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """The sound that goes with a clip: as long as the clip, to the sample."""

    path: Path  # any sound or video file
    start: Fraction = Fraction(0)  # seconds of the sound left out at its start; negative: silence before it
    volume: float = 1.0  # 0 silent, 1 as it is
    is_looped: bool = False  # whether it starts again where it ends; silence if not
    tempo: float = 1.0  # 2 is twice as fast, 0.5 half; the pitch stays


def portions(track: Soundtrack, fps: Fraction, rate: int = RATE) -> Iterator[Samples]:
    """The sound of one frame after the other, without end: float32, n x 2.

    After N frames round(N * rate / fps) samples have come, so that sound never runs away from pictures.

    Raises:
        MediaError: if the file is missing, without sound or damaged.
    """
    blocks, rest, taken = chain(played(track, rate), _silence(rate)), np.zeros((0, STEREO), np.float32), 0
    for n in count(1):
        wanted = round(n * rate / fps) - taken
        waiting, length = [rest], len(rest)
        while length < wanted:
            waiting.append(next(blocks))
            length += len(waiting[-1])
        whole = np.concatenate(waiting)
        yield whole[:wanted]
        rest, taken = whole[wanted:], taken + wanted


def played(track: Soundtrack, rate: int) -> Iterator[Samples]:
    """A sound track block by block: float32, n x 2; to its end, or without end if it is looped.

    Raises:
        MediaError: as `portions`.
    """
    if track.start < 0:
        yield np.zeros((round(-track.start * rate), STEREO), np.float32)
    has_sound = True
    while has_sound:
        skipped, has_sound = round(max(track.start, Fraction(0)) * rate), False
        blocks = sound_blocks(track.path, rate, channels=STEREO)
        for block in blocks if track.tempo == 1 else _at_tempo(blocks, rate, track.tempo):
            kept = block[min(skipped, len(block)) :]
            skipped -= len(block) - len(kept)
            has_sound = has_sound or len(kept) > 0
            yield kept * np.float32(track.volume)
        has_sound = has_sound and track.is_looped


def _silence(rate: int) -> Iterator[Samples]:
    return repeat(np.zeros((rate, STEREO), np.float32))


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


def _at_tempo(blocks: Iterator[Samples], rate: int, tempo: float) -> Iterator[Samples]:
    """Sound faster or slower by overlapping pieces of itself (WSOLA, FFmpeg's atempo), so that the pitch stays."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="stereo", time_base=Fraction(1, rate))
    nodes = [source, *(graph.add("atempo", f"{factor:.9g}") for factor in _factors(tempo)), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    seen = 0
    for block in chain(blocks, [None]):
        frame = None
        if block is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), "flt", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, seen, Fraction(1, rate)
            seen += len(block)
        graph.push(frame)
        yield from _pulled(graph)


def _factors(tempo: float) -> list[float]:
    """Factors from 0.5 up, as atempo takes them, whose product is the tempo."""
    factors = []
    while tempo < SLOWEST:
        factors.append(SLOWEST)
        tempo /= SLOWEST
    return [*factors, tempo]


def _pulled(graph: Any) -> Iterator[Samples]:
    """What has come out of a filter graph."""
    while True:
        try:
            yield _samples(graph.pull(), STEREO)
        except (av.error.BlockingIOError, av.error.EOFError):
            return


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


def write_wav(path: Path, track: Soundtrack, length: int) -> None:
    """Writes the first `length` samples of a sound track, 16 bits, RATE a second."""
    blocks = islice(portions(track, Fraction(1)), -(-length // RATE))
    _write_wav(path, (block[: length - n * RATE] for n, block in enumerate(blocks)))


def write_samples(path: Path, samples: Samples) -> None:
    """Writes samples, N x 2, RATE a second, 16 bits."""
    _write_wav(path, [samples])


def _write_wav(path: Path, blocks: Iterable[Samples]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(STEREO)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for samples in blocks:
            file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())

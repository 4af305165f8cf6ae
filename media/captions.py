"""Captions: words that go with moments of a video, as a text track inside the file."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import av

CODEC = "mov_text"
TICK = Fraction(1, 1000)  # seconds
LONGEST = 0xFFFF  # bytes of one text
HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    b"MarginV, Encoding\r\nStyle: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n"
    b"\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)  # the style that FFmpeg asks for before it begins such a track


class Caption(NamedTuple):
    """What is said from a moment on, until the next."""

    start: Fraction  # seconds
    end: Fraction  # seconds
    text: str


class CaptionTrack:
    """The text track of a file on its way, in step with its pictures."""

    def __init__(self, container: Any, captions: Sequence[Caption]) -> None:
        """Args: captions: in order of their start."""
        self._container, self._waiting = container, iter(_in_ticks(captions))
        self._next = next(self._waiting, None)
        self._stream = container.add_stream(CODEC)
        self._stream.codec_context.subtitle_header = HEADER
        self._stream.codec_context.time_base = self._stream.time_base = TICK

    def go_on(self, seconds: Fraction) -> None:
        """Writes what starts before a moment."""
        while self._next is not None and self._next[0] * TICK < seconds:
            start, end, text = self._next
            packet = av.Packet(len(text).to_bytes(2, "big") + text)
            packet.stream, packet.time_base = self._stream, TICK
            packet.pts = packet.dts = start
            packet.duration = end - start
            self._container.mux(packet)
            self._next = next(self._waiting, None)


def _in_ticks(captions: Sequence[Caption]) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and text of each as the track holds them: without gaps or overlaps, cut to what fits."""
    starts = [int(caption.start / TICK) for caption in captions]
    ends = [after for _, after in pairwise(starts)] + [int(caption.end / TICK) for caption in captions[-1:]]
    for start, end, caption in zip(starts, ends, captions, strict=True):
        if end > start:
            yield start, end, caption.text.encode()[:LONGEST].decode(errors="ignore").encode()

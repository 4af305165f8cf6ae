"""Times: when the frames of a video show, as its packets say before any is decoded."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNEVEN = 0.3  # of the usual gap between frames; a gap that differs by more makes the rate variable
SHORT = 0.1  # share of the gaps that may be shorter than those a rate goes by
MISSTATED = 0.01  # a stated rate that is further from the frames' own times is not believed

Ticks = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """The frames of a file by their times."""

    shown: Ticks  # when each shows, ascending; none where the file does not say
    count: int  # frames
    tick: Fraction  # seconds

    @classmethod
    def of(cls, packets: list[Any], tick: Fraction) -> "Times":
        """The times of packets that hold a frame each."""
        shown = np.sort([packet.pts for packet in packets if packet.pts is not None]).astype(np.int64)
        return cls(shown, len(packets), tick)

    @property
    def is_uneven(self) -> bool:
        """Whether a gap differs much from the usual one, or small differences add up to half a frame."""
        if self.shown.size < 3:
            return False
        gaps = np.diff(self.shown)
        usual, mean = float(np.median(gaps)), (self.shown[-1] - self.shown[0]) / gaps.size
        drift = np.abs(self.shown - self.shown[0] - mean * np.arange(self.shown.size))
        return bool((np.abs(gaps - usual) > UNEVEN * usual).any() or (drift > max(1.0, mean / 2)).any())

    def rate(self, stated: Fraction) -> Fraction:
        """Frames per second: what the file states, or the mean where frames show at other times."""
        if not self._span:
            return stated
        measured = (self.shown.size - 1) / self._span
        return measured if self.is_uneven or abs(stated / measured - 1) > MISSTATED else stated

    def finest(self, fps: Fraction) -> Fraction:
        """The whole rate at which hardly a frame is lost where they come at uneven times; else the file's own."""
        gap = int(np.quantile(np.diff(self.shown), SHORT, method="lower")) if self.is_uneven else 0
        return Fraction(max(1, round(1 / (gap * self.tick)))) if gap else fps

    def seconds(self, fps: Fraction) -> Fraction:
        """From the first frame's appearance to the last one's end."""
        return (self._span if self.shown.size else (self.count - 1) / fps) + 1 / fps

    def end(self, fps: Fraction) -> Fraction:
        """When the last frame ends, on the file's own clock, which may begin late; seconds."""
        late = max(0, int(self.shown[0])) if self.shown.size else 0
        return late * self.tick + self.seconds(fps)

    @property
    def _span(self) -> Fraction:
        """From the first frame's appearance to the last one's."""
        return int(self.shown[-1] - self.shown[0]) * self.tick if self.shown.size else Fraction(0)

"""Source: the clip that a project draws over, and the numbers of how its pictures are carried along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

Coherence = Literal["none", "carry", "full"]
Grain = Literal["seed", "flow"]
SourceFit = Literal["stretch", "crop", "fill"]


@dataclass(frozen=True, slots=True)
class Source:
    """The clip that mode stylize draws over."""

    clip: str  # path of a video, a folder of pictures, or a pattern such as shots/*.png, relative to the project file
    start: Annotated[int, Field(ge=0, le=10_000_000)] = 0  # frames of the clip left out at its start
    fit: SourceFit = "crop"  # how its pictures come to the size of frames: stretched, cut, or filled up at the edges
    coherence: Coherence = "full"  # none: each frame for itself; carry: moved along; full: with anchors and smoothing
    grain: Grain = "seed"  # the noise of each frame: as `seeds` says, or moved along with what is shown
    cuts: bool = True  # whether another scene begins afresh
    flow: str = "dis"  # who sees how its pixels move
    options: Mapping[str, Any] = field(default_factory=dict)  # of that flow estimator
    compare: bool = False  # whether NAME.compare is written, too: the clip at the left, what was drawn at the right


@dataclass(frozen=True, slots=True)
class Stylize:
    """The keyframable numbers of how a stylized frame keeps to those before it."""

    carry: float = 1.0  # 0..1, how much of the frame before is drawn over; 0 draws over the clip alone
    renewal: float = 0.35  # 0..1, share of the denoising that carried parts get; what comes into view gets all of it
    anchor: float = 0.0  # frames, truncated, from one anchor to the next; 0: a new one where too little is carried
    color: float = 1.0  # 0..1, how much the colours of carried parts are held against drifting
    attention: float = 0.0  # 0..1, how much a frame looks at its anchor and the frame before while it is drawn; slow
    smooth: float = 0.85  # 0..1, how much of what was carried shows through what was drawn; stops flicker


PRESETS: Mapping[str, Mapping[str, float]] = {
    "none": {"carry": 0.0, "renewal": 1.0, "color": 0.0, "smooth": 0.0, "attention": 0.0},
    "carry": {"carry": 1.0, "renewal": 0.3, "anchor": 1.0, "color": 1.0, "smooth": 0.0},
    "full": {},
}  # what a coherence means, where the project does not say it itself
SHAPES: Mapping[str, float] = {"inversion": 3.0}  # of `sampling`: a clip drawn over keeps its shapes


def with_coherence(data: Mapping[str, Any]) -> dict[str, Any]:
    """Project data with the numbers that its source's coherence stands for, and SHAPES, where it does not give them.

    A project written out again holds them, and means the same.
    """
    source, numbers, sampling = data.get("source"), data.get("stylize", {}), data.get("sampling", {})
    if not all(isinstance(part, Mapping) for part in (source, numbers, sampling)):
        return dict(data)
    assert isinstance(source, Mapping)
    coherence = source.get("coherence", "full")
    meant = PRESETS.get(coherence, {}) if isinstance(coherence, str) else {}
    return {**data, "sampling": {**SHAPES, **sampling}, **({"stylize": {**meant, **numbers}} if meant else {})}

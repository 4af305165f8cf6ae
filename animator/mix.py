"""Mix: the keyframable numbers of what comes into a frame from elsewhere; and how frames grow out of each other."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

FlowName = Literal["none", "dis", "dis-fine", "farneback", "raft"]
Blank = Literal["stop", "reroll", "ignore"]


@dataclass(frozen=True, slots=True)
class Mix:
    """The keyframable numbers of what comes into a frame from elsewhere. They act where a section asks for it."""

    video: float = 0.5  # 0..1, share of the composite with the video (hybrid.composite)
    mask_blend: float = 0.5  # 0..1, share of the video in the mask `blend` (hybrid.mask)
    mask_contrast: float = 1.0  # 0 or more; contrast of the mask about its mean (hybrid.mask)
    mask_low: float = 0.0  # percentile 0..100 of the mask that turns black, truncated (hybrid.auto_contrast)
    mask_high: float = 100.0  # percentile 0..100 of the mask that turns white, truncated (hybrid.auto_contrast)
    motion: float = 1.0  # how much of the video's optical flow moves the picture (hybrid.motion); negative: backward
    cadence_flow: float = 1.0  # how much of the flow between two generated pictures is gone (feedback.flow_cadence)
    redo_flow: float = 1.0  # how much of the flow between moved and redone picture is taken back (feedback.flow_redo)
    guide_peak: float = 0.35  # middle of the guide's share while it comes in (guide)
    guide_swing: float = 0.25  # how far that share swings about its middle (guide)
    guide_frames: float = 20.0  # frames over which the share swings (guide)
    guide_color: float = 0.075  # 0..1, share of the guide in the colours a picture is brought to (guide)


@dataclass(frozen=True, slots=True)
class FeedbackRules:
    """How a frame grows out of the one before, beyond camera, colours and noise."""

    flow_cadence: FlowName = "none"  # who sees motion between two generated pictures, so that they meet and not fade
    flow_redo: FlowName = "none"  # who sees motion in a picture drawn for trial, which is then drawn over
    redo: Annotated[int, Field(ge=0, le=50)] = 0  # how often a picture is drawn over with a seed of its own
    blank: Blank = "stop"  # a black picture: stop, reroll with the next seed, or ignore and take it
    patience: Annotated[int, Field(ge=1, le=1000)] = 10  # how many seeds `reroll` tries

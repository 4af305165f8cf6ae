"""Trail: how a clip moves from an anchor frame on, and how far that is to be believed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from animator.showing import Ready
from core.image import FlowField, Image, Mask
from motion.fields import agreement, carried, composed, motion_edges, warped

UNLIKE = 30.0  # levels; a picture moved along that is so far from what is there now is not believed
SEEN = 0.012  # of the height; spread over which likeness is judged
RIM = 1  # pixels that a believed area loses all around
SOFT = 1.5  # pixels; how soft its edge is then
OUTSIDE = 6  # pixels from the border; what is not believed there comes in from outside
CELL = 14  # pixels around it that are drawn with it; a model knows no finer parts than 8 or 16


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame of a clip, and how it came from the one before."""

    image: Image
    flow: FlowField | None = None  # image(p) = before(p + flow(p)); None at the first frame, or where nobody asks
    back: FlowField | None = None  # before(p) = image(p + back(p))
    belief: Mask | None = None  # 0 or 1: where the flow is believed
    is_cut: bool = False  # whether another scene begins here
    ready: Mapping[int, Ready] = field(default_factory=dict)  # what control units are shown of it, by their place


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """The way from an anchor to a later frame, as one flow: read once, pictures do not blur on it."""

    anchor: int  # frame
    index: int  # frame
    first: Image  # the clip's picture at the anchor
    flow: FlowField  # picture(p) = anchor(p + flow(p))
    belief: Mask  # 0..1: where every step was believed, and the two pictures are alike

    @classmethod
    def begun(cls, index: int, look: Look) -> "Trail":
        """The way from a frame to itself."""
        height, width = look.image.shape[:2]
        still, whole = np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32)
        return cls(index, index, look.image, still, whole)

    def then(self, look: Look) -> "Trail":
        """On to the next frame, of the same scene."""
        assert look.flow is not None and look.belief is not None
        flow = composed(self.flow, look.flow)
        belief = carried(self.belief, look.flow) * look.belief * alike(warped(self.first, flow), look.image)
        return Trail(self.anchor, self.index + 1, self.first, flow, belief)

    @property
    def share(self) -> float:
        """How much of the picture is still believed, 0..1."""
        return float(self.belief.mean())


def believed(flow: FlowField, back: FlowField, before: Image, image: Image) -> Mask:
    """1 where a step is believed: both ways agree, no outline of a mover is near, and the pictures are alike there."""
    return np.asarray(agreement(flow, back) * (1 - motion_edges(flow)) * alike(warped(before, flow), image), np.float32)


def alike(one: Image, other: Image) -> Mask:
    """1 where two pictures are alike within a small neighbourhood, else 0."""
    spread = max(0.5, SEEN * one.shape[0])
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    apart = cv2.max(cv2.max(red, green), blue).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(apart, (0, 0), spread) < UNLIKE, np.float32)


def softened(belief: Mask) -> Mask:
    """Belief with a soft edge that lies inside the believed area."""
    core = cv2.erode(belief, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8))
    return np.asarray(np.minimum(cv2.GaussianBlur(core, (0, 0), SOFT), belief), np.float32)


def entering(belief: Mask) -> Mask:
    """1 where something comes in at the border, and a cell of the model around it, with a soft edge; else 0.

    A strip of a few pixels alone cannot be drawn: it would go on with what lies beside it, frame after frame.
    """
    strip = (belief < 0.5).astype(np.uint8)
    strip[OUTSIDE:-OUTSIDE, OUTSIDE:-OUTSIDE] = 0
    if not strip.any():
        return np.zeros_like(belief)
    wide = cv2.dilate(strip, np.ones((2 * CELL + 1, 2 * CELL + 1), np.uint8)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), SOFT), np.float32)

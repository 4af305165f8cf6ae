"""Likeness of a clip to a reference: how far its motion is from the motion there, and what it keeps of it."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import FlowField, Image, Size
from interpolation.meter import mean_lab, measurable
from interpolation.seam import Score

LOW, HIGH = 100.0, 200.0  # levels; Canny's thresholds, those of the control
NEAR = 2  # pixels within which an edge counts as the same, at the size of measuring
Distance = Callable[[Image, Image], float]
Flow = Callable[[Image, Image], FlowField]  # (source, target); target(p) = source(p + flow(p)), pixels


def motion_distance(clip: Iterator[Image], reference: Iterator[Image], flow: Flow) -> float:
    """tOF: mean distance of the two clips' flows between successive frames, in pixels at the size of measuring.

    Source: Chu et al., Learning Temporal Coherence via Self-Supervision for GAN-based Video Generation, 2020.

    Args:
        clip: uint8, H x W x 3, RGB, two frames or more.
        reference: likewise, as many frames of the same size.
        flow: to be comparable with published numbers, Farneback's.

    Raises:
        MediaError: if sizes or counts differ.
    """
    distances: list[float] = []
    before: tuple[Image, Image] | None = None
    for image, other in beside(clip, reference):
        now = measurable(image), measurable(other)
        if before is not None:
            difference = flow(now[0], before[0]) - flow(now[1], before[1])
            distances.append(float(np.linalg.norm(difference, axis=-1).mean()))
        before = now
    if not distances:
        raise MediaError("fewer than two frames cannot be compared", way_out="Give at least two")
    return float(np.mean(distances))


def looks(clip: Iterator[Image], reference: Iterator[Image], distance: Distance) -> tuple[float, float]:
    """How different frames look from the reference's, and tLP: how differently they change; both means.

    Source: tLP as in Chu et al., Learning Temporal Coherence via Self-Supervision for GAN-based Video Generation, 2020.

    Args:
        clip: uint8, H x W x 3, RGB.
        reference: likewise, as many frames of the same size.
        distance: LPIPS.

    Raises:
        MediaError: if sizes or counts differ.
    """
    apart: list[float] = []
    changes: list[float] = []
    before: tuple[Image, Image] | None = None
    for now in beside(clip, reference):
        apart.append(distance(*now))
        if before is not None:
            changes.append(abs(distance(before[0], now[0]) - distance(before[1], now[1])))
        before = now
    return float(np.mean(apart)), float(np.mean(changes)) if changes else 0.0


def beside(clip: Iterator[Image], reference: Iterator[Image]) -> Iterator[tuple[Image, Image]]:
    """Each frame with that of the reference.

    Raises:
        MediaError: if sizes or counts differ.
    """
    for image in clip:
        other = next(reference, None)
        if other is None:
            raise MediaError("the reference has fewer frames", way_out="Give one of the same length")
        if image.shape != other.shape:
            raise MediaError(f"the reference is {Size.of(other)}, the clip {Size.of(image)}")
        yield image, other
    if next(reference, None) is not None:
        raise MediaError("the reference has more frames", way_out="Give one of the same length")


class Likeness:
    """Looks at frames beside those of the clip they are drawn over; keeps a few numbers of each."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._kept: list[float] = []
        self._strengths: list[tuple[float, float]] = []
        self._apart: list[NDArray[np.float64]] = []

    def see(self, image: Image, guide: Image) -> None:
        """Takes the next frame and that of the clip, uint8, H x W x 3, RGB, of one size."""
        one, other = measurable(image), measurable(guide)
        self._kept.append(edges_kept(one, other))
        self._strengths.append((edge_strength(one), edge_strength(other)))
        self._apart.append(mean_lab(one) - mean_lab(other))

    def scores(self) -> tuple[Score, ...]:
        """The figures of all frames; none where none was seen."""
        if not self._kept:
            return ()
        strength, usual = np.mean(self._strengths, axis=0)
        away = np.polyfit(np.arange(len(self._apart)), np.array(self._apart), 1)[0] if len(self._apart) > 1 else [0.0]
        ratio = float(strength / max(usual, 1e-6))
        return (
            Score("edges kept", float(np.mean(self._kept)), "", "F-score of its Canny edges against the clip's, 0..1"),
            Score("edge strength", ratio, "", "mean gradient, over the clip's"),
            Score("drift from the clip", float(np.linalg.norm(away)) * 100, "ΔE/100 frames", "of the mean colour"),
        )


def edges_kept(image: Image, guide: Image) -> float:
    """F-score of the Canny edges of two pictures, each edge found within NEAR pixels of one of the other; 0..1."""
    ours, theirs = (cv2.Canny(picture, LOW, HIGH) for picture in (image, guide))
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    around = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    precision = np.count_nonzero(ours & cv2.dilate(theirs, around)) / np.count_nonzero(ours)
    recall = np.count_nonzero(theirs & cv2.dilate(ours, around)) / np.count_nonzero(theirs)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def edge_strength(image: Image) -> float:
    """Mean length of the gradient of brightness, levels a pixel (Sobel, over 8)."""
    levels = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.hypot(cv2.Sobel(levels, cv2.CV_32F, 1, 0), cv2.Sobel(levels, cv2.CV_32F, 0, 1)).mean()) / 8

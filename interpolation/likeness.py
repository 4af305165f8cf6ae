"""Likeness of a clip to a reference: how far its motion is from the motion there."""

from collections.abc import Callable, Iterator

import numpy as np

from core.errors import MediaError
from core.image import FlowField, Image, Size
from interpolation.meter import measurable

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
    for image in clip:
        other = next(reference, None)
        if other is None:
            raise MediaError("the reference has fewer frames", way_out="Give one of the same length")
        if image.shape != other.shape:
            raise MediaError(f"the reference is {Size.of(other)}, the clip {Size.of(image)}")
        now = measurable(image), measurable(other)
        if before is not None:
            difference = flow(now[0], before[0]) - flow(now[1], before[1])
            distances.append(float(np.linalg.norm(difference, axis=-1).mean()))
        before = now
    if next(reference, None) is not None:
        raise MediaError("the reference has more frames", way_out="Give one of the same length")
    if not distances:
        raise MediaError("fewer than two frames cannot be compared", way_out="Give at least two")
    return float(np.mean(distances))

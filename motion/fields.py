"""Flow fields: pictures moved by them, two of them in a row, where they can be believed, and the way forward.

Convention: backward, output(p) = input(p + flow(p)), in pixels; pixel centres at whole coordinates, x right, y down.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import FlowField, Image, Mask, Size, to_image
from motion.camera import Border, Resampling
from motion.resample import Coordinates, pixel_axes, resampled

Values = NDArray[np.float32]  # H x W or H x W x up to 4: a mask, depth, a flow field, colours


def warped(image: Image, flow: FlowField, *, border: Border = "border", sampling: Resampling = "bicubic") -> Image:
    """The picture moved by a flow field of its size: output(p) = image(p + flow(p))."""
    x, y = _places(flow)
    return resampled(image, x, y, border=border, sampling=sampling)


def carried(values: Values, flow: FlowField) -> Values:
    """Float values moved by a flow field of their size, read bilinearly; outside, the values at the edge go on."""
    places = flow + _grid(Size.of(flow))
    read = cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(read, np.float32)


def composed(first: FlowField, then: FlowField) -> FlowField:
    """Two flows as one, for b(p) = a(p + first(p)) and c(p) = b(p + then(p)): c(p) = a(p + both(p)).

    One warp by the composed flow blurs less than a warp of a warp.
    """
    return carried(first, then) + then


def resized_flow(flow: FlowField, size: Size) -> FlowField:
    """The same motion for pictures of another size."""
    if Size.of(flow) == size:
        return flow
    shrinks = size.width < flow.shape[1]
    read = cv2.resize(flow, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(read * np.array([size.width / flow.shape[1], size.height / flow.shape[0]], np.float32))


def agreement(flow: FlowField, back: FlowField) -> Mask:
    """1 where the way there and the way back meet, 0 where the place is hidden, out of the picture, or not believed.

    Source: Sundaram et al., Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow, ECCV 2010:
    |there + back|² is at most 0.01 (|there|² + |back|²) + 0.5, in pixels.

    Args:
        flow: target(p) = source(p + flow(p)).
        back: source(p) = target(p + back(p)).

    Returns:
        float32, H x W, 0 or 1, for the pixels of the target.
    """
    height, width = flow.shape[:2]
    returned = carried(back, flow)
    places = flow + _grid(Size(width, height))
    inside = cv2.inRange(places, (-0.5, -0.5), (width - 0.5, height - 0.5))
    allowed = np.float32(0.01) * (_squared(flow) + _squared(returned)) + np.float32(0.5)
    meets = _squared(flow + returned) <= allowed
    return np.asarray(meets & (inside > 0), np.float32)


def pictured(flow: FlowField) -> Image:
    """A flow as colours: which way by hue, how far by brightness, up to the longest; black is still."""
    angle = np.arctan2(flow[..., 1], flow[..., 0]) * np.float32(180 / np.pi) % 360
    length = np.sqrt(_squared(flow))
    bright = length / max(float(length.max()), 1e-6)
    wheel = np.stack([angle.astype(np.float32), np.ones_like(bright), bright], axis=2)
    return to_image(np.asarray(cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB)))


def motion_edges(flow: FlowField) -> Mask:
    """1 where motion changes so much from pixel to pixel that a flow is not to be trusted: the outlines of movers.

    Source: as `agreement`: |slope of u|² + |slope of v|² is above 0.01 |flow|² + 0.002.
    """
    slopes = np.zeros(flow.shape[:2], np.float32)
    for axis in (0, 1):
        if flow.shape[axis] > 1:
            slopes += _squared(np.gradient(flow, axis=axis))
    return np.asarray(slopes > np.float32(0.01) * _squared(flow) + np.float32(0.002), np.float32)


def splatted(values: Values, motion: FlowField, weight: Mask | None = None) -> tuple[Values, Mask]:
    """Values pushed along: what lies at p arrives at p + motion(p), shared by the four pixels around that place.

    Where several arrive, their mean by weight; where none does, 0.

    Convention: forward, unlike a flow field; if target(p) = source(p + back(p)), pushing the *target* along `back`
    brings it onto the source.

    Args:
        values: float32, H x W or H x W x C.
        motion: float32, H x W x 2, (dx, dy) in pixels, finite.
        weight: what each pixel counts where several arrive, at least 0; all the same if left out.

    Returns:
        The values, and the weight that arrived at each pixel: 0 is a hole.
    """
    height, width = motion.shape[:2]
    x, y = (place.ravel() for place in _places(motion))
    left, top = np.floor(x), np.floor(y)
    counts = np.ones(x.shape, np.float32) if weight is None else weight.ravel()
    channels = values.reshape(height * width, -1)
    sums = np.zeros((channels.shape[1], height * width))
    arrived = np.zeros(height * width)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = left + right, top + down
        share = (1 - np.abs(x - column)) * (1 - np.abs(y - row)) * counts
        here = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (share > 0)
        place, share = (row[here] * width + column[here]).astype(np.intp), share[here]
        arrived += np.bincount(place, share, height * width)
        for channel in range(channels.shape[1]):
            sums[channel] += np.bincount(place, share * channels[here, channel], height * width)
    means = (sums / np.where(arrived > 0, arrived, 1)).T.reshape(values.shape)
    return means.astype(np.float32), arrived.reshape(height, width).astype(np.float32)


def _places(flow: FlowField) -> tuple[Coordinates, Coordinates]:
    """Where each pixel is read, H x W each."""
    x, y = cv2.split(flow + _grid(Size.of(flow)))
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


@lru_cache(maxsize=4)
def _grid(size: Size) -> FlowField:
    """The place (x, y) of each pixel, H x W x 2."""
    x, y = pixel_axes(size)
    grid = np.dstack(np.broadcast_arrays(x, y))
    grid.flags.writeable = False
    return grid


def _squared(flow: FlowField) -> NDArray[np.float32]:
    """Squared length of each vector."""
    return np.asarray(cv2.transform(cv2.multiply(flow, flow), np.ones((1, 2))), np.float32)

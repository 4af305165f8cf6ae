"""Hint: the picture a control network is shown, and how it is brought to the size of what is drawn."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Image, Mask, Size, to_float

Fit = Literal["stretch", "crop", "fill"]  # to the frame: distorted; covering it, cut; inside it, with a border
FEW_COLOURS = 200  # a picture with fewer is a map of labels, whose colours must not mix
HIDDEN = 0.5  # of a mask; above it the network is told that nothing is known


@dataclass(frozen=True, slots=True)
class Hint:
    """What one control network is shown of one picture."""

    image: Image  # uint8, H x W x 3, RGB
    flow: Image | None = None  # a second picture of that size, for networks that see six channels; others see the first
    needs_flow: bool = False  # whether a network that sees only the first is the wrong one
    hidden: Mask | None = None  # of that size; where it is above 0.5 the network is told that nothing is known

    @property
    def channels(self) -> int:
        """How many numbers a pixel has: 3, or 6 with a flow picture."""
        return 3 if self.flow is None else 6

    def values(self) -> NDArray[np.float32]:
        """float32, H x W x channels, 0..1; -1 where hidden."""
        values = to_float(self.image)
        if self.hidden is not None:
            values[self.hidden > HIDDEN] = -1
        return values if self.flow is None else np.concatenate([values, to_float(self.flow)], axis=2)

    def fitted(self, size: Size, fit: Fit) -> "Hint":
        """The hint at another size."""
        flow = None if self.flow is None else fitted(self.flow, size, fit)
        if self.hidden is None:
            return replace(self, image=fitted(self.image, size, fit), flow=flow)
        levels = np.repeat((self.hidden > HIDDEN)[..., None].astype(np.uint8) * np.uint8(255), 3, axis=2)
        hidden = (fitted(levels, size, fit)[..., 0] > 127).astype(np.float32)
        return replace(self, image=fitted(self.image, size, fit), flow=flow, hidden=hidden)


def fitted(picture: Image, size: Size, fit: Fit) -> Image:
    """A picture at another size: `stretch` distorts, `crop` covers and cuts evenly, `fill` fits it inside.

    The border of `fill` has the median colour of the picture's own border. Resizing is `resized_map`.
    """
    own = Size.of(picture)
    if fit == "stretch" or own == size:
        return resized_map(picture, size)
    ratios = (size.width / own.width, size.height / own.height)
    scale = max(ratios) if fit == "crop" else min(ratios)
    scaled = Size(max(1, round(own.width * scale)), max(1, round(own.height * scale)))
    whole = resized_map(picture, scaled)
    if fit == "crop":
        left, top = (scaled.width - size.width) // 2, (scaled.height - size.height) // 2
        return np.ascontiguousarray(whole[top : top + size.height, left : left + size.width])
    canvas = np.empty((size.height, size.width, 3), np.uint8)
    canvas[:] = _border_colour(picture)
    left, top = (size.width - scaled.width) // 2, (size.height - scaled.height) // 2
    canvas[top : top + scaled.height, left : left + scaled.width] = whole
    return canvas


def resized_map(picture: Image, size: Size) -> Image:
    """A hint at another size, keeping what it is: lines thin, black and white pure, labels unmixed.

    Maps of few colours are resized to the nearest pixel; black and white ones are split again by Otsu's threshold, and
    lines of one pixel drawn anew; all others are averaged when shrunk and cubic when enlarged.
    """
    if Size.of(picture) == size:
        return picture
    if _is_black_and_white(picture):
        single = picture[..., 0]
        bits = _lines(single, size) if _is_thin(single) else _split(_smooth(single, size))
        return np.repeat(bits[..., None], 3, axis=2)
    if _has_few_colours(picture):
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    return _smooth(picture, size)


def looked_at(picture: Size, target: Size, fit: Fit) -> int:
    """The short side, in pixels, at which a picture has one pixel for each of the target's ("pixel perfect")."""
    ratios = (target.height / picture.height, target.width / picture.width)
    scale = min(ratios) if fit == "fill" else max(ratios)
    return max(1, round(scale * min(picture)))


def at_short_side(picture: Image, side: int) -> Image:
    """The picture enlarged or shrunk so that its short side has that many pixels; Lanczos or area."""
    own = Size.of(picture)
    if min(own) == side:
        return picture
    size = [max(1, round(length * side / min(own))) for length in own]
    kind = cv2.INTER_LANCZOS4 if side > min(own) else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, size, interpolation=kind), np.uint8)


def _smooth(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Averaged when shrunk, cubic when enlarged."""
    shrinks = size.width * size.height < picture.shape[0] * picture.shape[1]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


def _split(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels as black and white by Otsu's threshold."""
    return np.asarray(cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8)


def _is_black_and_white(picture: Image) -> bool:
    """Whether all channels are equal and hold both 0 and 255, and nothing else."""
    single = picture[..., 0]
    pure = bool(((single == 0) | (single == 255)).all() and np.ptp(single) > 0)
    return pure and bool((picture == single[..., None]).all())


def _is_thin(single: NDArray[np.uint8]) -> bool:
    """Whether white makes lines of one pixel: hardly any 2 x 2 pixels are all white."""
    blocks = cv2.erode(single, np.ones((2, 2), np.uint8), borderValue=0)
    return bool(np.count_nonzero(blocks) <= np.count_nonzero(single) * 0.05)


def _has_few_colours(picture: Image) -> bool:
    """Whether there are fewer than FEW_COLOURS, which few pixels of most pictures deny."""
    flat = picture.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    return len(np.unique(flat[::8, ::8])) < FEW_COLOURS and 2 < len(np.unique(flat)) < FEW_COLOURS


def _lines(single: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Lines of one pixel at another size: each pixel is joined to its neighbours by a line of one pixel."""
    scale = np.array([size.width / single.shape[1], size.height / single.shape[0]])
    canvas = np.zeros((size.height, size.width), np.uint8)
    white = np.pad(single > 0, 1)
    for right, down in ((1, 0), (0, 1), (1, 1), (-1, 1)):
        joined = white & np.roll(white, (-down, -right), (0, 1))
        if right and down:  # a corner that straight steps already join is not cut
            corner = np.roll(white, -right, 1) | np.roll(white, -down, 0)
            joined &= ~corner
        rows, columns = np.nonzero(joined)
        starts = np.stack([columns - 1, rows - 1], axis=1)
        ends = starts + np.array([right, down])
        both = np.floor((np.stack([starts, ends], axis=1) + 0.5) * scale).astype(np.int32)
        cv2.polylines(canvas, list(both), isClosed=False, color=255)
    alone = np.argwhere(white[1:-1, 1:-1])
    places = np.floor((alone[:, ::-1] + 0.5) * scale).astype(np.intp)
    canvas[places[:, 1], places[:, 0]] = 255
    return canvas


def _border_colour(picture: Image) -> NDArray[np.uint8]:
    """The median colour of the outermost pixels."""
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return np.asarray(np.median(edge, axis=0), np.uint8)

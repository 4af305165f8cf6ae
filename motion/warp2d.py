"""Moves a picture in its own plane: roll, zoom, shift and perspective flip."""

import math

import numpy as np

from core.errors import UserError
from core.image import Image, Size
from motion.camera import Border, CameraMove, Geometry, Resampling
from motion.homography import Matrix, flip_matrix, inverse, mapped, shift
from motion.resample import pixel_axes, resampled


def warp2d(
    image: Image, move: CameraMove, *, border: Border, sampling: Resampling, geometry: Geometry, flip: bool = False
) -> Image:
    """The picture after one flat move, of the same size. A move that changes nothing gives the very same picture.

    Args:
        image: uint8, H x W x 3, RGB.
        flip: whether the perspective flip is on; in `deforum` geometry it changes the picture at angles of 0 too.

    Raises:
        UserError: for a zoom of 0 or less, or a flip's view angle outside 0 to 180 degrees.
    """
    size = Size.of(image)
    matrix = flat_matrix(move, size, geometry=geometry, flip=flip)
    if np.array_equal(matrix, np.eye(3)):
        return image
    x, y = mapped(inverse(matrix), *pixel_axes(size))
    return resampled(image, x, y, border=border, sampling=sampling)


def flat_matrix(move: CameraMove, size: Size, *, geometry: Geometry, flip: bool = False) -> Matrix:
    """The 3 x 3 matrix of a flat move: shift first, then roll and zoom about the pivot, then flip.

    Convention: source pixel coordinates to destination pixel coordinates, pixel centres at whole coordinates.
    In `deforum` geometry the pivot lies half a pixel to the lower right, and a flip discards the shift.

    Source: Deforum, 2D animation: M = R T, with a flip M = B R.

    Raises:
        UserError: for a zoom of 0 or less, or a flip's view angle outside 0 to 180 degrees.
    """
    if move.zoom <= 0:
        raise UserError(f"a zoom of {move.zoom:g}", where="zoom", way_out="Above 0; 1 keeps the size")
    shifted = shift(-move.x * size.height, move.y * size.height)
    turned = _turned(move, size, 0.0 if geometry == "deforum" else 0.5)
    if not flip:
        return np.asarray(turned @ shifted)
    if geometry == "deforum":
        return np.asarray(flip_matrix(move, size, geometry) @ turned)
    return np.asarray(flip_matrix(move, size, geometry) @ turned @ shifted)


def _turned(move: CameraMove, size: Size, corner: float) -> Matrix:
    """Roll, counter-clockwise on screen, and zoom about the pivot; `corner` is how far pixel (0, 0) is from 0 of it."""
    x, y = size.width * move.center_x - corner, size.height * move.center_y - corner
    along = move.zoom * math.cos(math.radians(move.roll))
    across = move.zoom * math.sin(math.radians(move.roll))
    return np.array(
        [[along, across, (1 - along) * x - across * y], [-across, along, across * x + (1 - along) * y], [0, 0, 1]]
    )

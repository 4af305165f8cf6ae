"""3 x 3 matrices that move the picture plane, and where they send pixels.

Convention: matrices act on column vectors of pixel coordinates (x, y, 1), x right, y down, pixel centres at whole
coordinates, and map source to destination.
"""

import math

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.image import Size
from motion.camera import CameraMove, Geometry
from motion.resample import Coordinates

Matrix = NDArray[np.float64]  # 3 x 3
_HORIZON = np.float32(1e-4)  # smallest third coordinate; 1 in the middle of an unturned picture


def rotation(*, pitch: float, yaw: float, roll: float) -> Matrix:
    """Rx(pitch) @ Ry(yaw) @ Rz(roll), degrees, for column vectors; x right, y down, z into the picture."""
    cx, cy, cz = (math.cos(math.radians(angle)) for angle in (pitch, yaw, roll))
    sx, sy, sz = (math.sin(math.radians(angle)) for angle in (pitch, yaw, roll))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def shift(x: float, y: float) -> Matrix:
    """Moves content right and down, in pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=np.float64)


def inverse(matrix: Matrix) -> Matrix:
    """Destination to source."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def flip_matrix(move: CameraMove, size: Size, geometry: Geometry) -> Matrix:
    """The perspective flip: the picture turned in space as a card and seen by a camera with the angle `flip_view`.

    In `true` geometry the card turns about its centre and angles of 0 leave it as it is. In `deforum` geometry it
    turns about the point (L/2, L/2), L the side of the square that holds the turned picture, and is seen a pixel too
    far away, so that it shrinks a little at angles of 0.

    The third row is positive for what lies in front of the camera. Source: Deforum, perspective flip.

    Raises:
        UserError: if `flip_view` is not between 0 and 180 degrees.
    """
    if not 0 < move.flip_view < 180:
        raise UserError(f"a view angle of {move.flip_view:g} degrees", where="flip_view", way_out="Above 0, below 180")
    half_view = math.radians(move.flip_view / 2)
    diagonal = math.hypot(*size)
    distance = diagonal / (2 * math.sin(half_view))
    turned = rotation(pitch=move.flip_tilt, yaw=move.flip_pan, roll=move.flip_roll)
    if geometry == "true":
        center = ((size.width - 1) / 2, (size.height - 1) / 2)
        return np.asarray(shift(*center) @ _card(turned, distance) @ shift(-center[0], -center[1]))
    half_side = diagonal / math.cos(half_view) / 2
    return np.asarray(shift(half_side, half_side) @ _card(turned, distance, 1) @ shift(-half_side, -half_side))


def _card(turned: Matrix, distance: float, farther: float = 0) -> Matrix:
    """Sends (x, y, 1) on a turned card to where a camera at `distance` sees it, in pixels of the unturned card."""
    card = turned * np.array([[distance, distance, 0], [distance, distance, 0], [-1, -1, 0]])
    card[2, 2] = distance + farther
    return np.asarray(card / card[2, 2])


def mapped(matrix: Matrix, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Where a matrix sends points; those behind its camera are taken to lie on the horizon.

    Returns:
        x and y, float32, finite, H x W of what the arguments broadcast to.
    """
    to_x, to_y, to_w = (a * x + (b * y + c) for a, b, c in matrix.astype(np.float32))
    if np.array_equal(matrix[2], (0, 0, 1)):
        return to_x, to_y
    np.maximum(to_w, _HORIZON, out=to_w)
    return to_x / to_w, to_y / to_w

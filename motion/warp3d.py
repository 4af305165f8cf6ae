"""Shows a picture from a moved camera, through its depth map."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.image import DepthMap, Image, Size
from motion.camera import Border, CameraMove, Geometry, Lens, Resampling
from motion.homography import Matrix, flip_matrix, inverse, mapped, rotation
from motion.resample import Coordinates, pixel_axes, resampled

LookUp = Callable[[DepthMap, Coordinates, Coordinates], tuple[Coordinates, Coordinates]]  # depth, columns, rows
BAND = 1 << 16  # pixels looked up at once
WORLD = 2.0  # world units in a frame height: what a 90 degree lens sees at distance 1
NEAREST = np.float32(1e-3)  # world units; what comes closer to the camera, or lies behind it, is taken as this far


def warp3d(  # noqa: PLR0913 - picture, scene, camera, lens, and how to read pixels
    image: Image,
    depth: DepthMap,
    move: CameraMove,
    lens: Lens,
    *,
    border: Border,
    sampling: Resampling,
    geometry: Geometry,
    flip: bool = False,
) -> Image:
    """The picture seen after one move in space, of the same size. No move gives the very same picture.

    Convention: backward; every destination pixel is read from one source pixel. The depth of a destination pixel is
    taken to be the depth map's at the same place, so what the camera uncovers is stretched, not invented.

    `true`: a pinhole camera with square pixels; depth is distance along the viewing axis before the move.
    `deforum`: Deforum's formulas, rounded where it cuts off. Angles grow with 1 / tan(fov / 2) and fade with depth,
    and a roll shears frames that are not square.

    Args:
        image: uint8, H x W x 3, RGB.
        depth: float32, H x W, > 0, larger is farther.
        flip: whether the perspective flip is on. It comes first; in `deforum` geometry as a bilinear resampling of
            its own that changes the picture at angles of 0 too.

    Raises:
        UserError: for a lens or a flip's view angle that sees nothing.
    """
    size = Size.of(image)
    assert Size.of(depth) == size, (depth.shape, image.shape)
    _check(lens, geometry)
    is_still = not any((move.x, move.y, move.z, move.roll, move.pitch, move.yaw))
    unflip = inverse(flip_matrix(move, size, geometry)) if flip else None
    if unflip is not None and geometry == "deforum":
        x, y = mapped(unflip, *pixel_axes(size))
        image, unflip = resampled(image, x, y, border=border, sampling="bilinear"), None
    if is_still and unflip is None:
        return image
    x, y = (displaced if geometry == "deforum" else seen)(depth, move, lens)
    if unflip is not None:
        x, y = mapped(unflip, x, y)
    return resampled(image, x, y, border=border, sampling=sampling)


def seen(depth: DepthMap, move: CameraMove, lens: Lens) -> tuple[Coordinates, Coordinates]:
    """Where a moved pinhole camera sees its pixels in the picture of the unmoved one.

    Each pixel's ray is cut with the plane z = depth of the unmoved camera: the picture of what is infinitely far,
    K R K^-1, drawn toward the picture of the camera's new place, K c, by 1 / depth. Exact for whatever faces the
    unmoved camera.

    Source: Hartley and Zisserman, Multiple View Geometry, equation 13.2: the homography that a plane induces.

    Args:
        depth: float32, H x W, > 0.

    Returns:
        x and y, float32, H x W, pixels.
    """
    size = Size.of(depth)
    turned, place = _pose(move)
    focal = size.height / 2 / math.tan(math.radians(lens.fov) / 2)
    camera = np.array([[focal / lens.aspect, 0, (size.width - 1) / 2], [0, focal, (size.height - 1) / 2], [0, 0, 1]])
    infinite = camera @ turned @ inverse(camera)
    toward_x, toward_y, forward = (camera @ place).astype(np.float32)

    def look_up(depth: DepthMap, columns: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        x, y = mapped(infinite, columns, rows)
        nearness = 1 / np.maximum(depth, forward + NEAREST)
        kept = 1 - forward * nearness
        return x * kept + toward_x * nearness, y * kept + toward_y * nearness

    return _in_bands(depth, look_up)


def displaced(depth: DepthMap, move: CameraMove, lens: Lens) -> tuple[Coordinates, Coordinates]:
    """Deforum's source coordinates: each pixel less the way its point would go on the screen.

    Source: Deforum, 3D animation: (x', y', z') = (X, Y, Z) R + T, d = s (x' / z' - X / Z), X and Y from -1 to 1.

    Args:
        depth: float32, H x W, > 0.

    Returns:
        x and y, float32, H x W, pixels.
    """
    size = Size.of(depth)
    turned, place = _pose(move)
    zoom = 1 / math.tan(math.radians(lens.fov) / 2)
    scale = np.array([zoom / lens.aspect * size.width / 2, zoom * size.height / 2, 1])  # of x, y to pixels; z stays
    moved = (np.column_stack([turned.T, -place]) * scale[:, None]).astype(np.float32)
    scale_x, scale_y = scale[:2].astype(np.float32)
    step_x, step_y = (np.float32(2 / max(side - 1, 1)) for side in size)

    def look_up(depth: DepthMap, columns: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        across, down = columns * step_x - 1, rows * step_y - 1
        moved_x, moved_y, moved_z = (across * a + (down * b + t) + depth * c for a, b, c, t in moved)
        nearness, moved_nearness = 1 / depth, 1 / np.maximum(moved_z, NEAREST)
        x = columns - moved_x * moved_nearness + across * scale_x * nearness
        y = rows - moved_y * moved_nearness + down * scale_y * nearness
        return x, y

    return _in_bands(depth, look_up)


def _in_bands(depth: DepthMap, look_up: LookUp) -> tuple[Coordinates, Coordinates]:
    """A look-up done a few rows at a time: what stays in the cache and on the heap takes half the time."""
    columns, rows = pixel_axes(Size.of(depth))
    x, y = np.empty_like(depth), np.empty_like(depth)
    high = max(BAND // depth.shape[1], 1)
    for top in range(0, depth.shape[0], high):
        band = slice(top, top + high)
        x[band], y[band] = look_up(depth[band], columns, rows[band])
    return x, y


def _pose(move: CameraMove) -> tuple[Matrix, NDArray[np.float64]]:
    """How the moved camera is turned, 3 x 3, and where it stands, world units; x right, y down, z forward."""
    turned = rotation(pitch=move.pitch, yaw=move.yaw, roll=move.roll)
    return turned, WORLD * np.array([move.x, -move.y, move.z])


def _check(lens: Lens, geometry: Geometry) -> None:
    """Raises UserError for a lens that sees nothing."""
    widest = 180 if geometry == "deforum" else 179
    narrow_enough = abs(lens.fov) if geometry == "deforum" else lens.fov
    if not 0.1 <= narrow_enough <= widest:
        raise UserError(f"a field of view of {lens.fov:g} degrees", where="fov", way_out=f"From 0.1 to {widest}")
    if not 0.01 <= abs(lens.aspect) <= 100:
        raise UserError(f"an aspect of {lens.aspect:g}", where="aspect", way_out="From 0.01 to 100")

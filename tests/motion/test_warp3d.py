import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import grid_sample

from core.errors import UserError
from core.image import Size
from motion.camera import CameraMove, Lens
from motion.homography import mapped, rotation, shift
from motion.resample import pixel_axes
from motion.warp2d import warp2d
from motion.warp3d import displaced, seen, warp3d
from tests.motion.pictures import clouds, dot, hills, middle, noise
from tests.motion.test_resample import BORDERS, FILTERS

WIDE = Size(256, 192)
SQUARE = Size(128, 128)
TURNS = CameraMove(x=0.01, y=-0.02, z=0.03, roll=1.5, pitch=-0.7, yaw=1.1)


def level(size, distance=1.0):
    return np.full((size.height, size.width), distance, np.float32)


def spatial(x=0.0, y=0.0, z=0.0, pitch=0.0, yaw=0.0, roll=0.0):
    """A move from Deforum's numbers: 200 in a world unit, 400 in a frame height."""
    return CameraMove(x=x / 400, y=y / 400, z=z / 400, pitch=pitch, yaw=yaw, roll=roll)


def deforums_picture(picture, depth, move, lens, border, sampling):
    """Deforum's 3D warp straight from its formulas in float64, with its cut-off to 8 bit."""
    height, width = depth.shape
    z = depth.astype(np.float64)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    points = np.stack([x, y, z], axis=-1)
    moved = points @ rotation(pitch=move.pitch, yaw=move.yaw, roll=move.roll)
    moved += np.array([-move.x, move.y, -move.z]) * 400 / 200
    scale = 1 / math.tan(math.radians(lens.fov) / 2)
    across = scale / lens.aspect * (moved[..., 0] / moved[..., 2] - x / z)
    down = scale * (moved[..., 1] / moved[..., 2] - y / z)
    read_x = (2 * np.arange(width)[None, :] + 1) / width - 1 - across
    read_y = (2 * np.arange(height)[:, None] + 1) / height - 1 - down
    grid = torch.from_numpy(np.stack([read_x, read_y], -1))[None]
    levels = torch.from_numpy(picture).permute(2, 0, 1)[None].double()
    read = grid_sample(levels, grid, mode=sampling, padding_mode=border, align_corners=False)
    return read[0].permute(1, 2, 0).clamp(0, 255).to(torch.uint8).numpy()


@pytest.mark.parametrize("geometry", ["true", "deforum"])
@pytest.mark.parametrize("sampling", FILTERS)
@pytest.mark.parametrize("border", BORDERS)
def test_no_move_gives_the_very_same_bytes(border, sampling, geometry):
    picture = noise(WIDE)
    still = warp3d(picture, hills(WIDE), CameraMove(), Lens(), border=border, sampling=sampling, geometry=geometry)
    assert np.array_equal(still, picture)


def test_true_flip_at_angles_of_zero_gives_the_very_same_bytes():
    picture = noise(WIDE)
    kind = {"border": "zeros", "sampling": "bicubic", "geometry": "true"}
    assert np.array_equal(warp3d(picture, hills(WIDE), CameraMove(), Lens(), flip=True, **kind), picture)


@pytest.mark.parametrize("sampling", FILTERS)
@pytest.mark.parametrize("border", ["border", "reflection", "zeros"])
@pytest.mark.parametrize("lens", [Lens(70, 1), Lens(40, 1), Lens(120, 256 / 192), Lens(-60, 1)])
def test_deforums_picture(border, sampling, lens):
    picture, depth = clouds(WIDE), hills(WIDE)
    theirs = deforums_picture(picture, depth, TURNS, lens, border, sampling).astype(int)
    ours = warp3d(picture, depth, TURNS, lens, border=border, sampling=sampling, geometry="deforum")
    off = np.abs(ours - theirs)
    assert np.median(off) <= 1
    assert (off > 1).mean() < 1e-3


def test_twenty_warps_keep_the_mean():
    ramp = np.repeat(np.linspace(60, 195, 128, dtype=np.float64)[:, None], 128, axis=1)
    picture = np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)
    mean = picture.mean()
    for _ in range(20):
        move = spatial(x=3.7)
        picture = warp3d(
            picture, hills(SQUARE), move, Lens(), border="reflection", sampling="bicubic", geometry="deforum"
        )
    assert abs(picture.mean() - mean) < 0.5


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (spatial(x=10), (170.9, 60)),
        (spatial(y=10), (180, 66.9)),
        (spatial(z=10), (184.3, 57.1)),
        (spatial(pitch=2), (179.2, 65.2)),
        (spatial(yaw=2), (172.9, 60.6)),
        (spatial(roll=5), (173.2, 55.9)),
    ],
)
def test_deforum_dots(move, expected):
    kind = {"border": "border", "sampling": "bicubic", "geometry": "deforum"}
    moved = warp3d(dot(WIDE, 180, 60), level(WIDE), move, Lens(fov=70), **kind)
    assert middle(moved) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("move", "at", "expected"),
    [
        (spatial(x=10), (0.5, 0.5, 1), (-0.071407, 0)),
        (spatial(y=10), (0.5, 0.5, 1), (0, 0.071407)),
        (spatial(z=10), (0.5, 0.5, 1), (0.037583, 0.037583)),
        (spatial(z=10), (0.5, 0.5, 2), (0.009155, 0.009155)),
        (spatial(pitch=1), (0, 0, 1), (0, 0.024928)),
        (spatial(yaw=1), (0, 0, 1), (-0.024928, 0)),
        (spatial(roll=1), (0.5, 0, 1), (-0.000109, -0.012462)),
    ],
)
def test_deforum_displacements(move, at, expected):
    size = Size(5, 5)  # X and Y are -1, -0.5, 0, 0.5, 1
    x, y = displaced(level(size, at[2]), move, Lens(fov=70))
    row, column = round((at[1] + 1) * 2), round((at[0] + 1) * 2)
    found = (column - x[row, column]) * 2 / 5, (row - y[row, column]) * 2 / 5
    assert found == pytest.approx(expected, abs=2e-6)


def test_deforum_flip_comes_first_and_is_bilinear():
    picture, depth = clouds(WIDE), hills(WIDE)
    move = CameraMove(x=0.01, yaw=1, flip_tilt=3, flip_roll=2)
    flip_only = CameraMove(flip_tilt=3, flip_roll=2)
    flipped = warp2d(picture, flip_only, border="border", sampling="bilinear", geometry="deforum", flip=True)
    kind = {"border": "border", "sampling": "bicubic", "geometry": "deforum"}
    one_by_one = warp3d(flipped, depth, CameraMove(x=0.01, yaw=1), Lens(), **kind)
    assert np.array_equal(warp3d(picture, depth, move, Lens(), flip=True, **kind), one_by_one)


def test_true_flip_comes_first_in_one_resampling():
    picture, depth = clouds(WIDE), hills(WIDE)
    kind = {"border": "border", "sampling": "bicubic", "geometry": "true"}
    flipped = warp2d(picture, CameraMove(flip_tilt=3), flip=True, **kind)
    one_by_one = warp3d(flipped, depth, CameraMove(x=0.01), Lens(), **kind)
    at_once = warp3d(picture, depth, CameraMove(x=0.01, flip_tilt=3), Lens(), flip=True, **kind)
    assert np.median(np.abs(at_once.astype(int) - one_by_one)) <= 1


def pinhole_homography(move, lens, distance, size):
    """Destination to source of a plane that faces the unmoved camera: points carried through space one by one."""
    focal = size.height / 2 / math.tan(math.radians(lens.fov) / 2)
    camera = shift((size.width - 1) / 2, (size.height - 1) / 2) @ np.diag([focal / lens.aspect, focal, 1])
    turned = rotation(pitch=move.pitch, yaw=move.yaw, roll=move.roll)
    place = 2 * np.array([move.x, -move.y, move.z])

    def source(x, y):
        ray = turned @ np.linalg.inv(camera) @ np.array([x, y, 1.0])
        point = place + ray * (distance - place[2]) / ray[2]
        seen_at = camera @ point
        return seen_at[:2] / seen_at[2]

    return source


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-0.2, 0.2),
    st.floats(-0.3, 0.3),
    st.floats(-10, 10),
    st.floats(30, 110),
    st.floats(1, 5),
    st.floats(0.7, 1.6),
)
def test_true_coordinates_follow_rays_through_space(x, z, angle, fov, distance, aspect):
    move = CameraMove(x=x, y=-x / 2, z=z, roll=angle, pitch=angle / 2, yaw=-angle / 3)
    lens = Lens(fov, aspect)
    found_x, found_y = seen(level(WIDE, distance), move, lens)
    source = pinhole_homography(move, lens, distance, WIDE)
    for column, row in [(0, 0), (255, 191), (100, 40), (127, 96)]:
        assert (found_x[row, column], found_y[row, column]) == pytest.approx(source(column, row), abs=0.02)


def test_true_roll_is_a_true_roll_on_frames_that_are_not_square():
    picture = clouds(WIDE)
    kind = {"border": "border", "sampling": "bicubic", "geometry": "true"}
    rolled = warp3d(picture, hills(WIDE), CameraMove(roll=12), Lens(fov=50), **kind)
    turned = warp2d(picture, CameraMove(roll=12), **kind)
    assert np.abs(rolled.astype(int) - turned).max() <= 1


def test_a_shift_at_distance_1_through_90_degrees_is_in_frame_heights():
    x, y = seen(level(WIDE), CameraMove(x=0.25, y=0.125), Lens(fov=90))
    columns, rows = pixel_axes(WIDE)
    np.testing.assert_allclose(x - columns, 0.25 * 192, atol=1e-3)
    np.testing.assert_allclose(y - rows, -0.125 * 192, atol=1e-3)


def test_far_things_shift_less():
    shifts = [seen(level(WIDE, far), CameraMove(x=0.1), Lens())[0][0, 0] for far in (1, 2, 10)]
    assert shifts == pytest.approx([shifts[0], shifts[0] / 2, shifts[0] / 10], rel=1e-4)


def test_turning_the_camera_moves_near_and_far_alike():
    near, far = (seen(level(WIDE, distance), CameraMove(yaw=3, pitch=2), Lens()) for distance in (1, 7))
    np.testing.assert_allclose(near, far, atol=1e-4)


@pytest.mark.parametrize("geometry", ["true", "deforum"])
@pytest.mark.parametrize(
    ("move", "direction"),
    [
        (CameraMove(x=0.05), (-1, 0)),
        (CameraMove(y=0.05), (0, 1)),
        (CameraMove(yaw=3), (-1, 0)),
        (CameraMove(pitch=3), (0, 1)),
    ],
)
def test_content_goes_where_the_move_says(move, direction, geometry):
    kind = {"border": "border", "sampling": "bicubic", "geometry": geometry}
    x, y = middle(warp3d(dot(SQUARE, 63.5, 63.5), level(SQUARE), move, Lens(), **kind))
    gone = np.array([x - 63.5, y - 63.5])
    assert np.dot(gone, direction) > 1
    assert abs(np.dot(gone, direction[::-1])) < 0.3


@pytest.mark.parametrize(
    "move",
    [
        CameraMove(x=0.004),
        CameraMove(y=0.004),
        CameraMove(z=0.002),
        CameraMove(roll=0.2),
        CameraMove(yaw=0.2),
        CameraMove(pitch=0.2),
    ],
)
def test_both_geometries_agree_on_small_moves_through_90_degrees_in_square_frames(move):
    true, deforum = (find(level(SQUARE), move, Lens(fov=90)) for find in (seen, displaced))
    np.testing.assert_allclose(true, deforum, atol=0.03)


def test_half_size_preview_sees_the_same():
    lens = Lens(fov=60)
    whole_x, whole_y = seen(level(Size(256, 192), 1.5), TURNS, lens)
    half_x, half_y = seen(level(Size(128, 96), 1.5), TURNS, lens)
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    there_x, there_y = mapped(np.linalg.inv(twice), whole_x, whole_y)
    np.testing.assert_allclose(half_x, (there_x[::2, ::2] + there_x[1::2, 1::2]) / 2, atol=0.01)
    np.testing.assert_allclose(half_y, (there_y[::2, ::2] + there_y[1::2, 1::2]) / 2, atol=0.01)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("geometry", ["true", "deforum"])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("move", [CameraMove(z=0.5), CameraMove(z=50), CameraMove(yaw=120), CameraMove(pitch=-180)])
def test_behind_the_camera_there_is_a_picture_and_no_fault(move, border, geometry):
    warped = warp3d(noise(SQUARE), level(SQUARE), move, Lens(), border=border, sampling="bicubic", geometry=geometry)
    assert warped.shape == (128, 128, 3)


@pytest.mark.parametrize(
    ("lens", "geometry", "field"),
    [
        (Lens(fov=0), "deforum", "fov"),
        (Lens(fov=0), "true", "fov"),
        (Lens(fov=-70), "true", "fov"),
        (Lens(fov=180), "true", "fov"),
        (Lens(aspect=0), "true", "aspect"),
    ],
)
def test_a_lens_that_sees_nothing_is_refused(lens, geometry, field):
    with pytest.raises(UserError, match=field):
        warp3d(noise(SQUARE), level(SQUARE), TURNS, lens, border="zeros", sampling="nearest", geometry=geometry)

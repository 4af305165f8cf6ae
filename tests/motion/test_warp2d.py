import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.image import Size
from motion.camera import CameraMove
from motion.homography import flip_matrix
from motion.warp2d import flat_matrix, warp2d
from tests.motion.pictures import clouds, dot, middle, noise
from tests.motion.test_resample import BORDERS, FILTERS, sampled_by_torch

WIDE = Size(256, 192)
SQUARE = Size(512, 512)


def flat(size, *, x=0.0, y=0.0, angle=0.0, zoom=1.0, center=(0.5, 0.5)):
    """A move from Deforum's numbers: pixels, positive x moves content right."""
    return CameraMove(
        x=-x / size.height, y=y / size.height, roll=angle, zoom=zoom, center_x=center[0], center_y=center[1]
    )


@pytest.mark.parametrize("geometry", ["true", "deforum"])
@pytest.mark.parametrize("sampling", FILTERS)
@pytest.mark.parametrize("border", BORDERS)
def test_no_move_gives_the_very_same_bytes(border, sampling, geometry):
    picture = noise(WIDE)
    assert np.array_equal(warp2d(picture, CameraMove(), border=border, sampling=sampling, geometry=geometry), picture)


def test_true_flip_at_angles_of_zero_gives_the_very_same_bytes():
    picture = noise(WIDE)
    warped = warp2d(picture, CameraMove(), border="zeros", sampling="bicubic", geometry="true", flip=True)
    assert np.array_equal(warped, picture)


@pytest.mark.parametrize("sampling", FILTERS)
def test_true_quarter_roll_turns_pixels_onto_pixels(sampling):
    picture = noise(Size(64, 64))
    turned = warp2d(picture, CameraMove(roll=90), border="zeros", sampling=sampling, geometry="true")
    assert np.array_equal(turned, np.rot90(picture))


def test_whole_pixel_shift_is_exact():
    picture = noise(WIDE)
    move = flat(WIDE, x=10, y=-6)
    moved = warp2d(picture, move, border="wrap", sampling="bicubic", geometry="true")
    assert np.array_equal(moved, np.roll(picture, (-6, 10), axis=(0, 1)))


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(-20, 20), st.floats(0.8, 1.25), st.sampled_from([0, 5])
)
def test_a_true_move_and_its_inverse_cancel(x, y, roll, zoom, tilt):
    move = CameraMove(x=x, y=y, roll=roll, zoom=zoom, flip_tilt=tilt)
    there = flat_matrix(move, WIDE, geometry="true", flip=True)
    shift = flat_matrix(CameraMove(x=-x, y=-y), WIDE, geometry="true")
    turn = flat_matrix(CameraMove(roll=-roll, zoom=1 / zoom), WIDE, geometry="true")
    flip = flat_matrix(CameraMove(flip_tilt=tilt), WIDE, geometry="true", flip=True)
    back = shift @ turn @ np.linalg.inv(flip) @ there
    np.testing.assert_allclose(back / back[2, 2], np.eye(3), atol=1e-9)


def test_half_size_preview_moves_the_same_way():
    move = CameraMove(x=0.1, y=0.05, roll=7, zoom=1.1, flip_pan=4)
    whole = flat_matrix(move, Size(256, 192), geometry="true", flip=True)
    half = flat_matrix(move, Size(128, 96), geometry="true", flip=True)
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    np.testing.assert_allclose(twice @ half @ np.linalg.inv(twice), whole, atol=1e-9)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (
            flat(SQUARE, x=10, y=5, angle=10, zoom=1.2),
            [[1.181769, 0.208378, -87.01808], [-0.208378, 1.181769, 10.636847]],
        ),
        (
            flat(SQUARE, x=-3, y=8, angle=-5, zoom=0.9, center=(0.25, 0.75)),
            [[0.896575, -0.07844, 40.042148], [0.07844, 0.896575, 36.612052]],
        ),
    ],
)
def test_deforum_matrices(move, expected):
    matrix = flat_matrix(move, SQUARE, geometry="deforum")
    np.testing.assert_allclose(matrix[:2], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (flat(WIDE, x=10), (190, 60)),
        (flat(WIDE, y=10), (180, 70)),
        (flat(WIDE, angle=10), (173.0, 51.5)),
        (flat(WIDE, zoom=1.2), (190.4, 52.8)),
        (flat(WIDE, zoom=1.2, x=10), (202.4, 52.8)),
    ],
)
def test_deforum_dots(move, expected):
    moved = warp2d(dot(WIDE, 180, 60), move, border="border", sampling="bilinear", geometry="deforum")
    assert middle(moved) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (
            CameraMove(flip_roll=10),
            [[0.98207, -0.17317, 34.16497], [0.17317, 0.98207, -27.75342], [0, 0, 1]],
        ),
        (
            CameraMove(flip_tilt=10),
            [[0.91796, -0.07948, 14.66661], [0, 0.82454, 17.15991], [0, -0.00044, 1]],
        ),
        (
            CameraMove(flip_pan=10),
            [[1.16937, 0, -13.38558], [0.0945, 1.09145, -16.35011], [0.00053, 0, 1]],
        ),
        (CameraMove(), [[0.99722, 0, 0.497], [0, 0.99722, 0.497], [0, 0, 1]]),
    ],
)
def test_deforum_flip_matrices(move, expected):
    matrix = flip_matrix(move, WIDE, "deforum")
    np.testing.assert_allclose(matrix / matrix[2, 2], expected, rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose((matrix / matrix[2, 2])[:, :2], np.array(expected)[:, :2], atol=1e-5)


def test_deforum_flip_loses_the_shift():
    move = CameraMove(x=0.2, y=0.1, roll=3, flip_tilt=5)
    still = CameraMove(roll=3, flip_tilt=5)
    moved, unmoved = (flat_matrix(each, WIDE, geometry="deforum", flip=True) for each in (move, still))
    assert np.array_equal(moved, unmoved)


def test_true_flip_keeps_the_shift():
    move = CameraMove(x=0.1)
    matrix = flat_matrix(move, WIDE, geometry="true", flip=True)
    np.testing.assert_allclose(matrix, flat_matrix(move, WIDE, geometry="true"))


@pytest.mark.parametrize("angle", ["flip_tilt", "flip_pan", "flip_roll"])
def test_true_flip_turns_about_the_middle(angle):
    matrix = flip_matrix(CameraMove(**{angle: 25.0}), WIDE, "true")
    center = np.array([127.5, 95.5, 1])
    sent = matrix @ center
    np.testing.assert_allclose(sent / sent[2], center)


@pytest.mark.parametrize("flip", [False, True])
def test_deforum_picture(flip):
    move = flat(WIDE, x=7.3, y=-3.9, angle=4, zoom=1.03)
    move = CameraMove(move.x, move.y, roll=4, zoom=1.03, flip_tilt=3, flip_pan=-2, flip_view=60)
    picture = clouds(WIDE)
    inverse = np.linalg.inv(flat_matrix(move, WIDE, geometry="deforum", flip=flip))
    columns, rows = np.meshgrid(np.arange(WIDE.width), np.arange(WIDE.height))
    x, y, w = np.einsum("ij,jhw->ihw", inverse, np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64))
    theirs = sampled_by_torch(picture, (x / w).astype(np.float32), (y / w).astype(np.float32), "border", "bilinear")
    ours = warp2d(picture, move, border="border", sampling="bilinear", geometry="deforum", flip=flip)
    assert np.abs(ours - theirs).max() <= 1


def test_beyond_the_horizon_of_a_steep_flip_the_picture_stays_finite():
    move = CameraMove(flip_tilt=89, flip_view=150)
    warped = warp2d(clouds(WIDE), move, border="reflection", sampling="bicubic", geometry="true", flip=True)
    assert warped.shape == (192, 256, 3)


@pytest.mark.parametrize("move", [CameraMove(zoom=0), CameraMove(zoom=-1)])
def test_zoom_of_nothing_is_refused(move):
    with pytest.raises(UserError, match="zoom"):
        flat_matrix(move, WIDE, geometry="true")


@pytest.mark.parametrize("view", [0, 180, -5])
def test_flip_without_a_view_is_refused(view):
    with pytest.raises(UserError, match="flip_view"):
        flat_matrix(CameraMove(flip_view=view), WIDE, geometry="true", flip=True)

"""One matrix for a whole picture: known motions are found again."""

import numpy as np
import pytest

from core.image import Size
from motion.camera import CameraMove
from motion.matching import motion_between
from motion.warp2d import flat_matrix, warp2d
from tests.motion.pictures import clouds

SIZE = Size(160, 120)
MOVE = CameraMove(x=0.03, y=-0.02, roll=4, zoom=1.05)


def grainy():
    rng = np.random.default_rng(3)
    blocks = np.kron(rng.integers(0, 256, (30, 40, 3)), np.ones((4, 4, 1)))
    return (blocks * 0.6 + clouds(SIZE) * 0.4).astype(np.uint8)


@pytest.mark.parametrize("rigidity", ["affine", "perspective"])
def test_a_known_move_is_found_again(rigidity):
    source = grainy()
    target = warp2d(source, MOVE, border="reflection", sampling="bilinear", geometry="true")
    found = motion_between(source, target, rigidity)
    corners = np.array([[20, 20, 1], [140, 20, 1], [80, 60, 1], [20, 100, 1]], float).T
    expected = flat_matrix(MOVE, SIZE, geometry="true") @ corners
    reached = found @ corners
    assert np.abs(reached[:2] / reached[2] - expected[:2]).max() < 1.0


@pytest.mark.parametrize("rigidity", ["affine", "perspective"])
def test_pictures_with_nothing_to_find_do_not_move(rigidity):
    flat = np.full((SIZE.height, SIZE.width, 3), 90, np.uint8)
    assert np.array_equal(motion_between(flat, flat, rigidity), np.eye(3))
    assert np.array_equal(motion_between(grainy(), flat, rigidity), np.eye(3))


def test_the_same_pictures_give_the_same_matrix():
    source, target = grainy(), np.roll(grainy(), 3, axis=1)
    one, other = (motion_between(source, target, "perspective") for _ in range(2))
    assert np.array_equal(one, other)

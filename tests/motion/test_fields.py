"""Laws of flow fields."""

import numpy as np
import pytest

from core.image import Size, to_float
from motion.fields import agreement, carried, composed, motion_edges, pictured, resized_flow, splatted, warped
from tests.motion.pictures import clouds
from training.painter.briefs import brief
from training.painter.compose import scene
from training.painter.theatre import Shot, flow, view

SIZE = Size(48, 40)


def shift(right: float, down: float, size: Size = SIZE) -> np.ndarray:
    return np.full((size.height, size.width, 2), (right, down), np.float32)


def swirl(seed: int) -> np.ndarray:
    """A smooth field of a few pixels."""
    field = to_float(clouds(SIZE, seed))[..., :2] * 4 - 2
    return np.ascontiguousarray(field)


def test_no_flow_changes_nothing():
    picture = clouds(SIZE)
    assert np.array_equal(warped(picture, shift(0, 0)), picture)


def test_the_flow_says_where_to_read():
    picture = clouds(SIZE)
    assert np.array_equal(warped(picture, shift(3, -2))[2:, :-3], picture[:-2, 3:])
    assert np.array_equal(carried(to_float(picture), shift(3, -2))[2:, :-3], to_float(picture)[:-2, 3:])


def test_composed_flow_is_one_warp_after_the_other():
    first, then = swirl(1), swirl(2)
    ramp = np.ascontiguousarray(np.indices(first.shape[:2]).transpose(1, 2, 0)[..., ::-1].astype(np.float32))
    twice = carried(carried(ramp, first), then)
    once = carried(ramp, composed(first, then))
    assert np.abs(twice - once)[6:-6, 6:-6].max() < 0.05


def test_composing_with_no_flow_changes_nothing():
    assert np.array_equal(composed(swirl(1), shift(0, 0)), swirl(1))
    assert np.array_equal(composed(shift(0, 0), swirl(1)), swirl(1))


def test_a_resized_flow_moves_a_resized_picture_alike():
    assert np.allclose(resized_flow(shift(4, -2), Size(96, 20)), shift(8, -1, Size(96, 20)))
    assert resized_flow(shift(4, -2), SIZE).shape == (SIZE.height, SIZE.width, 2)


def test_opposite_flows_agree_except_where_they_leave_the_picture():
    mask = agreement(shift(5, 0), shift(-5, 0))
    assert mask[:, :-6].all()
    assert not mask[:, -4:].any()


def test_contradicting_flows_do_not_agree():
    assert not agreement(shift(3, 0), shift(3, 0)).any()


def test_what_was_hidden_does_not_agree():
    painted = scene(brief(3, "mountains"))
    size, here, there = Size(96, 64), Shot(), Shot(x=0.25)
    one, other = view(painted, size, here), view(painted, size, there)
    mask = agreement(flow(painted, one, here, there), flow(painted, other, there, here))
    error = np.abs(warped(other.image, flow(painted, one, here, there)).astype(int) - one.image).mean(-1)
    assert 0.5 < mask.mean() < 1
    assert error[mask == 0].mean() > 2 * error[mask == 1].mean()


def test_motion_edges_lie_where_motion_breaks():
    field = shift(0, 0)
    field[10:30, 10:30] = (6, 0)
    edges = motion_edges(field)
    assert edges[10, 15:25].all()
    assert not edges[15:25, 15:25].any()
    assert not motion_edges(shift(4, 4)).any()


@pytest.mark.parametrize("move", [(4, -3), (1.5, 0.25)])
def test_pushing_along_a_flow_undoes_the_warp_by_it(move):
    picture = to_float(clouds(SIZE))
    pushed, arrived = splatted(carried(picture, shift(*move)), shift(*move))
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(pushed - picture)[inner].mean() < 0.02
    assert np.allclose(arrived[inner], 1, atol=1e-5)


def test_nothing_arrives_in_a_hole_and_the_heavier_wins_where_two_meet():
    values = np.zeros((1, 4), np.float32)
    values[0] = (1, 2, 3, 4)
    motion = np.zeros((1, 4, 2), np.float32)
    motion[0, 0, 0] = 1  # 1 and 2 meet
    pushed, arrived = splatted(values, motion, np.array([[3, 1, 1, 1]], np.float32))
    assert np.allclose(pushed, [[0, 1.25, 3, 4]])
    assert np.allclose(arrived, [[0, 4, 1, 1]])


def test_a_picture_of_a_flow_shows_which_way_and_how_far():
    flow = shift(0, 0)
    flow[:, 16:32] = 2, 0
    flow[:, 32:] = 0, -1
    still, right, up = (pictured(flow)[0, x].astype(int) for x in (0, 20, 40))
    assert not still.any() and right.max() == 255 and abs(up.max() - 128) <= 1
    assert right.argmax() != up.argmax()

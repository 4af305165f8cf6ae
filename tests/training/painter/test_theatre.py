"""Planes, shots, depth and flow of the paper theatre."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.image import Size, to_float
from training.painter.briefs import SUBJECTS, Brief, brief
from training.painter.compose import scene
from training.painter.theatre import FAR, HOME, Plane, Shot, flow, rays, view

planes = some.sampled_from([Plane.upright(3.0), Plane.leaning(0.2, 20.0, 1.0, 2.0), Plane.upright(FAR)])
shots = some.builds(Shot, some.floats(-0.2, 0.2), some.floats(-0.1, 0.1), some.floats(0, 0.4))


@given(planes, shots)
def test_shown_undoes_seen(plane, shot):
    x, y = rays(Size(24, 16))
    u, v, distance = plane.seen(x, y, shot)
    back_x, back_y = plane.shown(u, v, shot)
    met = distance > 0
    assert np.allclose(back_x[met], x[met], atol=1e-3) and np.allclose(back_y[met], y[met], atol=1e-3)


def test_walking_forward_shortens_the_distance_of_a_wall_by_the_step():
    x, y = rays(Size(8, 8))
    assert np.allclose(Plane.upright(3.0).seen(x, y, Shot(z=0.5))[2], 2.5, atol=1e-5)


def test_a_floor_is_as_near_as_asked_at_the_bottom_and_nowhere_above_its_horizon():
    x, y = rays(Size(8, 64))
    distance = Plane.floor(0.5, nearest=2.0).seen(x, y, HOME)[2]
    assert distance[-1, 0] == pytest.approx(2.0, rel=0.02) and not distance[: 64 // 2].any()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_same_brief_gives_the_same_picture(subject):
    one, other = (view(scene(brief(5, subject)), Size(48, 32)) for _ in range(2))
    assert np.array_equal(one.image, other.image) and np.array_equal(one.depth, other.depth)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_depth_is_finite_and_within_the_theatre(subject):
    depth = view(scene(brief(3, subject)), Size(32, 32), Shot(0.1, 0.02, 0.1, 2.0)).depth
    assert depth.min() > 0.4 and depth.max() <= FAR


def test_palette_and_time_do_not_move_what_stands_before_the_sky():
    day = view(scene(Brief("mountains", 0, "day")), Size(48, 48))
    red_night = view(scene(Brief("mountains", 0, "night", "red", ("moon",))), Size(48, 48))
    assert np.array_equal(np.minimum(day.depth, 50), np.minimum(red_night.depth, 50))


@pytest.mark.parametrize(
    ("subject", "error"), [("mountains", 0.05), ("desert", 0.05), ("clouds", 0.06), ("flower", 0.05)]
)
def test_flow_carries_one_shot_into_another(subject, error):
    asked, size = scene(Brief(subject, 0)), Size(96, 96)
    target, source = Shot(0.05, 0.01, 0.05, 1.0), Shot(0.0, 0.0, 0.0, 0.0)
    there, here = view(asked, size, source), view(asked, size, target)
    moved = flow(asked, here, target, source)
    y, x = np.mgrid[0:96, 0:96].astype(np.float32)
    carried = cv2.remap(to_float(there.image), x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
    inside = slice(8, 88)
    with_flow = np.abs(carried - to_float(here.image))[inside, inside].mean()
    without = np.abs(to_float(there.image) - to_float(here.image))[inside, inside].mean()
    assert with_flow < error and with_flow < 0.7 * without


def test_a_wide_picture_shows_the_square_one_in_its_middle():
    asked = scene(Brief("desert", 1))
    square, wide = view(asked, Size(64, 64)), view(asked, Size(128, 64))
    assert np.abs(wide.depth[:, 32:96] - square.depth).max() < 1e-3

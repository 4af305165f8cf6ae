from itertools import pairwise

import numpy as np
import pytest

from interpolation.bridge import Bridge
from interpolation.loops import dissolved
from interpolation.models.flow import FlowInterpolator
from tests.interpolation.clips import wheel
from tests.interpolation.test_stride import boiling


def steps(images):
    return np.array([np.sqrt(np.square(one.mean(2) - other.mean(2)).mean()) for one, other in pairwise(images)])


def test_a_bridge_at_the_pace_of_the_clip_has_its_steps_and_no_step_is_small():
    images = list(boiling(60, 0.97))
    usual = float(np.sqrt(np.median(steps(images) ** 2)))
    way = Bridge(images[-4:], images[:4], dissolved, usual)
    count = way.length(60)
    made = steps([images[-4], *way.frames(count), images[3]])
    assert 6 < count < 40
    assert made.min() > 0.7 * usual and made.max() < 1.25 * usual


def test_a_bridge_takes_longer_the_further_its_ends_are_apart():
    images = wheel(24)
    near, far = (Bridge([images[n]], [images[0]], FlowInterpolator().between, 5.0).length(100) for n in (1, 3))
    assert 1 <= near < far < 100
    assert Bridge([images[5]], [images[0]], dissolved, 0.01).length(30) == 30


def test_the_ends_keep_their_motion_at_first():
    """Between the ends of one round of a wheel nothing jumps: the next frames are where the wheel would have been."""
    images = wheel(24)
    way = Bridge(images[18:22], images[:4], FlowInterpolator().between, float(steps(images).mean()))
    made = list(way.frames(9))
    assert np.abs(made[0].astype(int) - images[19]).mean() < 0.35 * np.abs(images[18].astype(int) - images[19]).mean()
    assert np.abs(made[-1].astype(int) - images[2]).mean() < 0.35 * np.abs(images[3].astype(int) - images[2]).mean()


@pytest.mark.parametrize("rest", [0, 1, 3])
def test_a_bridge_has_as_many_frames_as_are_asked_for(rest):
    images = wheel(12)
    way = Bridge(images[-1 - rest :], images[: rest + 1], dissolved, 5.0)
    for count in (2 * rest + 1, 2 * rest + 4):
        assert len(list(way.frames(count))) == count


def test_ends_that_are_the_same_make_a_bridge_that_stands():
    image = wheel()[0]
    made = list(Bridge([image], [image], dissolved, 5.0).frames(3))
    assert all(np.array_equal(one, image) for one in made)

from itertools import pairwise

import numpy as np
import pytest

from core.errors import MediaError
from interpolation.stride import Stride, weight
from tests.interpolation.clips import SIGHT, texture, wheel


def strides(images):
    stride = Stride(SIGHT.flow)
    for image in images:
        stride.see(image)
    return stride


def boiling(count, share):
    """Pictures of which each keeps `share` of the one before: like water, never the same again."""
    random, image = np.random.default_rng(2), np.zeros((32, 32, 3))
    for _ in range(count):
        image = share * image + np.sqrt(1 - share**2) * random.normal(0, 30, image.shape)
        yield (128 + image).clip(0, 255).astype(np.uint8)


def fade_steps(images, over):
    kept = len(images) - over
    mixed = [images[kept + n].astype(float) * (1 - weight(n, over)) + images[n] * weight(n, over) for n in range(over)]
    shown = [images[kept - 1], *mixed, images[over]]
    return [np.square(one.astype(float) - other).mean() for one, other in pairwise(shown)]


@pytest.mark.parametrize("over", [1, 4, 9])
def test_weights_rise_between_0_and_1_and_are_the_same_from_both_sides(over):
    weights = [weight(n, over) for n in range(over)]
    assert weights == sorted(weights) and weights[0] > 0 and weights[-1] < 1
    assert np.allclose(np.add(weights, weights[::-1]), 1)


def test_a_moving_clip_has_its_step_and_speed():
    stride = strides(wheel(12))
    steps = [np.square(one.mean(2) - other.mean(2)).mean() for one, other in pairwise(wheel(12))]
    assert stride.count == 12
    assert stride.step == pytest.approx(np.sqrt(np.median(steps)), rel=0.25)
    assert stride.speed * 96 == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("share", [0.95, 0.99])
def test_the_fade_of_a_clip_that_never_comes_back_has_steps_like_its_own(share):
    images = list(boiling(100, share))
    over = strides(images).fade()
    usual = np.median([np.square(one.astype(float) - other).mean() for one, other in pairwise(images)])
    steps = fade_steps(images, over)
    assert 0.6 * usual < min(steps) and max(steps) < 1.5 * usual
    assert max(steps[0], steps[-1]) < 1.25 * usual


def test_slower_clips_fade_for_longer():
    assert strides(boiling(120, 0.9)).fade() < strides(boiling(120, 0.99)).fade()


def test_a_fade_is_as_long_as_makes_its_two_ends_meet():
    """48 frames of a wheel that takes 24 for a round, and six more: what is over fades into the same."""
    assert strides(wheel(24 + 10)).fade() == 10


def test_a_still_clip_has_a_pace_and_too_short_ones_are_refused():
    assert strides([texture()] * 9).fade() >= 1 and strides([texture()] * 9).step > 0
    for count in range(3):
        with pytest.raises(MediaError, match="at least 3 frames"):
            strides(wheel(count)).fade()
    assert strides(wheel(3)).fade() == 1


def test_a_loop_begins_where_its_clip_goes_on_as_usual():
    shifts = [4] * 30
    shifts[5:9], shifts[12:16], shifts[20] = [9, 9, 9, 9], [0, 0, 0, 0], 7
    picture, places = texture(), np.cumsum([0, *shifts])
    stride = strides(np.roll(picture, place, axis=1) for place in places)
    for first, last in [(3, 28), (6, 28), (9, 20), (17, 24)]:
        begin = stride.begin(first, last)
        assert first <= begin < last
        assert shifts[begin - 2 : begin + 1] == [4, 4, 4]
    assert stride.begin(2, 30) == 2 and stride.begin(1, 2) == 1

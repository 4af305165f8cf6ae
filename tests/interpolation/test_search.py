import numpy as np
import pytest

from core.errors import MediaError
from interpolation.seam import scores
from interpolation.search import found
from tests.interpolation.clips import measured, wheel


def test_the_loop_in_a_longer_clip_is_found():
    random = np.random.default_rng(1)
    noise = [random.integers(0, 256, wheel()[0].shape, dtype=np.uint8) for _ in range(20)]
    clip = [*noise[:9], *wheel(30), *noise[9:]]
    loop = found(iter(clip), 15, 30)
    assert loop.length == 24 and 9 <= loop.start <= 15
    assert loop.distance < 0.1 * loop.usual
    named = {score.name: score for score in scores(measured(clip[loop.start : loop.start + 24]))}
    assert named["seam ratio"].verdict == named["velocity seam"].verdict == "pass"


def test_a_turning_point_is_no_loop_though_its_picture_comes_back():
    there = wheel(20)
    clip = [*there, *there[-2::-1], *there[1:]]  # frame 19 - k and 19 + k are the same, but moved the other way
    assert found(iter(clip), 20, 40).length == 38


def test_a_loop_longer_than_the_clip_is_refused():
    with pytest.raises(MediaError, match="cannot be found in 10"):
        found(iter(wheel()[:10]), 12, 20)


def test_ends_are_not_found_where_a_clip_nearly_stands():
    """One round of 24 frames moves on; before it, ten frames creep by an eighth of a step each."""
    picture = wheel()[0]
    places = [*(0.5 * n for n in range(30)), *(16 + 4 * n for n in range(40))]
    clip = [np.roll(picture, round(place), axis=1) for place in places]
    loop = found(iter(clip), 15, 30)
    assert loop.length == 24 and loop.start >= 26


def test_a_stretch_that_does_not_meet_leaves_room_for_a_fade():
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(0, 8, (80, 1, 1, 3)), axis=0)
    clip = [(128 + np.zeros((16, 16, 3)) + step).clip(0, 255).astype(np.uint8) for step in walk]
    loop = found(iter(clip), 10, 70)
    assert loop.length <= 76

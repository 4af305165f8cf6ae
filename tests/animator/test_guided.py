"""Guides: which picture, how much of it, and when; Deforum's measured values."""

import numpy as np
import pytest

from animator.guided import Guide, guide_keys, share
from animator.mix import Mix
from core.errors import ScheduleError

IMAGES = {"0": "a", "max_f/4-5": "b", "max_f/2-10": "c", "3*max_f/4-15": "d", "max_f-20": "e"}
KEYS = (0, 24, 49, 74, 99)


def test_keys_are_expressions_of_the_last_frame():
    assert tuple(guide_keys(IMAGES, 120)) == KEYS
    assert guide_keys({"9": "late", "2": "early"}, 20) == {2: "early", 9: "late"}


def test_a_key_that_is_none_is_told():
    with pytest.raises(ScheduleError) as caught:
        guide_keys({"soon": "a"}, 20)
    assert caught.value.where == "soon"


MEASURED = [(0, 0.1), (1, 0.1012), (10, 0.2149), (19, 0.4308), (20, 0.1), (21, 0.07), (24, 0.07), (25, 0.1306)]


@pytest.mark.parametrize(("frame", "expected"), MEASURED)
def test_the_share_is_deforums(frame, expected):
    assert share(KEYS, frame, Mix()) == pytest.approx(expected, abs=5e-5)


def test_a_window_of_no_frames_divides_by_nothing():
    assert share(KEYS, 0, Mix(guide_frames=0)) == 0.07


def test_the_picture_of_the_last_key_is_mixed_in():
    pictures = [np.full((4, 4, 3), level, np.uint8) for level in (0, 100, 200)]
    guide = Guide((0, 5, 10), pictures.__getitem__)
    init = np.full((4, 4, 3), 50, np.uint8)
    numbers = Mix(guide_peak=1, guide_swing=0, guide_frames=1000, guide_color=0)
    for frame, place in ((0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (99, 2)):
        guided = guide.guided(init, frame, numbers)
        assert np.array_equal(guided.init, pictures[place]) and np.array_equal(guided.colors, guided.init)
    colors = guide.guided(init, 12, Mix(guide_peak=0, guide_swing=0, guide_frames=1000, guide_color=0.5)).colors
    assert colors[0, 0, 0] == 125

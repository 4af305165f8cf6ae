"""Retiming: counts, times, rings, cuts and repeats."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.errors import MediaError
from core.image import Size
from interpolation.loops import dissolved
from interpolation.retime import (
    MOST_REPEATS,
    is_cut,
    likeness,
    numbered,
    retimed,
    ring_count,
    without_repeats,
)
from training.painter.briefs import brief
from training.painter.compose import scene
from training.painter.theatre import Shot, view

factors = some.fractions(Fraction(1, 3), 5, max_denominator=6)


def grey(level: float) -> np.ndarray:
    return np.full((8, 8, 3), round(level), np.uint8)


def clip(count: int) -> list[np.ndarray]:
    return [grey(20 * index) for index in range(count)]


def levels(frames) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in frames]


@given(some.integers(2, 9), factors)
def test_an_open_clip_ends_at_its_last_frame(count, factor):
    made = list(retimed(numbered(clip(count)), 1 / factor, dissolved))
    assert len(made) == int((count - 1) * factor) + 1


@given(some.integers(2, 9), some.integers(1, 5))
def test_whole_factors_keep_every_source_frame(count, factor):
    made = list(retimed(numbered(clip(count)), Fraction(1, factor), dissolved))
    assert len(made) == (count - 1) * factor + 1 and levels(made[::factor]) == levels(clip(count))


@given(some.integers(2, 9), some.integers(1, 5))
def test_a_ring_has_as_many_times_the_frames(count, factor):
    made = list(retimed(numbered(clip(count)), Fraction(1, factor), dissolved, ring=Fraction(1)))
    assert len(made) == ring_count(count, Fraction(factor)) == count * factor


def test_a_ring_that_would_not_close_is_told():
    with pytest.raises(MediaError, match="whole"):
        ring_count(5, Fraction(3, 2))


def test_levels_follow_time_at_any_rate():
    made = retimed(numbered(clip(5)), Fraction(4, 15), dissolved)
    assert levels(made) == pytest.approx([20 * 4 * n / 15 for n in range(16)], abs=1)


def test_uneven_times_come_out_even():
    times = [Fraction(n) for n in (0, 1, 3, 4)]
    frames = [(time, grey(10 * float(time))) for time in times]
    assert levels(retimed(frames, Fraction(1), dissolved)) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_frames_are_told(count):
    with pytest.raises(MediaError, match="two frames"):
        list(retimed(numbered(clip(count)), Fraction(1, 2), dissolved))


def test_a_size_that_changes_is_told():
    with pytest.raises(MediaError, match="8x8"):
        list(retimed(numbered([grey(1), np.zeros((4, 4, 3), np.uint8)]), Fraction(1, 2), dissolved))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (64, 64, 3)).astype(np.uint8)


def test_a_cut_is_held_never_morphed():
    one, other = noise(1), noise(2)
    assert is_cut(one, other) and not is_cut(one, one)
    made = list(retimed(numbered([one, other]), Fraction(1, 4), dissolved))
    assert [np.array_equal(frame, one) for frame in made] == [True, True, False, False, False]
    assert all(np.array_equal(frame, other) for frame in made[2:])


def test_likeness_is_one_for_the_same_and_symmetric():
    assert likeness(noise(1), noise(1)) == pytest.approx(1)
    assert likeness(noise(1), noise(2)) == pytest.approx(likeness(noise(2), noise(1)))


def test_repeats_are_left_out_and_their_time_is_spread():
    pictures = [noise(1), noise(1), noise(2), noise(3)]
    left = list(without_repeats(numbered(pictures)))
    assert [int(time) for time, _ in left] == [0, 2, 3]


def test_a_long_rest_stays_and_so_does_the_last_frame():
    left = list(without_repeats(numbered([noise(1)] * (MOST_REPEATS + 3))))
    assert int(left[-1][0]) == MOST_REPEATS + 2 and len(left) >= 2


def test_painted_scenes_are_told_apart_and_fast_cameras_are_not():
    size, subjects = Size(64, 64), ("ocean", "city", "forest")
    painted = [scene(brief(n, subject)) for n, subject in enumerate(subjects)]
    left, right = ([view(one, size, Shot(x=x)).image for one in painted] for x in (-0.15, 0.15))
    assert not any(is_cut(a, b) for a, b in zip(left, right, strict=True))
    assert all(is_cut(left[n], left[n - 1]) for n in range(3))

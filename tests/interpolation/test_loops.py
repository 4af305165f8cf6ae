import itertools

import numpy as np
import pytest

from core.errors import MediaError
from interpolation import loops
from interpolation.loops import (
    bridge,
    bridged,
    dissolved,
    easy_turn,
    faded,
    morphing,
    pingpong,
    shortest_pingpong,
    turned_places,
)  # fmt: skip
from tests.interpolation.clips import SIGHT, wheel

MORPH = morphing(SIGHT, reach=0.1)


class Held:
    """A clip in memory that remembers how much was asked of it."""

    def __init__(self, images):
        self.images, self.asked = images, []

    @property
    def count(self):
        return len(self.images)

    def frames(self, start, stop):
        self.asked.append((start, stop))
        return iter(self.images[start:stop])


def levels(count):
    return Held([np.full((4, 4, 3), 10 * n, np.uint8) for n in range(count)])


def shown(images):
    return [int(image[0, 0, 0]) // 10 for image in images]


def test_ping_pong_shows_neither_end_twice():
    assert shown(pingpong(levels(5), 0, dissolved)) == [0, 1, 2, 3, 4, 3, 2, 1]
    assert shown(pingpong(levels(3), 0, dissolved)) == [0, 1, 2, 1]


def test_ping_pong_holds_a_bounded_number_of_frames(monkeypatch):
    monkeypatch.setattr(loops, "HELD_BYTES", 3 * 48)
    clip = levels(11)
    assert shown(pingpong(clip, 0, dissolved)) == [*range(11), *range(9, 0, -1)]
    assert max(stop - start for start, stop in clip.asked[1:]) == 3


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_soft_turn_slows_down_evenly_and_leaves_the_rest_of_the_clip_as_it_is(turn):
    places = turned_places(40, turn)
    assert len(places) == 40 + 2 * turn and places[0] == 0 and places[-1] == 39
    speeds = np.diff(places)
    assert np.allclose(speeds, speeds[::-1]) and (np.diff(speeds[:15]) > -1e-9).all() and speeds[0] < 0.4
    jerks = np.abs(np.diff(np.concatenate([-speeds[:1], speeds]), 2))
    assert jerks.max() < 0.4 / turn
    middle = places[3 * turn : -3 * turn]
    assert np.array_equal(middle, np.rint(middle))


def test_ping_pong_with_soft_turns_is_the_same_there_and_back():
    images = [image.astype(int) for image in pingpong(levels(20), 2, dissolved)]
    assert len(images) == 2 * 20 - 2 + 4 * 2
    assert all(np.array_equal(images[n], images[-n]) for n in range(1, len(images) // 2))
    steps = [abs(int(one[0, 0, 0]) - int(other[0, 0, 0])) for one, other in itertools.pairwise(images)]
    assert max(steps) <= 10


def test_faster_clips_turn_more_softly_as_far_as_they_have_room():
    turns = [easy_turn(speed, 100) for speed in (0, 0.001, 0.01, 0.05)]
    assert turns == sorted(turns) and turns[0] == 1 and turns[-1] > 2
    assert easy_turn(0.05, 5) == max(turn for turn in range(6) if shortest_pingpong(turn) <= 5)


def test_a_fade_keeps_time_and_goes_over_evenly():
    images = list(faded(levels(10), 3, dissolved))
    assert len(images) == 7
    assert [int(image[0, 0, 0]) for image in images] == [60, 45, 30, 30, 40, 50, 60]  # 70, 80, 90 to 0, 10, 20


def test_a_bridge_leads_from_the_last_frame_to_the_first():
    clip = levels(5)
    images = list(bridged(clip, 3, bridge(clip, dissolved, 10)))
    assert [int(image[0, 0, 0]) for image in images] == [0, 10, 20, 30, 40, 30, 20, 10]


def same(one, other):
    return all(np.array_equal(image, again) for image, again in zip(one, other, strict=True))


def test_a_loop_that_begins_elsewhere_is_the_same_loop():
    clip = levels(12)
    plain = list(faded(clip, 3, dissolved))
    assert all(same(faded(clip, 3, dissolved, n), plain[n:] + plain[:n]) for n in range(3, 9))
    way = bridge(clip, dissolved, 10)
    plain = list(bridged(clip, 4, way))
    assert all(
        same(bridged(clip, 4, way, way.rest + n), plain[n:] + plain[:n]) for n in range(clip.count - 2 * way.rest)
    )


@pytest.mark.parametrize(
    ("close", "least"),
    [
        (lambda clip: pingpong(clip, 0, dissolved), 3),
        (lambda clip: pingpong(clip, 2, dissolved), 9),
        (lambda clip: faded(clip, 3, dissolved), 7),
        (lambda clip: bridged(clip, 2, bridge(clip, dissolved, 1)), 2),
    ],
)
def test_clips_that_are_too_short_are_refused_with_the_number_needed(close, least):
    for count in range(least):
        with pytest.raises(MediaError, match=f"at least {least} frames"):
            list(close(levels(count)))
    list(close(levels(least)))


def test_closing_is_lazy():
    endless = Held(wheel())
    assert len(list(itertools.islice(faded(endless, 4, dissolved), 2))) == 2


def test_a_morph_moves_what_a_fade_doubles():
    one, other = wheel()[0], wheel()[1]
    middle = np.roll(one, 2, axis=1)
    moved, doubled = MORPH(one, other, (0.5,))[0], dissolved(one, other, (0.5,))[0]
    assert (
        np.abs(moved[:, 8:-8] - middle[:, 8:-8].astype(int)).mean() < 0.3 * np.abs(doubled - middle.astype(int)).mean()
    )


def test_a_morph_fades_in_place_what_lies_beyond_its_reach():
    one, other = wheel()[0], wheel()[1]
    near, dissolve = morphing(SIGHT, reach=0.001)(one, other, (0.5,))[0], dissolved(one, other, (0.5,))[0]
    assert np.abs(near.astype(int) - dissolve).mean() < 1

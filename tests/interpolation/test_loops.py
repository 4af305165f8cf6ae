import itertools

import numpy as np
import pytest

from core.errors import MediaError
from interpolation import loops
from interpolation.loops import Part, bridged, dissolved, faded, found, morphing, pingpong
from interpolation.seam import scores
from tests.interpolation.clips import SIGHT, measured, wheel

MORPH = morphing(SIGHT.flow, SIGHT.warped)


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
    assert shown(pingpong(levels(5))) == [0, 1, 2, 3, 4, 3, 2, 1]
    assert shown(pingpong(levels(3))) == [0, 1, 2, 1]


def test_ping_pong_holds_a_bounded_number_of_frames(monkeypatch):
    monkeypatch.setattr(loops, "HELD_BYTES", 3 * 48)
    clip = levels(11)
    assert shown(pingpong(clip)) == [*range(11), *range(9, 0, -1)]
    assert max(stop - start for start, stop in clip.asked[1:]) == 3


def test_a_fade_keeps_time_and_goes_over_evenly():
    images = list(faded(levels(10), 3, dissolved))
    assert len(images) == 7
    assert [int(image[0, 0, 0]) for image in images] == [52, 45, 38, 30, 40, 50, 60]  # 70, 80, 90 to 0, 10, 20


def test_a_bridge_leads_from_the_last_frame_to_the_first():
    images = list(bridged(levels(5), 3, dissolved))
    assert [int(image[0, 0, 0]) for image in images] == [0, 10, 20, 30, 40, 30, 20, 10]


@pytest.mark.parametrize(
    ("close", "least"),
    [(pingpong, 3), (lambda clip: faded(clip, 3, dissolved), 7), (lambda clip: bridged(clip, 2, dissolved), 2)],
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


def test_the_loop_in_a_longer_clip_is_found():
    random = np.random.default_rng(1)
    noise = [random.integers(0, 256, wheel()[0].shape, dtype=np.uint8) for _ in range(20)]
    clip = [*noise[:9], *wheel(30), *noise[9:]]
    loop = found(iter(clip), 15, 30)
    assert loop.length == 24 and 9 <= loop.start <= 15
    assert loop.distance < 0.1 * loop.usual
    named = {score.name: score for score in scores(measured(list(Part(Held(clip), loop.start, 24).frames(0, 24))))}
    assert named["seam ratio"].verdict == named["velocity seam"].verdict == "pass"


def test_a_turning_point_is_no_loop_though_its_picture_comes_back():
    there = wheel(20)
    clip = [*there, *there[-2::-1], *there[1:]]  # frame 19 - k and 19 + k are the same, but moved the other way
    assert found(iter(clip), 20, 40).length == 38


def test_a_loop_longer_than_the_clip_is_refused():
    with pytest.raises(MediaError, match="cannot be found in 10"):
        found(iter(wheel()[:10]), 12, 20)

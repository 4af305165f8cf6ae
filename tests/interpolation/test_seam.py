from fractions import Fraction

import numpy as np
import pytest

from core.errors import MediaError
from interpolation.meter import Meter
from interpolation.seam import scores, verdict
from tests.interpolation.clips import SIGHT, measured, texture, wheel


def figures(frames):
    found = scores(measured(frames))
    return {score.name: score for score in found}, verdict(found)


def test_a_perfect_loop_passes_in_every_figure():
    named, judged = figures(wheel())
    assert judged == "pass", named
    assert named["seam ratio"].value == pytest.approx(1, abs=0.1)
    assert named["velocity seam"].value < 1.5
    assert named["speed"].value == pytest.approx(4, rel=0.15)
    assert abs(named["drift of lightness"].value) < 1


def test_a_ping_pong_has_no_gap_but_turns_round():
    half = wheel()[:13]
    named, judged = figures([*half, *half[-2:0:-1]])
    assert named["seam ratio"].verdict == "pass"
    assert named["velocity seam"].verdict == "fail" and judged == "fail"


def test_a_frozen_clip_is_told_and_no_ratio_is_made_up():
    named, judged = figures(wheel()[:1] * 12)
    assert judged == "fail" and named["motion"].verdict == "fail"
    assert named["seam ratio"].value is None
    assert named["dynamic degree"].value == 0


def test_a_jump_at_the_seam_fails():
    named, judged = figures(wheel()[:12])
    assert named["seam ratio"].value > 2 and judged == "fail"


def test_a_jump_inside_is_found_where_it_is():
    frames = wheel(48, shift=2)
    frames[9:] = [frame[::-1].copy() for frame in frames[9:]]
    named, _ = figures(frames)
    assert named["largest step"].verdict == "warn"
    assert "frame 8" in named["largest step"].meaning


def test_a_first_frame_that_comes_twice_is_a_warning():
    named, judged = figures([*wheel(), wheel()[0]])
    assert named["seam ratio"].value == pytest.approx(0, abs=1e-6)
    assert named["seam ratio"].verdict == "warn" and judged != "pass"


def test_a_drift_is_measured_in_lightness_per_hundred_frames():
    def darker(image, n):
        return np.rint(image * (1 - 0.01 * n)).astype(np.uint8)

    named, judged = figures([darker(frame, n) for n, frame in enumerate(wheel())])
    assert named["drift of lightness"].value < -30
    assert named["colour seam"].verdict == "fail" and judged == "fail"


def test_noise_is_flicker_and_warp_error_and_smooth_motion_is_neither():
    random = np.random.default_rng(3)
    clean = wheel()
    noisy = [np.clip(frame + random.normal(0, 12, frame.shape), 0, 255).astype(np.uint8) for frame in clean]
    calm, rough = figures(clean)[0], figures(noisy)[0]
    assert rough["flicker"].value > 4 * calm["flicker"].value
    assert rough["warp error"].value > 4 * calm["warp error"].value


def test_dynamic_degree_tells_fast_from_slow():
    assert figures(wheel())[0]["dynamic degree"].value == 1  # 12 pixels between looks
    slow = [np.roll(wheel()[0], n // 8, axis=1) for n in range(24)]
    assert figures(slow)[0]["dynamic degree"].value == 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_very_short_clips_have_a_figure_for_every_step(count):
    series = measured(wheel()[:count])
    assert len(series.steps) == len(series.speeds) == len(series.turns) == count
    assert len(series.warp_errors) == count - 1


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_are_refused(count):
    meter = Meter(SIGHT, Fraction(24))
    for frame in wheel()[:count]:
        meter.see(frame)
    with pytest.raises(MediaError, match="at least two"):
        meter.series()


def test_the_turn_of_a_step_stands_at_its_place():
    frames = wheel(24)
    frames = [*frames[:10], *[frames[9]] * 1, *frames[10:]]  # a stall at step 9
    series = measured(frames)
    assert int(np.argmax(series.turns)) == 9
    assert int(np.argmin(series.steps)) == 9


def test_a_seam_in_a_lively_stretch_is_a_warning_at_most():
    places = np.cumsum([4 if n < 6 or n >= 26 else 1 for n in range(32)])  # fast around the seam, slow elsewhere
    ring = texture(width=int(places[-1]))
    named, judged = figures([np.roll(ring, place, axis=1) for place in places])
    assert named["seam ratio"].value > 2 and named["seam ratio"].verdict == judged == "warn"

"""A video in a feedback render: when it is mixed in, where, how much, and how its motion goes over."""

import numpy as np
import pytest

from animator.hybrid import Hybrid, HybridRules
from animator.mix import Mix
from core.image import Size
from motion.fields import agreement
from motion.flow.dis import Options, build
from tests.animator.toys import params
from tests.motion.pictures import clouds

SIZE = Size(96, 80)
RENDER = np.full((80, 96, 3), 200, np.uint8)
VIDEO = [np.full((80, 96, 3), 100, np.uint8)] * 3


def hybrid(frames=VIDEO, **rules):
    depth = lambda image, _frame: 1 + image[..., 0].astype(np.float32)  # noqa: E731
    flow = build(Options(), None) if rules.get("motion") == "flow" else None
    return Hybrid(HybridRules(**rules), lambda index: frames[index], flow, depth)


def composed(image=RENDER, frames=VIDEO, when="normal", before=RENDER, **rules):
    mix = rules.pop("mix", Mix())
    return hybrid(frames, composite="normal", **rules).composed(image, params(1, mix=mix), when, before)


def test_without_a_mask_the_video_comes_in_by_its_share():
    for share in (0, 0.25, 1):
        level = composed(mix=Mix(video=share))[0, 0, 0]
        assert level == pytest.approx(200 - 100 * share, abs=0.5)


def test_it_comes_in_at_its_own_time_alone():
    for when in ("before motion", "after generation"):
        assert composed(when=when) is RENDER


def test_white_in_the_mask_keeps_the_render_and_black_takes_the_video():
    render = RENDER.copy()
    render[:, :48] = 100  # there is no difference to the video here
    mixed = composed(render, mask="difference", mix=Mix(video=1), auto_contrast=True)
    assert np.all(mixed[:, :48] == 100) and np.all(mixed[:, 48:] == 200)
    turned = composed(render, mask="difference", invert=True, auto_contrast=True, mix=Mix(video=1))
    assert np.all(turned[:, 48:] == 100)


def test_a_blend_mask_is_the_gray_of_both():
    expected = 150 / 255  # of white
    mixed = composed(mask="blend", mix=Mix(video=1, mask_blend=0.5))
    assert mixed[0, 0, 0] == pytest.approx(200 * expected + 100 * (1 - expected), abs=1)
    other = composed(mask="blend", mix=Mix(video=1, mask_blend=1))
    assert other[0, 0, 0] == pytest.approx(200 * 100 / 255 + 100 * 155 / 255, abs=1)


def test_what_is_near_keeps_the_render():
    near = np.full((80, 96, 3), 0, np.uint8)
    near[:, 48:] = 90  # farther, in this depth
    mixed = composed(mask="depth", before=near, mix=Mix(video=1))
    assert np.all(mixed[:, :48] == 200) and np.all(mixed[:, 48:] == 100)
    by_video = composed(RENDER, [near] * 3, mask="video depth", mix=Mix(video=1))
    assert np.all(by_video[:, :48] == 200) and np.all(by_video[:, 48:] == 90)


def test_the_numbers_of_the_mask_act():
    rng = np.random.default_rng(0)
    render = rng.integers(0, 256, RENDER.shape, dtype=np.uint8)
    plain = composed(render, mask="difference", mix=Mix(video=1))
    for rules in (
        {"mix": Mix(video=1, mask_contrast=2)},
        {"auto_contrast": True, "mix": Mix(video=1, mask_low=30)},
        {"auto_contrast": True, "mix": Mix(video=1, mask_high=60)},
        {"equalize": "before", "mix": Mix(video=1)},
        {"equalize": "after", "mix": Mix(video=1)},
    ):
        assert not np.array_equal(composed(render, mask="difference", **rules), plain)


def test_a_mask_without_contrast_is_no_division_by_zero():
    mixed = composed(mask="difference", auto_contrast=True, mix=Mix(video=1))
    assert np.isfinite(mixed.astype(float)).all()


def grainy(shift):
    blocks = np.kron(np.random.default_rng(3).integers(0, 256, (20, 24, 3)), np.ones((4, 4, 1)))
    return np.roll((blocks * 0.5 + clouds(SIZE) * 0.5).astype(np.uint8), shift, axis=1)


@pytest.mark.parametrize("motion", ["flow", "affine", "perspective"])
def test_the_render_moves_as_the_video_does(motion):
    video = [grainy(shift) for shift in (0, 4, 8)]
    render = clouds(SIZE, seed=5)
    moved = hybrid(video, motion=motion).mover(params(1), render)(render)
    inner = (slice(16, 64), slice(24, 72))
    there = np.abs(moved[inner].astype(int) - np.roll(render, 4, axis=1)[inner]).mean()
    stayed = np.abs(moved[inner].astype(int) - render[inner]).mean()
    assert there < 0.35 * stayed


def test_the_share_of_the_flow_turns_and_stops_it():
    video, render = [grainy(shift) for shift in (0, 4, 8)], clouds(SIZE, seed=5)
    moved = {
        factor: hybrid(video, motion="flow").mover(params(1, mix=Mix(motion=factor)), render)(render)
        for factor in (0, 1, -1)
    }
    assert np.array_equal(moved[0], render)
    inner = (slice(16, 64), slice(24, 72))
    back = np.abs(moved[-1][inner].astype(int) - np.roll(render, -4, axis=1)[inner]).mean()
    assert back < 0.35 * np.abs(moved[-1][inner].astype(int) - render[inner]).mean()


def test_the_first_frame_has_nothing_to_move_from():
    assert hybrid(motion="affine").mover(params(0), RENDER)(RENDER) is RENDER


def test_motion_from_the_render_starts_at_its_last_frame():
    video = [grainy(0), grainy(0), grainy(0)]
    before = grainy(-4)
    for motion in ("flow", "affine"):
        still = hybrid(video, motion=motion).mover(params(1), before)(before)
        drawn = hybrid(video, motion=motion, from_render=True).mover(params(1), before)(before)
        inner = (slice(16, 64), slice(24, 72))
        assert np.abs(still[inner].astype(int) - before[inner]).mean() < 1
        assert np.abs(drawn[inner].astype(int) - video[1][inner]).mean() < 20


def test_flow_that_does_not_come_back_counts_for_nothing():
    before, after = grainy(0), grainy(4)
    after[30:50, 40:60] = 255  # appears from nowhere
    render = clouds(SIZE, seed=5)
    loose = hybrid([before, after], motion="flow").mover(params(1), render)(render)
    sure = hybrid([before, after], motion="flow", consistent=True, blur=0).mover(params(1), render)(render)
    soft = hybrid([before, after], motion="flow", consistent=True, blur=3).mover(params(1), render)(render)
    assert not np.array_equal(loose, sure) and not np.array_equal(sure, soft)
    flow = build(Options(), None)
    hidden = agreement(flow.flow(before, after), flow.flow(after, before)) == 0
    assert hidden.any() and np.array_equal(sure[hidden], render[hidden])

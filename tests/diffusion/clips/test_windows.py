"""Context windows: coverage in every step, and the calls the schemes are known to make."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from diffusion.clips.windows import WindowRules, calls, halving, told, weights, windows

SCHEMES = ["even", "N", "R-P", "R+P", "A"]


def rules(frames=16, overlap=4, **other):
    return WindowRules(frames, overlap, **other)


def test_halving_fills_the_unit_interval_evenly():
    assert [halving(step) for step in range(6)] == [0, 0.5, 0.25, 0.75, 0.125, 0.625]


@settings(max_examples=150, deadline=None)
@given(
    some.integers(1, 259), some.sampled_from([(16, 4), (16, 8), (8, 2), (24, 6), (16, 0)]), some.integers(0, 31),
    some.sampled_from(SCHEMES), some.booleans(), some.integers(1, 4),
)  # fmt: skip
def test_every_frame_is_in_a_window_of_every_step(length, shape, step, scheme, closed, stride):
    length = length if closed else max(length, shape[0])
    found = windows(step, length, rules(*shape, scheme=scheme, stride=stride), closed=closed)
    assert set().union(*found) == set(range(length))
    assert all(len(window) == shape[0] for window in found)


@pytest.mark.parametrize(("length", "mean"), [(16, 2), (32, 3), (48, 4), (64, 6), (100, 9), (120, 10)])
def test_ring_makes_as_few_calls_as_cover_it(length, mean):
    assert calls(length, rules(), 20, closed=True) == mean


@pytest.mark.parametrize(("length", "mean"), [(32, 3.25), (48, 4.55), (64, 5.85), (100, 8.85), (120, 10.55)])
def test_line_makes_the_calls_it_is_known_for(length, mean):
    assert calls(length, rules(), 20, closed=False) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("length", "stride", "n", "r", "a"),
    [(32, 1, 3.8, 3, 3), (48, 1, 4.65, 4, 4), (64, 2, 8.6, 8, 9), (64, 4, 9.6, 9, 11), (120, 1, 10.6, 10, 10)],
)
def test_classic_schemes_make_the_calls_of_the_web_ui(length, stride, n, r, a):
    found = {s: calls(length, rules(scheme=s, stride=stride), 20, closed=False) for s in SCHEMES[1:]}
    lost = 0.1 if length == 64 else 0  # two steps in which the web UI leaves frames out, and we do not
    assert found["N"] == pytest.approx(n + lost) and found["R-P"] == found["R+P"] == r and found["A"] == a


@pytest.mark.parametrize("step", range(20))
def test_ring_windows_never_start_further_apart_than_they_overlap(step):
    starts = sorted(window[0] for window in windows(step, 100, rules(), closed=True))
    gaps = [b - a for a, b in zip(starts, [*starts[1:], starts[0] + 100], strict=True)]
    assert max(gaps) <= 16 - 4


def test_a_loop_as_long_as_a_window_turns_and_each_frame_takes_every_place():
    found = [windows(step, 16, rules(), closed=True) for step in range(8)]
    assert all((one[0] + 8) % 16 == other[0] for one, other in found)
    assert {window.index(3) for step in found for window in step} == set(range(16))


@pytest.mark.parametrize("length", [16, 48, 96])
def test_windows_of_a_ring_meet_nowhere_twice_until_they_met_everywhere(length):
    ring = rules(16, 8)
    apart = length // len(windows(0, length, ring, closed=True))
    met = [window[0] for step in range(apart) for window in windows(step, length, ring, closed=True)]
    assert sorted(met) == list(range(length))


def test_a_loop_shorter_than_a_window_goes_round_in_it():
    (window,) = windows(0, 6, rules(), closed=True)
    assert window == tuple(place % 6 for place in range(16))


def test_scheme_n_never_wraps_and_r_does():
    def wraps(scheme):
        found = (w for step in range(20) for w in windows(step, 64, rules(scheme=scheme), closed=False))
        return any(list(window) != sorted(window) for window in found)

    assert not wraps("N") and wraps("R-P")


def test_weights_are_highest_inside_and_never_zero():
    assert weights(rules(8, 2, weights="pyramid")) == (1, 2, 3, 4, 4, 3, 2, 1)
    assert weights(rules(8, 2, weights="linear")) == (0.5, 1, 1, 1, 1, 1, 1, 0.5)
    assert weights(rules(8, 2, weights="flat")) == (1,) * 8
    assert weights(rules(8, 0, weights="linear")) == (1,) * 8


def test_windows_are_told_as_spans():
    assert told(48, rules(), closed=True) == ["0-15", "12-27", "24-39", "36-47, 0-3"]
    assert told(64, rules(scheme="R-P", stride=2), closed=False)[-1].endswith("by 2")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ScheduleError
from schedules.easing import EASINGS
from schedules.rewrite import canonical, scaled
from schedules.schedule import Schedule

NUMBERS = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)
VALUES = st.one_of(
    NUMBERS.map(canonical),
    st.sampled_from(
        ["t", "t/7", "( 5 )", "5.", "1e-3", "max(t, 3)", "where(t<5, 1, 2)", "t if t>3 else -t", "-t, "]
    ).map(lambda text: text.removesuffix(", ")),
)
KEYS = st.lists(
    st.tuples(st.one_of(st.integers(0, 20).map(str), st.just('"max_f/2"')), VALUES, st.sampled_from(["", *EASINGS])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=80, deadline=None)
@given(KEYS, NUMBERS, st.one_of(st.just(0.0), NUMBERS))
def test_a_scaled_schedule_gives_scaled_values(keys, factor, offset):
    text = ", ".join(f"{position}:({value}) {easing}" for position, value, easing in keys)
    before, after = (Schedule.parse(each, 16).values() for each in (text, scaled(text, factor, offset)))
    size = np.abs(before).max() * abs(factor) + abs(offset)
    assert np.abs(after - (before * factor + offset)).max() <= 1e-9 * size


@pytest.mark.parametrize(
    ("text", "factor", "offset", "expected"),
    [
        ("0:(1), 30:(-2)", 0.1, 0, "0:(0.1), 30:(-0.2)"),
        ("0: 3", 0.1, 0, "0:(0.3)"),
        ('0:(t), "max_f/2":( 2 ) ease_in', 2, 0, '0:((t)*2), "max_f/2":((2)*2) ease_in'),
        ("0:(0), 5:(10)", -1, 0, "0:(0), 5:(-10)"),
        ("0:(0.65), 5:(t/9)", -1, 1, "0:(0.35), 5:((t/9)*-1+1)"),
        ("0:(1)", 1e-7, 0, "0:(0.0000001)"),
    ],
)
def test_what_was_plain_stays_plain(text, factor, offset, expected):
    assert scaled(text, factor, offset) == expected


def test_scaling_twice_is_scaling_by_the_product():
    once, twice = scaled("0:(t+1), 5:(3)", 6), scaled(scaled("0:(t+1), 5:(3)", 2), 3)
    assert Schedule.parse(once, 9).values() == pytest.approx(Schedule.parse(twice, 9).values())


@pytest.mark.parametrize("text", ["", "0", "0:(1"])
def test_what_is_no_schedule_is_not_scaled(text):
    with pytest.raises(ScheduleError):
        scaled(text, 2)


def test_a_number_that_grows_too_large_is_said():
    with pytest.raises(ScheduleError, match="inf is no number"):
        scaled("0:(" + "9" * 300 + ")", 1e300)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (5.0, "5"),
        (-0.0, "0"),
        (1e-7, "0.0000001"),
        (1e20, "1" + "0" * 20),
        (1 / 3, "0.333333333333"),
    ],
)
def test_numbers_are_written_without_noise(value, text):
    assert canonical(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_is_plain_and_near(value):
    text = canonical(value)
    assert set(text) <= set("-.0123456789")
    assert float(text) == pytest.approx(value, rel=1e-11, abs=0)
    assert canonical(float(text)) == text

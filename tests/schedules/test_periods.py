import numpy as np
import pytest

from core.errors import ScheduleError
from schedules.expression import Scope
from schedules.periods import ends, snapped, waves
from schedules.schedule import Schedule, continued

LOOP = Scope(120)


def periods(text):
    return [wave.period for wave in waves(text, LOOP)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0:(sin(2*pi*t/36))", [36]),
        ("0:(1 + 0.2*cos(t/10 + 1))", [20 * np.pi]),
        ("0:(tan(pi*t/50))", [50]),
        ("0:(t % 30), 60:(fmod(t, 7))", [30, 7]),
        ("0:(sin(2*pi*t/40)*cos(2*pi*t/60))", [40, 60]),
        ("0:(sin(t**2))", []),
        ("0:(sin(3))", []),
        ("0:(1), 30:(2)", []),
    ],
)
def test_what_repeats_is_found_with_its_period(text, found):
    assert periods(text) == pytest.approx(found)


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        ("0:(sin(2*pi*t/40))", True),
        ("0:(sin(2*pi*t/36))", False),
        ("0:(0.01)", True),
        ("0:(0), 60:(1)", False),
        ("0:(0.01*t)", False),
        ("0:(t % 30)", True),
        ("0:((t-60)**2)", False),  # the value comes back, the slope does not
    ],
)
def test_a_schedule_closes_if_value_and_slope_come_back(text, closes):
    assert ends(text, LOOP).closes is closes


def test_the_ends_are_told():
    found = ends("0:(0.5*t)", LOOP)
    assert found.value == (0, 60) and found.slope == (0.5, 0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:(sin(2*pi*t/36))", "0:(sin(2*pi*t/40))"),
        ("0:(sin(6.283185307179586*t/50 + 0.4)) ease_in, 60:(t % 29)",
         "0:(sin(6.283185307179586*t/60 + 0.4)) ease_in, 60:(t % 30)"),
        ("0:(sin(2*pi*t/40))", "0:(sin(2*pi*t/40))"),
        ("0:(sin(2*pi*t/1000))", "0:(sin(2*pi*t/120))"),
        ("0:(0), 60:(1)", "0:(0), 60:(1)"),
    ],
)  # fmt: skip
def test_snapping_changes_the_number_that_holds_the_period(text, expected):
    assert snapped(text, LOOP) == expected


@pytest.mark.parametrize(
    "text",
    ["0:(sin(t/10))",
     "0:(cos(0.13*t + 1.5))", "0:(sin(t))", "0:(sin((t+3)/9))", "0:(cos(2*pi*(t-7)/33))",
     "0:(sin(i/7)+cos(t*0.31))"],
)  # fmt: skip
def test_what_is_snapped_closes_and_starts_as_before(text):
    after = snapped(text, LOOP)
    assert ends(after, LOOP).closes, after
    assert Schedule.parse(after, 120).at(0) == pytest.approx(Schedule.parse(text, 120).at(0), abs=1e-9)
    assert snapped(after, LOOP) == after


def test_a_schedule_runs_on_behind_its_end_as_at_its_end():
    assert continued("0:(0), 10:(10), 30:(99)", Scope(20), 3)[-4:].tolist() == [10, 10, 10, 10]
    assert continued("0:(t)", Scope(5), 2).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_text_that_is_no_schedule_is_refused():
    with pytest.raises(ScheduleError):
        snapped("0:(sin(", LOOP)


@pytest.mark.parametrize("frames", [48, 90, 96, 120, 180, 250])
@pytest.mark.parametrize("size", [7, 11, 25, 31])
def test_a_snapped_remainder_has_come_round_when_the_loop_ends(frames, size):
    scope = Scope(frames)
    text = snapped(f"0:(0.02 + 0.01*(t % {size})/{size})", scope)
    found = ends(text, scope)
    assert found.closes and found.value[1] == pytest.approx(0.02, abs=1e-6)

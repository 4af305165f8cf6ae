"""What is said of a render's way where there is no terminal."""

import pytest

from animator.steps import Sampled
from commands import progress as told
from commands.progress import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by as much as it is told to, and a line for every step."""
    now = [0.0]
    monkeypatch.setattr(told.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(told, "LINE_SECONDS", 0.0)

    def goes_on(seconds):
        now[0] += seconds

    return goes_on


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_time_left_counts_what_is_made_and_neither_what_lies_on_disk_nor_loading(clock, capsys):
    with progress("a", total=6, reused=2) as bar:
        bar()
        bar()
        clock(60)  # for models to be loaded
        bar()
        clock(3)
        bar()
    assert lines(capsys)[-2:] == ["a: frame 3 of 6", "a: frame 4 of 6, about 6 s left"]


def test_steps_before_the_first_frame_are_told_with_their_time_and_are_no_time_of_frames(clock, capsys):
    with progress("a", total=3, reused=0) as bar:
        bar.sampled(Sampled(1, 3, 1))
        for done in (2, 3):
            clock(10)
            bar.sampled(Sampled(done, 3, 1))
        clock(1)
        bar()
    assert lines(capsys) == [
        "a, sampling: step 1 of 3",
        "a, sampling: step 2 of 3, about 10 s left",
        "a, sampling: step 3 of 3",
        "a: frame 1 of 3, about 2 s left",
    ]

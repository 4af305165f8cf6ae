"""Budgets, rates, averages, checkpoints and shared parameters."""

import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from training.mini.replicas import Meeting
from training.mini.run import LAST_RATE, Average, Clock, RunFolder, rate

shares = some.floats(0, 1)


@given(shares)
def test_the_rate_stays_between_its_last_value_and_its_peak(progress):
    assert 0.04 * LAST_RATE < rate(progress, 1.0) <= 1.0


def test_the_rate_rises_then_falls_to_a_small_share():
    assert rate(0, 1.0) < rate(0.1, 1.0) > rate(0.7, 1.0) > rate(1, 1.0) == LAST_RATE


def test_a_clock_goes_on_from_what_was_used():
    assert Clock(1, used=61).is_up() and not Clock(1, used=30).is_up()


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert folder.load() is None
    folder.save({"step": 3, "values": [torch.ones(2)]})
    assert folder.load()["step"] == 3 and torch.equal(folder.load()["values"][0], torch.ones(2))


def test_the_average_lies_between_start_and_parameters_and_is_put_back():
    own = nn.Parameter(torch.zeros(3))
    average = Average([own], decay=0.9)
    own.data += 1
    average.update(step=1000)
    with average.swapped():
        assert torch.allclose(own, torch.full((3,), 0.1))
    assert torch.equal(own.data, torch.ones(3))


def test_exchanging_in_turn_brings_copies_together(tmp_path):
    one, other = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.ones(4))
    Meeting.found(tmp_path / "shared", [one])
    meetings = [Meeting(tmp_path / "shared", [parameter]) for parameter in (one, other)]
    for _ in range(12):
        for meeting in meetings:
            meeting.exchange()
    assert torch.allclose(one, other, atol=1e-3)

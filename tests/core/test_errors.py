import pickle

import pytest

from core.errors import Fault, ProjectError, ScheduleError, UnknownName, UserError, WeightsError


@pytest.mark.parametrize(
    "fault",
    [
        UserError("a", where="b", way_out="c"),
        WeightsError("a"),
        ProjectError("b", [Fault("c", "d")]),
        ScheduleError("a", text="b", position=0),
        UnknownName("kind", "name", ["one", "two"], where="there"),
    ],
)
def test_errors_come_whole_from_other_processes(fault):
    found = pickle.loads(pickle.dumps(fault))
    assert type(found) is type(fault) and str(found) == str(fault) and vars(found) == vars(fault)

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from core.errors import ProjectError
from schedules.track import Track


@dataclass(frozen=True, slots=True)
class Move:
    z: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0
    border: Literal["wrap", "zeros"] = "wrap"


@dataclass(frozen=True, slots=True)
class Needed:
    amount: float


def test_a_track_is_one_value_a_frame():
    track = Track(Move, "camera", {"z": "0:(0), 4:(8)", "roll": 3}, 5)
    assert [track.at(frame) for frame in range(5)] == [Move(z=2.0 * frame, roll=3.0) for frame in range(5)]
    assert isinstance(track.at(0).roll, float)


def test_fields_that_are_not_given_keep_their_defaults():
    assert Track(Move, "camera", {}, 3).at(2) == Move()


def test_columns_are_all_values_of_all_numbers():
    track = Track(Move, "camera", {"z": "0:(t*s)"}, 4, 10)
    columns = track.columns()
    assert list(columns) == ["z", "roll", "zoom"]
    assert columns["z"] == pytest.approx([0, 10, 20, 30])
    assert columns["zoom"] == pytest.approx(np.ones(4))
    assert all(not column.flags.writeable for column in columns.values())


def test_series_are_names_in_every_field():
    track = Track(Move, "camera", {"z": "0:(beat)", "roll": "0:(-beat)"}, 3, names={"beat": np.array([0.0, 1.0, 0.5])})
    assert track.at(1) == Move(z=1, roll=-1)


def test_all_faults_are_found_at_once():
    given = {"z": "0:(1", "rol": 3, "zoom": "0:(2), 5:(1/(t-7))", "border": "0:(1)", "roll": float("nan")}
    with pytest.raises(ProjectError) as caught:
        Track(Move, "camera", given, 9)
    faults = {fault.field: fault for fault in caught.value.faults}
    assert set(faults) == {"camera.z", "camera.rol", "camera.zoom", "camera.border", "camera.roll"}
    assert "'(' is never closed (at character 3" in faults["camera.z"].what
    assert "Did you mean 'roll'?" in faults["camera.rol"].way_out
    assert "gives inf at frame 7" in faults["camera.zoom"].what
    assert "nan is neither a number nor a schedule" in faults["camera.roll"].what


@pytest.mark.parametrize("value", [True, None, [1], float("inf"), 10**400, {"0": 1}])
def test_what_is_neither_a_number_nor_text_is_a_fault(value):
    with pytest.raises(ProjectError, match=r"camera\.z: .* is neither a number nor a schedule"):
        Track(Move, "camera", {"z": value}, 9)


def test_a_field_without_a_default_must_be_given():
    assert Track(Needed, "noise", {"amount": 2}, 1).at(0) == Needed(2.0)
    with pytest.raises(ProjectError, match=r"noise\.amount"):
        Track(Needed, "noise", {}, 1)

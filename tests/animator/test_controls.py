"""Control units in projects: read, checked all at once, keyframed, written back."""

import numpy as np
import pytest

from animator.project import parse, to_text
from animator.serialize import relocated, to_json
from animator.timeline import Timeline
from core.errors import ProjectError
from media.stills import write_png


def project(*units, folder=None, **fields):
    data = {"frames": 4, "size": [64, 64], "prompts": {"0": "a"}, "controls": [*units], **fields}
    return parse(data, "test", **({"folder": folder} if folder else {}))


@pytest.fixture
def network(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_text("{}")
    return str(tmp_path / "net")


def faults(*units, folder=None, **fields):
    with pytest.raises(ProjectError) as told:
        project(*units, folder=folder, **fields)
    return {fault.field: str(fault) for fault in told.value.faults}


def test_numbers_of_units_are_keyframed(network):
    found = project({"model": network, "weight": "0:(0), 3:(1.5)", "start": 0.25}, {"model": network}).project
    units = [params.controls for params in Timeline(found)]
    assert [round(first.weight, 6) for first, _ in units] == [0.0, 0.5, 1.0, 1.5]
    assert {(first.start, second.weight, second.end) for first, second in units} == {(0.25, 1.0, 1.0)}
    assert Timeline(found).columns()["controls.0.weight"].tolist() == pytest.approx([0, 0.5, 1, 1.5])


def test_everything_wrong_is_told_at_once(network, tmp_path):
    told = faults(
        {"control": "cany", "model": "no such network"},
        {"model": network, "weight": "0:(0), 3:(5)", "source": "missing.mp4", "options": {"lo": 3}},
        {"model": network, "start": 0.6, "end": 0.2, "strength": "light", "first": "init", "resolution": 9},
        {"model": network, "pixel_perfect": True, "resolution": 512, "layers": [0, 0]},
        folder=tmp_path,
    )
    assert "canny" in told["controls.0.control"] and "no ControlNet named" in told["controls.0.model"]
    assert "at frame 2 is out of range. Allowed: 0 .. 2" in told["controls.1.weight"]
    assert "no such file" in told["controls.1.source"] and "controls.1.options.lo" in told
    assert "before start" in told["controls.2.end"] and "no effect" in told["controls.2.strength"]
    assert "no effect" in told["controls.2.first"] and "9 pixels" in told["controls.2.resolution"]
    assert "no effect" in told["controls.3.resolution"] and "all 0" in told["controls.3.layers"]


def test_a_source_that_ends_too_early_is_told_with_its_length(network, tmp_path):
    (tmp_path / "shots").mkdir()
    for n in range(3):
        write_png(tmp_path / "shots" / f"{n}.png", np.zeros((8, 8, 3), np.uint8))
    told = faults({"model": network, "source": "shots"}, {"model": network, "mask": "shots"}, folder=tmp_path)
    assert "lasts 3 frames at 15 fps, the project 4" in told["controls.0.source"]
    assert "set frames to 3" in told["controls.1.mask"]
    assert not project({"model": network, "source": "shots"}, folder=tmp_path, frames=3).warnings


def test_what_has_no_effect_is_said(network):
    assert "0 at every frame" in project({"model": network, "weight": 0}).warnings[0]
    assert "0 at every frame" in project({"model": network, "weight": "0:(0), 3:(0)"}).warnings[0]
    alone = project({"control": "temporal", "model": network}, frames=1)
    assert "never a frame before" in alone.warnings[0]
    assert "asks no networks" in project({"model": network}, generator="passthrough").warnings[0]
    assert not project({"model": network, "weight": "0:(0), 3:(0.1)"}).warnings


def test_a_unit_that_no_frame_of_a_mode_shows_anything_is_told(network, tmp_path):
    write_png(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    for mode in ("stills", "clip", "morph"):
        assert "made of no picture" in faults({"model": network}, mode=mode)["controls.0.source"]
    temporal = {"control": "temporal", "model": network}
    assert "no frame before" in faults(temporal, mode="stills")["controls.0.source"]
    project({"model": network}, mode="stills", init={"image": "a.png"}, folder=tmp_path)
    project({**temporal, "first": "a.png"}, mode="stills", folder=tmp_path)


def test_a_network_that_cannot_be_read_is_told_with_its_file(tmp_path):
    (tmp_path / "torn.safetensors").write_bytes(b"hello")
    assert (
        "torn.safetensors: cannot be read" in faults({"model": str(tmp_path / "torn.safetensors")})["controls.0.model"]
    )


def test_a_control_that_is_not_known_is_told_once():
    assert list(faults({"control": "cany"})) == ["controls.0.control"]


def test_a_temporal_version_that_the_network_is_not_made_for_is_told(tmp_path):
    for name, channels in (("one", 3), ("two", 6)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(f'{{"conditioning_channels": {channels}}}')
    units = [
        {"control": "temporal", "model": str(tmp_path / name), "options": {"version": version}}
        for name in ("one", "two")
        for version in ("auto", "1", "2")
    ]
    told = faults(*units)
    assert list(told) == ["controls.2.options.version", "controls.4.options.version"]
    assert "version 2, but one looks at 3 channels" in told["controls.2.options.version"]


def test_a_pass_of_its_own_wants_a_second_pass(network):
    unit = {"model": network, "acts_in": "second"}
    assert "there is no second pass" in faults(unit)["controls.0.acts_in"]
    assert project(unit, hires={}).project.controls[0].acts_in == "second"


def test_strengths_write_what_is_not_given(network):
    def unit(**given):
        return project({"control": "temporal", "model": network, **given}).project.controls[0]

    assert (unit(strength="light").weight, unit(strength="light").end) == (0.4, 0.6)
    assert (unit(strength="strong").weight, unit(strength="strong").mode) == (1.0, "control")
    assert (unit(strength="strong", weight=0.2).weight, unit(strength="strong", mode="prompt").mode) == (0.2, "prompt")


def test_a_network_that_is_not_named_is_the_models_own_or_told(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    assert "no network for the control mlsd" in faults({"control": "mlsd"})["controls.0.model"]
    (tmp_path / "ControlNet").mkdir()
    (tmp_path / "ControlNet" / "control_v11p_sd15_mlsd.pth").write_bytes(b"x")
    project({"control": "mlsd"})
    (tmp_path / "ControlNet" / "mlsd_two.safetensors").write_bytes(b"x")
    assert "several networks" in faults({"control": "mlsd"})["controls.0.model"]


def test_a_project_with_units_is_written_and_read_back_equal(network, tmp_path):
    write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    unit = {"model": network, "source": "a.png", "mask": "a.png", "layers": [0.5, 1], "weight": "0:(1)", "fit": "fill"}
    found = project(unit, {"control": "temporal", "model": network, "first": "a.png"}, folder=tmp_path).project
    assert parse(to_json(found), "again", folder=tmp_path).project == found
    assert '"controls"' in to_text(found)
    moved = relocated(found, tmp_path, tmp_path / "net").controls
    assert moved[0].source == moved[1].first == str(tmp_path / "a.png") and moved[1].source == ""


def test_a_unit_is_changed_by_its_place(network):
    data = {"frames": 4, "prompts": {"0": "a"}, "controls": [{"model": network}]}
    assert parse(data, "test", changes=["controls.0.weight=0.5"]).project.controls[0].weight == 0.5

import json

import numpy as np
import pytest

from media.stills import write_png
from tests.commands.test_cli import TINY, run, tiny, written  # noqa: F401
from tests.interpolation.clips import wheel


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "wheel"
    folder.mkdir()
    for n, frame in enumerate(wheel()):
        write_png(folder / f"{n}.png", frame, {})
    return folder


def test_metrics_are_a_table_json_and_a_plot(clip, tmp_path, capsys):
    assert run("metrics", clip, "--plot", tmp_path / "plot.png") == 0
    shown = capsys.readouterr().out
    assert "seam ratio" in shown and "as a loop: pass" in shown
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert run("metrics", clip, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["loops"] == "pass" and data["frames"] == 24
    assert data["figures"]["seam ratio"]["verdict"] == "pass"
    assert len(data["series"]["steps"]) == 24


def test_a_clip_moves_as_it_does_itself(clip, tmp_path, capsys):
    assert run("metrics", clip, "--reference", clip, "--json") == 0
    assert json.loads(capsys.readouterr().out)["figures"]["tOF"]["value"] == 0
    (clip / "23.png").rename(tmp_path / "gone.png")
    write_png(tmp_path / "one.png", wheel()[0], {})
    assert run("metrics", clip, "--reference", tmp_path / "one*.png") == 2
    assert "fewer frames" in capsys.readouterr().err


@pytest.mark.parametrize(("rate", "told"), [("0", "no frame rate"), ("x", "no frame rate"), ("1/0", "no frame rate")])
def test_a_rate_that_is_none_is_told(clip, capsys, rate, told):
    assert run("metrics", clip, "--fps", rate) == 2
    assert told in capsys.readouterr().err


def test_one_frame_and_no_frame_are_refused(tmp_path, capsys):
    (tmp_path / "one").mkdir()
    write_png(tmp_path / "one" / "0.png", wheel()[0], {})
    assert run("metrics", tmp_path / "one") == 2
    assert "at least two" in capsys.readouterr().err
    (tmp_path / "empty.mp4").touch()
    assert run("metrics", tmp_path / "empty.mp4") == 2
    assert run("metrics", tmp_path / "missing.mp4") == 2


def test_a_render_writes_its_figures(tiny, tmp_path):  # noqa: F811
    assert run("render", tiny, "-o", tmp_path / "out") == 0
    data = json.loads((tmp_path / "out" / "tiny" / "tiny.report.json").read_text())
    assert data["frames"] == 7 and {"seam ratio", "flicker", "drift of lightness"} <= data["figures"].keys()
    assert run("render", written(tiny, TINY | {"frames": 1, "name": "still"}), "-o", tmp_path / "out") == 0
    assert not (tmp_path / "out" / "still" / "still.report.json").exists()


def test_what_needs_weights_is_said_as_not_computed(tmp_path, capsys):
    from animator.report import look_scores

    frames = [np.full((8, 8, 3), n, np.uint8) for n in range(3)]
    scores = look_scores(iter(frames), iter(frames))
    assert [(score.name, score.value) for score in scores] == [("LPIPS", None), ("tLP100", None)]
    assert all("not computed" in score.meaning and "lpips" in score.meaning for score in scores)


def test_what_cannot_be_measured_or_drawn_is_told_with_its_place(clip, tmp_path, capsys):
    (tmp_path / "one").mkdir()
    write_png(tmp_path / "one" / "0.png", wheel()[0], {})
    (tmp_path / "film" / "frames").mkdir(parents=True)
    (tmp_path / "film" / "project.json").write_text("{}")
    for arguments, told in [
        ((tmp_path / "one",), f"{tmp_path / 'one'}: one frame alone"),
        ((tmp_path / "film",), f"is the folder of a render. Give its video, or {tmp_path / 'film' / 'frames'}"),
        ((clip, "--plot", tmp_path / "a.xyz"), "no plot ends in '.xyz'"),
        ((clip, "--plot", tmp_path / "nowhere" / "a.png"), "no such folder"),
    ]:
        assert run("metrics", *arguments) == 2
        assert told in capsys.readouterr().err.replace("\n", " ")

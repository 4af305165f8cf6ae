import json

from animator.project import load
from tests.commands.test_cli import TINY, run, written

ROUND = TINY | {"frames": 24, "loop": {"over": 4}, "camera": {"x": "0:(0.01*sin(2*pi*t/10))"}, "coherence": {}}


def test_plan_tells_what_keeps_a_loop_open(tmp_path, capsys):
    path = written(tmp_path / "round.json", ROUND)
    assert run("plan", path, "-o", tmp_path) == 0
    shown = capsys.readouterr().out
    assert "a loop of 24 frames, open in:" in shown and "the nearest that closes is 12" in shown
    assert run("plan", path, "-o", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["summary"]["loop_frames"] == 24


def test_snap_writes_a_project_that_closes(tmp_path, capsys):
    path = written(tmp_path / "round.json", ROUND)
    assert run("plan", path, "-o", tmp_path, "--snap", tmp_path / "snapped.json") == 0
    assert "camera.x: 0:(0.01*sin(2*pi*t/10))  ->  0:(0.01*sin(2*pi*t/12))" in capsys.readouterr().out
    assert load(tmp_path / "snapped.json").project.camera["x"] == "0:(0.01*sin(2*pi*t/12))"
    assert run("plan", tmp_path / "snapped.json", "-o", tmp_path) == 0
    assert "everything closes" in capsys.readouterr().out


def test_a_rendered_loop_is_judged(tmp_path, capsys):
    path = written(tmp_path / "round.json", ROUND)
    assert run("render", path, "-o", tmp_path) == 0
    shown = capsys.readouterr().out
    assert "as a loop" in shown and "seam ratio" in shown and "velocity seam" in shown

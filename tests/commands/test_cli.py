import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import render
from commands.terminal import exit_code
from media.stills import read_png_text

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = {
    "name": "tiny", "size": [64, 48], "fps": 10, "frames": 7, "seed": 3, "mode": "flat", "generator": "noise",
    "prompts": {"0": "a", "4": "b"}, "cadence": 2, "camera": {"zoom": "0:(1.02)", "x": "0:(0.01*sin(t))"},
    "coherence": {"noise": 0.02},
}  # fmt: skip


def run(*arguments):
    return exit_code(lambda: render.app([str(a) for a in arguments], standalone_mode=False))


@pytest.fixture
def tiny(tmp_path):
    return written(tmp_path / "tiny.json", TINY)


def written(path, data):
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def frames_in(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "frames").iterdir())}


def test_a_project_becomes_frames_a_video_and_a_contact_sheet(tiny, tmp_path, capsys):
    assert run("render", tiny, "-o", tmp_path / "out") == 0
    folder = tmp_path / "out" / "tiny"
    assert len(frames_in(folder)) == 7
    assert (folder / "tiny.mp4").is_file() and (folder / "tiny.sheet.png").is_file()
    assert json.loads((folder / "project.json").read_text())["seed"] == 3
    assert "tiny.mp4" in capsys.readouterr().out


def test_videos_of_every_container_hold_the_project(tmp_path):
    formats = [{"format": name} for name in ("webm", "prores", "mkv")]
    source = written(tmp_path / "tiny.json", TINY | {"export": formats})
    assert run("render", source, "-o", tmp_path / "out") == 0
    for ending in ("webm", "mov", "mkv"):
        again = tmp_path / ending
        assert run("render", tmp_path / "out" / "tiny" / f"tiny.{ending}", "-o", again) == 0
        assert frames_in(again / "tiny").keys() == frames_in(tmp_path / "out" / "tiny").keys()


def test_the_video_and_every_frame_hold_the_project(tiny, tmp_path):
    out = tmp_path / "out"
    run("render", tiny, "-o", out)
    before = frames_in(out / "tiny")
    frame = out / "tiny" / "frames" / "000003.png"
    assert json.loads(read_png_text(frame)["driftloop"])["name"] == "tiny"
    for n, source in enumerate((out / "tiny" / "tiny.mp4", frame)):
        assert run("render", source, "-o", tmp_path / f"again{n}") == 0
        assert [*frames_in(tmp_path / f"again{n}" / "tiny")] == [*before]


def test_rendering_twice_gives_the_same_files(tiny, tmp_path):
    run("render", tiny, "-o", tmp_path / "a")
    first = frames_in(tmp_path / "a" / "tiny"), (tmp_path / "a" / "tiny" / "tiny.mp4").read_bytes()
    run("render", tiny, "-o", tmp_path / "a", "--fresh")
    assert (frames_in(tmp_path / "a" / "tiny"), (tmp_path / "a" / "tiny" / "tiny.mp4").read_bytes()) == first


def test_an_edit_keeps_the_frames_before_it(tiny, tmp_path, capsys):
    run("render", tiny, "-o", tmp_path)
    before = frames_in(tmp_path / "tiny")
    written(tiny, TINY | {"prompts": {"0": "a", "4": "c"}})
    run("plan", tiny, "-o", tmp_path, "--json")
    text = capsys.readouterr().out
    assert json.loads(text[text.index("{") :])["summary"]["to_make"] == 3
    run("render", tiny, "-o", tmp_path)
    assert "4 of them kept" in capsys.readouterr().out
    after = frames_in(tmp_path / "tiny")
    changed = [index for index, name in enumerate(after) if after[name] != before[name]]
    assert changed[0] >= 4


def test_a_span_exports_just_that_span(tiny, tmp_path):
    assert run("render", tiny, "-o", tmp_path, "--frames", "2-3") == 0
    assert len(frames_in(tmp_path / "tiny")) == 4
    import av

    with av.open(str(tmp_path / "tiny" / "tiny.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 2


@pytest.mark.parametrize("span", ["7", "3-2", "a-b", "-1", "0-7", "1-2-3", "٣"])
def test_a_span_outside_the_project_is_told(tiny, tmp_path, span, capsys):
    assert run("render", tiny, "-o", tmp_path / "out", f"--frames={span}") == 2
    assert "--frames" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fps": 0}, "fps"),
        ({"size": [-4, 64]}, "size"),
        ({"size": [10**9, 10**9]}, "size"),
        ({"mode": "dept"}, "mode"),
        ({"sampler": "Oiler"}, "sampler"),
        ({"camera": {"zoom": "0:(oops(t))"}}, "camera.zoom"),
        ({"camera": {"x": "0:(1/t)"}}, "camera.x"),
        ({"frames": "many"}, "frames"),
        ({"init": {"image": "nowhere.png"}}, "init.image"),
        ({"prompts": {}}, "prompts"),
        ({"name": "../../escape"}, "name"),
    ],
)
def test_a_faulty_project_ends_in_two_with_its_field_and_no_folder(tmp_path, change, field, capsys):
    path = written(tmp_path / "bad.json", TINY | change)
    assert run("render", path, "-o", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert field in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_the_faults_of_all_projects_are_told_at_once(tmp_path, capsys):
    bad = written(tmp_path / "bad.json", TINY | {"fps": 0, "frames": -1, "mode": "x"})
    worse = written(tmp_path / "worse.json", TINY | {"seed": "x"})
    assert run("render", bad, worse, "-o", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert all(word in error for word in ("bad.json", "fps", "frames", "mode", "worse.json", "seed"))


def test_an_unknown_setting_is_warned_of_with_the_nearest(tmp_path, capsys):
    path = written(tmp_path / "tiny.json", TINY | {"cadense": 3})
    assert run("plan", path) == 0
    assert "cadence" in capsys.readouterr().err


def test_a_missing_file_is_the_users_mistake(tmp_path, capsys):
    assert run("render", tmp_path / "none.json") == 2
    assert "none.json" in capsys.readouterr().err


def test_unknown_options_and_commands_are_the_users_mistake(tiny):
    assert run("render", tiny, "--frobnicate") == 2
    assert run() in (0, 2)


def test_interrupting_loses_nothing_and_says_how_to_go_on(tiny, tmp_path, capsys, monkeypatch):
    from diffusion.backends import noise

    whole = tmp_path / "whole"
    run("render", tiny, "-o", whole)
    calls = []

    kind = type(noise.build(noise.Options(), None))
    original = kind.generate

    def failing(self, requests):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, requests)

    monkeypatch.setattr(kind, "generate", failing)
    assert run("render", tiny, "-o", tmp_path / "cut") == 130
    assert "go on" in capsys.readouterr().err
    assert not (tmp_path / "cut" / "tiny" / "tiny.mp4").exists()
    assert len(frames_in(tmp_path / "cut" / "tiny")) == 4
    assert run("render", tiny, "-o", tmp_path / "cut") == 0
    assert frames_in(tmp_path / "cut" / "tiny") == frames_in(whole / "tiny")


def test_killed_and_started_again_gives_the_same_bytes(tmp_path):
    path = written(tmp_path / "tiny.json", TINY | {"frames": 600, "export": [], "coherence": {}})
    command = [sys.executable, str(ROOT / "render.py"), "render", str(path), "-o"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, str(tmp_path / "cut")], stderr=subprocess.DEVNULL, env=environment)
    log = tmp_path / "cut" / "tiny" / "steps.jsonl"
    while not (log.is_file() and log.read_bytes().count(b"\n") >= 5):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < log.read_bytes().count(b"\n") < 300
    assert run("render", path, "-o", tmp_path / "cut") == 0
    assert run("render", path, "-o", tmp_path / "whole") == 0
    assert frames_in(tmp_path / "cut" / "tiny") == frames_in(tmp_path / "whole" / "tiny")


def test_listing_and_planning_need_no_torch(tiny):
    code = (
        "import sys, render\nfrom commands.terminal import exit_code\n"
        f"for a in (['list'], ['plan', {str(tiny)!r}], ['convert', {str(tiny)!r}], ['schema']):\n"
        "    assert exit_code(lambda: render.app(a, standalone_mode=False)) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_plans_come_as_text_json_csv_and_plot(tiny, tmp_path, capsys):
    assert run("plan", tiny, "--csv") == 0
    assert len(capsys.readouterr().out.strip().splitlines()) == 8
    assert run("plan", tiny, "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert [row["generated"] for row in plan["frames"]] == [True, False] * 3 + [True]
    assert plan["summary"]["generated"] == 4
    assert run("plan", tiny, "--plot", tmp_path / "plan.png") == 0
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_a_converted_project_reads_back_equal(tiny, tmp_path):
    from animator.project import load

    assert run("convert", tiny, "-o", tmp_path / "tiny_native.json", "--set", "cadence=3") == 0
    back, first = load(tmp_path / "tiny_native.json").project, load(tiny, ["cadence=3"]).project
    assert back == first


def test_a_preview_is_small_and_needs_no_model(tiny, tmp_path):
    assert run("preview", tiny, "-o", tmp_path / "out") == 0
    (folder,) = (tmp_path / "out").iterdir()
    assert len(frames_in(folder)) == 7


def test_every_kind_can_be_listed(capsys):
    assert run("list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"flat", "depth"} <= found["modes"].keys()
    assert {"passthrough", "noise", "stills"} <= found["generators"].keys()
    assert all(text for table in found.values() for text in table.values())
    assert run("list", "sampler") == 2

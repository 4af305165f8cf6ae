import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from animator.loop import render_frames
from animator.steps import step_keys
from animator.store import LOG, FrameStore, finished_steps
from core.errors import MediaError, UserError
from tests.animator.toys import Growing, params


def rendered(folder, mode, timeline):
    with FrameStore(folder, {"driftloop": "{}"}) as store:
        return {frame.index: frame.image for frame in render_frames(mode, mode.plan(timeline), store)}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[i], b[i]) for i in a)


TIMELINE = [params(i) for i in range(9)]


def test_rendering_again_makes_nothing_and_gives_the_same_frames(tmp_path):
    first = rendered(tmp_path, Growing(), TIMELINE)
    again = Growing()
    assert same(rendered(tmp_path, again, TIMELINE), first)
    assert again.made == []


@pytest.mark.parametrize("stop", range(0, 9, 2))
def test_a_render_interrupted_anywhere_goes_on_to_the_same_bytes(tmp_path, stop):
    whole = rendered(tmp_path / "whole", Growing(), TIMELINE)
    with pytest.raises(KeyboardInterrupt):
        rendered(tmp_path / "cut", Growing(fails_at=stop), TIMELINE)
    second = Growing()
    assert same(rendered(tmp_path / "cut", second, TIMELINE), whole)
    assert second.made[0] == stop
    for path in sorted((tmp_path / "whole" / "frames").iterdir()):
        assert path.read_bytes() == (tmp_path / "cut" / "frames" / path.name).read_bytes()


@pytest.mark.parametrize("lost", [1, 5, 40])
def test_a_torn_last_line_counts_as_not_written(tmp_path, lost):
    whole = rendered(tmp_path, Growing(), TIMELINE)
    log = tmp_path / LOG
    log.write_bytes(log.read_bytes()[:-lost])
    again = Growing()
    assert same(rendered(tmp_path, again, TIMELINE), whole)
    assert again.made == [8]
    assert len(log.read_text().splitlines()) == 5


def test_an_edit_remakes_only_what_follows(tmp_path):
    rendered(tmp_path, Growing(), TIMELINE)
    edited = [params(i, seed=i if i < 5 else 100 + i) for i in range(9)]
    mode = Growing()
    changed = rendered(tmp_path, mode, edited)
    assert mode.made == [4, 6, 8]
    assert same(changed, rendered(tmp_path / "fresh", Growing(), edited))


def test_a_shorter_project_leaves_no_frames_behind(tmp_path):
    rendered(tmp_path, Growing(), TIMELINE)
    rendered(tmp_path, Growing(), TIMELINE[:4])
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [f"{i:06d}.png" for i in range(4)]


def test_a_missing_frame_is_made_again(tmp_path):
    whole = rendered(tmp_path, Growing(), TIMELINE)
    (tmp_path / "frames" / "000005.png").unlink()
    mode = Growing()
    assert same(rendered(tmp_path, mode, TIMELINE), whole)
    assert mode.made == [4, 6, 8]


def test_a_carried_picture_that_is_no_frame_is_kept_once_and_removed_with_its_step(tmp_path):
    rendered(tmp_path, Growing(), TIMELINE)
    carried = {line["carry"]["reference"] for line in map(json.loads, (tmp_path / LOG).read_text().splitlines())}
    assert {f"carry/{path.name}" for path in (tmp_path / "carry").iterdir()} == carried
    rendered(tmp_path, Growing(), TIMELINE[:2])
    assert len(list((tmp_path / "carry").iterdir())) == 1


def test_a_changed_carried_picture_is_told(tmp_path):
    rendered(tmp_path, Growing(), TIMELINE[:4])
    line = json.loads((tmp_path / LOG).read_text().splitlines()[-1])
    (tmp_path / line["carry"]["reference"]).write_bytes((tmp_path / "frames" / "000000.png").read_bytes())
    with pytest.raises(MediaError, match="changed after it was rendered"):
        rendered(tmp_path, Growing(), TIMELINE)


@pytest.mark.parametrize("name", ["../precious.png", "/etc/passwd", "frames/../../precious.png", "carry/x.png"])
def test_a_log_that_names_files_of_others_is_not_believed(tmp_path, name):
    folder = tmp_path / "out"
    rendered(folder, Growing(), TIMELINE)
    (tmp_path / "precious.png").write_bytes(b"mine")
    lines = (folder / LOG).read_text().splitlines()
    edited = json.loads(lines[1])
    edited["frames"][name] = 4
    (folder / LOG).write_text("\n".join([lines[0], json.dumps(edited), *lines[2:], ""]))
    mode = Growing()
    rendered(folder, mode, TIMELINE)
    assert mode.made == [2, 4, 6, 8]
    assert (tmp_path / "precious.png").read_bytes() == b"mine"


def test_two_renders_do_not_write_into_one_folder(tmp_path):
    with FrameStore(tmp_path, {}), pytest.raises(UserError, match="another render"), FrameStore(tmp_path, {}):
        pass


def test_a_frame_is_on_disk_when_it_is_seen(tmp_path):
    mode = Growing()
    with FrameStore(tmp_path, {}) as store:
        for frame in render_frames(mode, mode.plan(TIMELINE), store):
            log = (tmp_path / LOG).read_text()
            assert f"frames/{frame.index:06d}.png" in log
            assert (tmp_path / "frames" / f"{frame.index:06d}.png").is_file()


def test_what_is_finished_can_be_told_while_a_render_goes_on(tmp_path):
    mode = Growing()
    steps = mode.plan(TIMELINE)
    with FrameStore(tmp_path, {}) as store:
        frames = render_frames(mode, steps, store)
        seen = [next(frames) for _ in range(3)]
        assert finished_steps(tmp_path, step_keys(steps, mode.identity)) >= len(seen) // 2
        frames.close()


def test_keys_form_a_chain():
    steps = Growing().plan(TIMELINE)
    edited = Growing().plan([params(i, seed=99 if i == 4 else i) for i in range(9)])
    a, b = step_keys(steps, "x"), step_keys(edited, "x")
    assert [x == y for x, y in zip(a, b, strict=True)] == [True, True, False, False, False]
    assert not set(a) & set(step_keys(steps, "y"))


def test_a_step_is_made_again_when_a_lora_that_it_names_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    (tmp_path / "Lora").mkdir()
    prompts = ["a cat"] * 4 + ["a cat <lora:ink:0.5>"] * 2 + ["a cat"] * 2
    steps = Growing().plan([params(i, prompt=((prompt, 1.0),)) for i, prompt in enumerate(prompts)])
    found = []
    for value in (1.0, 2.0):
        save_file({"x": torch.full((2,), value)}, tmp_path / "Lora" / "ink.safetensors")
        found.append(step_keys(steps, "x"))
    assert [a == b for a, b in zip(*found, strict=True)] == [True, True, False, False]

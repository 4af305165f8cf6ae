"""Malformed and hostile project files: each ends in a ProjectError, quickly, with the field named."""

import json
import time

import pytest
import torch
from safetensors.torch import save_file

from animator.project import load, parse
from core.errors import ProjectError

GOOD = {"generator": "noise", "frames": 10, "prompts": {"0": "a cat"}, "export": []}


def faults(**fields):
    with pytest.raises(ProjectError) as caught:
        parse(GOOD | fields, "x.json")
    return {fault.field: str(fault) for fault in caught.value.faults}


def faults_in(path, content):
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(ProjectError) as caught:
        load(path)
    assert time.process_time() - start < 2
    assert str(caught.value).startswith(str(path))
    return {fault.field: str(fault) for fault in caught.value.faults}


# field told, what the file says, a word of the answer
BAD_VALUES = [
    ("frames", {"frames": "twelve"}, "whole number"),
    ("frames", {"frames": 24.5}, "whole number"),
    ("frames", {"frames": True}, "whole number"),
    ("frames", {"frames": 0}, "greater than or equal to 1"),
    ("frames", {"frames": -3}, "greater than or equal to 1"),
    ("frames", {"frames": 10**9}, "1000000"),
    ("frames", {"frames": 10**400}, "1000000"),
    ("frames", {"frames": None}, "null"),
    ("size", {"size": [0, 256]}, "16 to 8192"),
    ("size", {"size": [-256, 256]}, "16 to 8192"),
    ("size", {"size": [100000, 256]}, "16 to 8192"),
    ("size", {"size": [250, 256]}, "multiple of 8"),
    ("size", {"size": [256]}, "[width, height]"),
    ("size", {"size": "wide"}, "wide"),
    ("size", {"size": [256.0, "256"]}, "[width, height]"),
    ("fps", {"fps": 0}, "above 0"),
    ("fps", {"fps": -12}, "above 0"),
    ("fps", {"fps": 241}, "240"),
    ("fps", {"fps": "1/0"}, "above 0"),
    ("fps", {"fps": "1e999999999"}, "above 0"),
    ("fps", {"fps": []}, "above 0"),
    ("seed", {"seed": -2}, "-1"),
    ("seed", {"seed": 2**32}, "4294967296"),
    ("format", {"format": 2}, "Known: 1"),
    ("name", {"name": "../../etc"}, "letters"),
    ("name", {"name": "a/b"}, "letters"),
    ("name", {"name": ".."}, "letters"),
    ("name", {"name": ""}, "letters"),
    ("name", {"name": "x" * 101}, "100"),
    ("name", {"name": "a\x00b"}, "letters"),
    ("mode", {"mode": "flatt"}, "Did you mean 'flat'?"),
    ("mode", {"mode": 3}, "text"),
    ("generator", {"generator": "nosie"}, "Did you mean 'noise'?"),
    ("depth.model", {"depth": {"model": "minni"}}, "Did you mean 'mini'?"),
    ("sampler", {"sampler": "Euler b"}, "Did you mean 'Euler a'?"),
    ("sampler", {"sampler": '0:("Euler"), 3:("Oiler a")'}, "Oiler a"),
    ("travel", {"travel": "jump"}, "'hold' or 'blend'"),
    ("warp.border", {"warp": {"border": "mirror"}}, "reflection"),
    ("warp.flip", {"warp": {"flip": "yes"}}, "true or false"),
    ("warp", {"warp": []}, "object"),
    ("camera", {"camera": 3}, "object"),
    ("camera.zoom", {"camera": {"zoom": 0}}, "between 0 and 100"),
    ("camera.zoom", {"camera": {"zoom": "0:(1), 9:(-1)"}}, "at frame 5"),
    ("camera.zoom", {"camera": {"zoom": True}}, "a number or text"),
    ("camera.zoom", {"camera": {"zoom": [1]}}, "a number or text"),
    ("camera.fov", {"camera": {"fov": 0}}, "0.1 .. 179"),
    ("camera.fov", {"camera": {"fov": 0.01}, "warp": {"geometry": "deforum"}}, "not nearer to 0 than 0.1"),
    ("camera.aspect", {"camera": {"aspect": "0:(1), 8:(-1)"}}, "not nearer to 0"),
    ("camera.x", {"camera": {"x": "0:(1/(t-5))"}}, "finite"),
    ("camera.x", {"camera": {"x": "0:(1) 5:(2)"}}, "character"),
    ("camera.x", {"camera": {"x": "0:(__import__('os'))"}}, "character"),
    ("camera.x", {"camera": {"x": "0:(9**9**9**9)"}}, "finite"),
    ("camera.x", {"camera": {"x": "0:(sin(t)"}}, "never closed"),
    ("camera.x", {"camera": {"x": ""}}, "missing"),
    ("camera.x", {"camera": {"x": "0:(" + "(" * 90000 + ")" * 90000 + ")"}}, "brackets"),
    ("sampling.denoise", {"sampling": {"denoise": 1.5}}, "0 .. 1"),
    ("sampling.denoise", {"sampling": {"denoise": "0:(0.5+t)"}}, "at frame 1"),
    ("sampling.cfg", {"sampling": {"cfg": -1}}, "0 .. 100"),
    ("sampling.steps", {"sampling": {"steps": 0}}, "1 .. 1000"),
    ("coherence.sharpen_kernel", {"coherence": {"sharpen_kernel": 1e9}}, "1 .. 255"),
    ("color.octaves", {"color": {"octaves": 99}}, "8"),
    ("cadence", {"cadence": 0}, "greater than or equal to 1"),
    ("seeds.every", {"seeds": {"every": 0}}, "greater than or equal to 1"),
    ("seeds.schedule", {"seeds": {"behavior": "schedule", "schedule": "0:(q)"}}, "q"),
    ("prompts", {"prompts": {}}, "there is no prompt"),
    ("prompts", {"prompts": "a cat"}, "object"),
    ("prompts.0", {"prompts": {"0": 5}}, "text"),
    ("prompts.soon", {"prompts": {"0": "a", "soon": "b"}}, "soon"),
    ("prompts.0", {"prompts": {"0": "a `import os`"}}, "character"),
    ("init.image", {"init": {}}, "missing"),
    ("init.image", {"init": {"image": "none.png"}}, "no such file"),
    ("init.image", {"init": {"image": "../secret.png"}}, "leads out"),
    ("init.image", {"init": {"image": "https://example.org/a.png"}}, "address"),
    ("init.image", {"init": {"image": "a\x00.png"}}, "no path"),
    ("init.image", {"init": {"image": "x" * 5000}}, "no such file"),
    ("init.denoise", {"init": {"image": "a.png", "denoise": 2}}, "1"),
    ("color.reference", {"color": {"reference": "none.png"}}, "no such file"),
    ("export", {"export": {}}, "list"),
    ("export.0.format", {"export": [{"format": "mp3"}]}, "mp3"),
    ("export.0", {"export": ["mp4"]}, "object"),
]


@pytest.mark.parametrize(("field", "fields", "word"), BAD_VALUES)
def test_a_bad_value_is_told_with_its_field_and_the_way_out(field, fields, word, tmp_path):
    found = faults_in(tmp_path / "bad.json", json.dumps(GOOD | fields).encode())
    assert list(found) == [field]
    assert word in found[field]
    assert len(found[field]) < 1500


def test_all_faults_are_told_at_once():
    found = faults(frames=-1, fps=0, mode="flta", camera={"zoom": "0:(", "x": [], "y": 1}, prompts={"0": 5, "zz": "a"})
    assert set(found) == {"frames", "fps", "mode", "camera.zoom", "camera.x", "prompts.0", "prompts.zz"}


def test_a_fault_of_a_number_that_stands_in_every_frame_is_told_once():
    assert faults(camera={"zoom": "0:(-1)"})["camera.zoom"].startswith("camera.zoom: -1 at frame 0 is out of range")


HOSTILE = [
    (b"", "line 1, column 1"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    (bytes(range(256)) * 100, "not UTF-8"),
    (b"\x00" * 1000, "line 1, column 1"),
    ('{"frames": 3}'.encode("utf-16"), "UTF-16"),
    (b'{"name": "caf\xe9"}', "byte 14 is 0xe9"),
    (b'{\n  "frames": 3,\n}', "one too many"),
    (b'{"frames": 3', "line 1"),
    (b'{"frames": 1, "frames": 2}', "more than once"),
    (b'{"camera": {"x": 1, "x": 2}}', "camera.x"),
    (b"[" * 100_000, "nested"),
    (b"[" * 100_000 + b"]" * 100_000, "nested"),
    (b'{"camera":' * 100_000 + b"1" + b"}" * 100_000, "nested"),
    (b'{"depth": {"options": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}}", "nested"),
    (b'{"camera": {"x": NaN}}', "camera.x"),
    (b'{"camera": {"x": -Infinity}}', "camera.x"),
    (b'{"camera": {"x": 1e999}}', "camera.x"),
    (b'{"frames": ' + b"9" * 100_000 + b"}", "thousands of digits"),
    (b'{"frames": ' + b"9" * 4000 + b"}", "frames"),
    (b'{"camera": {"x": ' + b"9" * 4000 + b"}}", "camera.x"),
    (b'{"name": "\\ud800"}', "half a character"),
    (b'{"\\ud800": 1}', "half a character"),
    (b"[1, 2]", "no object"),
    (b'"text"', "no object"),
    (b"null", "no object"),
    (b'{"prompts": [' + b"0," * 4_000_000 + b"0]}", "prompts"),
    (b" " * (8 * 1024 * 1024 + 1), "8388608"),
]


@pytest.mark.parametrize(("content", "word"), HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_clean_json_is_refused_quickly_with_its_place(content, word, tmp_path):
    assert word in str(faults_in(tmp_path / "hostile.json", content))


def test_a_crowd_of_faults_and_unknown_keys_stays_readable(tmp_path):
    crowd = {f"k{n}": 0 for n in range(20_000)} | {"camera": {f"x{n}": 0 for n in range(20_000)}, "frames": 0}
    assert len(str(faults_in(tmp_path / "crowd.json", json.dumps(crowd).encode()))) < 5000


def test_a_missing_file_and_a_folder_are_no_projects(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ProjectError, match="cannot be read"):
            load(path)


def test_changes_that_lead_nowhere_are_told_with_all_other_faults():
    with pytest.raises(ProjectError) as caught:
        parse(GOOD, "x", changes=["frames", "frames.x=1", "export.7.format=mp4", "fps=0", "=1"])
    assert [fault.field for fault in caught.value.faults] == ["--set", "frames.x", "export.7.format", "--set", "fps"]


def test_networks_that_nobody_has_are_told_with_the_nearest_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    (tmp_path / "Lora").mkdir()
    save_file({"x": torch.zeros(1)}, tmp_path / "Lora" / "ink.safetensors")
    words = {"0": "a <lora:ink:`0.5+t/100`>", "9": "a <lora:inc> --neg <lora:nothing>", "12": "a <lyco:inc:much>"}
    told = faults(generator="stills", prompts=words, positive="<hypernet:anime>")
    assert list(told) == ["positive", "prompts.9", "prompts.12"]
    assert "no hypernetwork named 'anime'" in told["positive"]
    assert "Did you mean 'ink'" in told["prompts.9"]
    assert "no number" in told["prompts.12"]
    parse(GOOD | {"prompts": {"0": "a <lora:inc>"}}, "x.json")

"""Exports of a render."""

import json

import numpy as np
import pytest

from animator.finish import in_words
from animator.project import parse
from core.errors import ProjectError
from media.sound import read_sound
from media.video import VideoReader
from render import app
from tests.media.test_sound import RATE, record_sound, tone


def test_the_sound_of_a_project_goes_into_every_export_that_holds_sound(tmp_path):
    record_sound(tmp_path / "song.wav", tone(2))
    project = {
        "size": [64, 64], "fps": 24, "frames": 12, "generator": "passthrough", "prompts": {"0": "a"},
        "audio": {"file": "song.wav", "start": 0.5, "volume": 0.5},
        "export": [{"format": "mkv"}, {"format": "gif"}, {"format": "hap-q"}],
    }  # fmt: skip
    (tmp_path / "film.json").write_text(json.dumps(project))
    app(["render", str(tmp_path / "film.json"), "-o", str(tmp_path)], standalone_mode=False)
    for name in ("film.mkv", "film.mov"):
        samples, rate = read_sound(tmp_path / "film" / name)
        assert rate == RATE and samples.shape == (RATE // 2, 2)
        assert np.abs(samples - tone(2)[RATE // 2 : RATE] / 2).max() < 1e-3
    with VideoReader(tmp_path / "film" / "film.gif") as video:
        assert (video.info.count, video.info.sound) == (12, None)


@pytest.mark.parametrize(
    ("format_", "told"), [("hap-alfa", "variant"), ("hpa", "Did you mean 'hap'"), ("gif-x", "variant")]
)
def test_unknown_formats_and_variants_are_faults_of_the_project(format_, told):
    with pytest.raises(ProjectError, match=told):
        parse({"prompts": {"0": "a"}, "export": [{"format": format_}]}, "film.json")


def test_a_caption_is_the_prompt_without_its_networks():
    assert in_words("<lora:mini-few-steps:1>watercolor, purple") == "watercolor, purple"
    assert in_words("a cat, <lora:x:0.5>") == "a cat"
    assert in_words("<lora:x:1>") == "<lora:x:1>" and in_words("5 < 6") == "5 < 6"

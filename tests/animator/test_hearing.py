import wave

import numpy as np
import pytest

from animator.hearing import _heard
from animator.job import RenderJob
from animator.project import load, parse
from core.devices import ModelPool
from core.errors import ProjectError
from schedules.audio import RATE
from tests.schedules.test_audio import clicks


def written(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def film(tmp_path):
    written(tmp_path / "song.wav", clicks(120))
    return {
        "frames": 48, "fps": 24, "generator": "noise", "size": [32, 32], "prompts": {"0": "a (b:`1+beat`)"},
        "audio": {"file": "song.wav"}, "camera": {"zoom": "0:(1 + 0.1*beat)", "roll": "0:(bpm/60 + onset)"},
    }  # fmt: skip


def test_sound_moves_what_its_names_stand_in(film, tmp_path):
    project = parse(film, "film", folder=tmp_path).project
    timeline = RenderJob(project, tmp_path, tmp_path / "out", ModelPool()).timeline
    zoom = timeline.camera.columns()["zoom"]
    assert zoom[12] == pytest.approx(1.1, abs=0.01) and zoom[:11].max() == 1
    assert timeline[3].camera.roll == pytest.approx(2, abs=0.05)
    assert timeline[5].prompt[0][0] == "a (b:1.0)"


def test_start_is_seconds_into_the_sound(film, tmp_path):
    late = parse(film | {"audio": {"file": "song.wav", "start": 0.5}}, "film", folder=tmp_path).project
    timeline = RenderJob(late, tmp_path, tmp_path / "out", ModelPool()).timeline
    assert timeline[0].camera.zoom == pytest.approx(1.1, abs=0.01)


def test_a_sound_is_heard_once(film, tmp_path):
    _heard.cache_clear()
    project = parse(film, "film", folder=tmp_path).project
    assert RenderJob(project, tmp_path, tmp_path / "out", ModelPool()).timeline
    assert _heard.cache_info().misses == 1 and _heard.cache_info().hits >= 1
    written(tmp_path / "song.wav", clicks(90, length=10))
    again = RenderJob(project, tmp_path, tmp_path / "out", ModelPool()).timeline
    assert again[0].camera.roll == pytest.approx(1.5, abs=0.05)


def test_what_is_wrong_with_a_sound_is_a_fault_of_its_field(film, tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"RIFF0000")
    for audio, told in [
        ({"file": "missing.wav"}, "audio.file"),
        ({"file": "noise.wav"}, "audio.file: cannot be opened as sound"),
        ({"file": "song.wav", "start": 100}, "before audio.start 100 s"),
        ({"file": "song.wav", "start": -1}, "audio.start"),
        ({}, "audio.file: is missing"),
    ]:
        with pytest.raises(ProjectError) as error:
            parse(film | {"audio": audio}, "film", folder=tmp_path)
        assert told in str(error.value)


def test_names_of_sound_are_unknown_without_one(film, tmp_path):
    with pytest.raises(ProjectError) as error:
        parse({key: value for key, value in film.items() if key != "audio"}, "film", folder=tmp_path)
    assert "camera.zoom" in str(error.value) and "beat" in str(error.value)


def test_a_rendered_frame_finds_its_sound_again(film, tmp_path):
    project = parse(film | {"frames": 3}, "film", folder=tmp_path).project
    list(RenderJob(project, tmp_path, tmp_path / "out", ModelPool()).run())
    again = load(tmp_path / "out" / "frames" / "000001.png").project
    assert again.audio and np.all(again.audio.file == str(tmp_path / "song.wav"))

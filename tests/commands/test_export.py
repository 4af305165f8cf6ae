"""`export` on the command line."""

import json
from fractions import Fraction

import numpy as np
import pytest

from core.image import Size
from media.formats import build
from media.sound import Soundtrack, sound_info
from media.video import VideoReader, open_video
from render import app
from tests.media.test_formats import picture
from tests.media.test_sound import record_sound, tone


@pytest.fixture
def clip(tmp_path):
    """A second of pictures with opacity and sound."""
    path = tmp_path / "in.mov"
    track = Soundtrack(record_sound(tmp_path / "tone.wav", tone(2)))
    with build("prores-4444").open(path, Size(64, 48), Fraction(24), {}, track) as write:
        for n in range(24):
            write(picture(n, 4))
    return path


def export(*arguments):
    return app(["export", *map(str, arguments)], standalone_mode=False)


def test_several_files_come_from_one_pass(clip, tmp_path, capsys):
    export(clip, "-o", tmp_path / "a.webm", "-o", tmp_path / "b.mkv", "-o", tmp_path / "frames", "--json")
    assert [entry["frames"] for entry in json.loads(capsys.readouterr().out)] == [24] * 3
    for name in ("a.webm", "b.mkv", "frames"):
        with open_video(tmp_path / name, Fraction(24)) as video:
            assert video.info.has_alpha and video.info.count == 24
            assert abs(int(next(iter(video.rgba())).image[40, 40, 3]) - 200) < 8
    assert sound_info(tmp_path / "a.webm") and sound_info(tmp_path / "b.mkv")


def test_rate_size_sound_and_purpose_are_as_asked(clip, tmp_path):
    export(clip, "-o", tmp_path / "a.mov", "--for", "resolume", "--fps", "12", "--size", "40x24", "--mute")
    with VideoReader(tmp_path / "a.mov") as video:
        info = video.info
        grays = [frame.image[20, 20, 1] for frame in video]
    assert (info.size, info.fps, info.count, info.has_alpha, info.sound) == (Size(40, 24), 12, 12, True, None)
    assert np.all(np.diff(grays) > 0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--for", "resolume"], "in.resolume.mov"),
        (["--format", "webm"], "in.webm"),
        (["--format", "prores-4444"], "in.prores-4444.mov"),
        (["--format", "png"], "in_png"),
    ],
)
def test_a_file_without_a_name_lies_beside_its_clip(clip, tmp_path, arguments, name):
    before = set(tmp_path.iterdir())
    export(clip, *arguments)
    (made,) = set(tmp_path.iterdir()) - before
    assert made.name == name


def test_an_uneven_clip_becomes_even(tmp_path):
    from tests.media.test_video import record

    export(record(tmp_path / "in.mkv", [0, 1, 2, 5, 6, 12]), "-o", tmp_path / "a.mp4", "--fps", "24")
    with VideoReader(tmp_path / "a.mp4") as video:
        grays = [round(float(frame.image[30, 30, 0]) / 8) for frame in video]
    assert grays[:13] == [0, 1, 2, 2, 2, 3, 4, 4, 4, 4, 4, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "a.xyz"], "no format ends in"),
        (["-o", "a.mp4", "--format", "hap"], "end in .mov"),
        (["-o", "in.mov"], "written over"),
        (["-o", "nowhere/a.mp4"], "no such folder"),
        (["-o", "a.mp4", "-o", "a.mp4"], "twice"),
        (["-o", "a.mp4", "--fit", "squash"], "refuse, pad, crop"),
        (["-o", "a.mp4", "--for", "cinema"], "resolume"),
        (["-o", "a.mp4", "--size", "63x64"], "even sides"),
        (["-o", "a.mp4", "--fps", "0"], "no frame rate"),
        (["-o", "a.mp4", "--volume", "-1"], "volume"),
        ([], "nothing to write"),
    ],
)
def test_mistakes_are_told_before_work(arguments, told, clip, tmp_path, monkeypatch):
    from core.errors import UserError

    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=told):
        export("in.mov", *arguments)
    assert sorted(tmp_path.iterdir()) == before

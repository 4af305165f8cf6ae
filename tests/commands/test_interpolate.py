"""`render.py interpolate` on real files."""

import json
from fractions import Fraction

import numpy as np
import pytest

from commands.interpolate import command
from core.errors import UserError
from core.image import Size
from media.formats import build
from media.stills import write_png
from media.video import open_video
from tests.motion.pictures import clouds

SIZE, FPS, COUNT = Size(64, 48), Fraction(8), 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    wide = clouds(Size(96, 48))
    with build("mp4").open(path, SIZE, FPS, {}) as write:
        for n in range(COUNT):
            write(np.ascontiguousarray(wide[:, 4 * n : 4 * n + 64]))
    return path


@pytest.mark.parametrize(
    ("given", "count", "fps"),
    [
        ({"factor": "4"}, 17, 32),
        ({"factor": "4", "closed": True}, 20, 32),
        ({"fps": "30"}, 16, 30),
        ({"slow": "2", "model": "blend"}, 9, 8),
    ],
)
def test_counts_and_rates_are_exact(clip, tmp_path, capsys, given, count, fps):
    out = tmp_path / "out.mp4"
    command(clip, out, **given, as_json=True)
    assert json.loads(capsys.readouterr().out)["frames"] == count
    with open_video(out, FPS) as video:
        assert (video.info.count, video.info.fps, video.info.size) == (count, fps, SIZE)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "nothing to do"),
        ({"factor": "0"}, "no number above 0"),
        ({"factor": "x"}, "no number above 0"),
        ({"factor": "2", "fps": "30"}, "at once"),
        ({"factor": "100"}, "too many"),
        ({"factor": "2", "model": "flo"}, "no interpolator named"),
        ({"factor": "2", "stretch_sound": True}, "slowed down"),
    ],
)
def test_what_makes_no_sense_is_told_before_a_file_is_made(clip, tmp_path, given, what):
    with pytest.raises(UserError, match=what):
        command(clip, tmp_path / "out.mp4", **given)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_is_not_written_over_itself(clip):
    with pytest.raises(UserError, match="written over"):
        command(clip, clip, factor="2")


def test_odd_sides_are_refused_or_made_to_fit_and_frames_scaled(tmp_path, capsys):
    folder = tmp_path / "shots"
    folder.mkdir()
    for n in range(3):
        write_png(folder / f"{n}.png", np.full((31, 33, 3), 60 * n, np.uint8))
    out, given = tmp_path / "out.mp4", {"factor": "2", "model": "blend"}
    with pytest.raises(UserError, match="needs even sides"):
        command(folder, out, **given)
    assert not out.exists()
    for options, size in (({"fit": "pad"}, (34, 32)), ({"fit": "crop"}, (32, 30)), ({"size": "64x48"}, (64, 48))):
        command(folder, out, **given, **options)
        with open_video(out, FPS) as video:
            assert (video.info.size, video.info.count) == (size, 5)
    with pytest.raises(UserError, match="no way to fit"):
        command(folder, out, **given, fit="squash")

import json
from fractions import Fraction

import numpy as np
import pytest

from commands.clips import opened
from core.image import Size
from media.formats import Delivery, build, delivering
from media.sound import RATE, Soundtrack, read_sound, write_samples
from media.stills import write_png
from tests.commands.test_cli import run
from tests.interpolation.clips import wheel


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "wheel"
    folder.mkdir()
    for n, frame in enumerate(wheel(30)):
        write_png(folder / f"{n}.png", frame, {})
    return folder


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        (("--method", "fade", "--over", "6"), 24),
        (("--method", "flow-fade", "--over", "0.25s"), 24),
        (("--method", "gap", "--over", "4"), 34),
        (("--method", "gap", "--over", "4", "--model", "blend"), 34),
        (("--method", "pingpong", "--over", "0"), 58),
        (("--method", "pingpong", "--over", "2"), 66),
        (("--find", "20..28"), 24),
    ],
)
def test_every_method_writes_a_loop_of_the_length_it_says(clip, tmp_path, options, frames):
    out = tmp_path / "out.mp4"
    assert run("loop", clip, "-o", out, *options) == 0
    with opened(out, "24") as video:
        assert sum(1 for _ in video) == frames
        assert video.info.fps == 24


def test_a_found_loop_closes_and_says_where_it_lay(clip, tmp_path, capsys):
    assert run("loop", clip, "-o", tmp_path / "out.mp4", "--method", "find", "--find", "20..28", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["found"]["length"] == 24 and data["loops"] == "pass"


def test_what_cannot_be_is_told_before_anything_is_written(clip, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    for options, told in [
        (("--find", "40..50"), "cannot be found in 30"),
        (("--find", "28..20"), "the shorter length first"),
        (("--over", "20"), "at least 41 frames"),
        (("--over", "x"), "is no length"),
        (("--over", "0"), "is no length"),
        (("--over", "100001"), "is no length"),
        (("--method", "pingpong", "--over", "20"), "at least 72 frames"),
        (("--method", "find", "--find", "20..24", "--over", "9"), "no room for 9 frames"),
    ]:
        assert run("loop", clip, "-o", out, *options) == 2, options
        assert told in capsys.readouterr().err
        assert not out.exists()
    assert run("loop", clip, "-o", tmp_path / "out.xyz") == 2
    assert ".xyz" in capsys.readouterr().err
    assert run("loop", clip, "-o", out, "--method", "fade", "--model", "blend") == 2
    assert "makes no new frames" in capsys.readouterr().err
    assert run("loop", clip, "-o", out, "--method", "gap", "--model", "flaw") == 2
    assert "Did you mean 'flow'" in capsys.readouterr().err
    assert run("loop", clip, "-o", tmp_path / "nowhere" / "out.mp4") == 2
    assert run("loop", tmp_path / "missing.mp4", "-o", out) == 2


def test_a_single_frame_makes_no_loop(tmp_path, capsys):
    folder = tmp_path / "one"
    folder.mkdir()
    write_png(folder / "0.png", wheel()[0], {})
    for method in ("fade", "flow-fade", "gap", "pingpong", "find"):
        assert run("loop", folder, "-o", tmp_path / "out.mp4", "--method", method) == 2
    assert Fraction(1) and not (tmp_path / "out.mp4").exists()


def test_the_sound_of_a_clip_goes_round_with_its_pictures(tmp_path):
    tone = np.sin(2 * np.pi * 221 * np.arange(RATE * 30 // 24) / RATE).astype(np.float32)
    write_samples(tmp_path / "tone.wav", np.stack([tone, tone], axis=1) * np.float32(0.5))
    source, loud = tmp_path / "source.mov", tmp_path / "out.mov"
    frames = wheel(30)
    film = Delivery(source, build("prores"))
    with delivering([film], Size.of(frames[0]), Fraction(24), {}, Soundtrack(tmp_path / "tone.wav")) as write:
        for frame in frames:
            write(frame)
    for options, count in [(("--over", "6"), 24), (("--method", "gap", "--over", "4"), 34), (("--find", "20..24"), 24)]:
        assert run("loop", source, "-o", loud, *options) == 0
        samples, rate = read_sound(loud)
        assert len(samples) == pytest.approx(count * rate / 24, abs=2)
        steepest = 0.5 * 2 * np.pi * 221 / rate
        assert np.abs(np.diff(samples[:, 0], append=samples[:1, 0])).max() < 1.5 * steepest
        assert np.sqrt(np.square(samples).mean()) > 0.25

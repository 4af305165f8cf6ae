"""`render.py clip`: what it makes lies where it was asked for, and what is wrong is told."""

import pytest

import render
from commands.terminal import exit_code


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder of its own, where frames are kept."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    shown = ["clip", *arguments, "--frames", "3", "--size", "64x64", "--set", "generator=noise"]
    return exit_code(lambda: render.app(shown, standalone_mode=False))


@pytest.mark.parametrize("name", ["sea.gif", "sea.mp4", "in a folder/sea.webm", "renders/sea/sea.webp"])
def test_a_file_lies_where_it_was_asked_for_and_where_it_is_told_to_lie(home, name, capsys):
    assert run("sea", "-o", name) == 0
    assert (home / name).stat().st_size > 0
    paths = [line[17:] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len(paths) == 5 and all((home / path).exists() for path in paths)


def test_a_folder_holds_the_frames(home):
    assert run("sea", "-o", "shots") == 0
    assert len(list((home / "shots").glob("*.png"))) == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["0: sea | 3: city"], "frame 3 is beyond the clip"),
        (["sea", "--denoise", "0.5"], "there is no picture to keep"),
        (["sea | city"], "no frame before 'sea'"),
        (["sea", "--set", "hires.scale=2"], "hires: has no effect"),
        (["sea", "--video", "nowhere.mp4"], "1 fault\n  clip.video: no such file"),
    ],
)
def test_what_is_wrong_is_told(options, told, capsys):
    assert run(*options, "-o", "sea.mp4") == 2
    assert told in capsys.readouterr().err

"""`control` as people use it, with controls that need no model."""

import numpy as np
import pytest

import render
from commands.terminal import exit_code
from media.read import read_image
from media.stills import write_png


def run(*arguments):
    return exit_code(lambda: render.app([str(a) for a in ("control", *arguments)], standalone_mode=False))


@pytest.fixture
def picture(tmp_path):
    image = np.zeros((24, 32, 3), np.uint8)
    image[6:18, 8:24] = 255
    write_png(tmp_path / "a.png", image)
    return tmp_path / "a.png"


def test_a_hint_is_drawn_of_the_pictures_size_or_another(picture, tmp_path):
    assert run("canny", picture, tmp_path / "hint.png") == 0
    assert read_image(tmp_path / "hint.png").shape == (24, 32, 3)
    assert run("canny", picture, tmp_path / "hint.png", "--size", "64x64", "--fit", "fill") == 0
    assert read_image(tmp_path / "hint.png").shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("canny", "--mask", "a.png"), ("tile", "--seed", "3"), ("canny", "--depth", "flat"), ("canny", "--next", "a.png")],
)
def test_what_a_control_does_not_look_at_is_told(picture, tmp_path, capsys, name, option, value):
    given = tmp_path / value if value.endswith("png") else value
    assert run(name, picture, tmp_path / "hint.png", option, given) == 0
    assert f"warning: {option}: the control {name} does not ask for it" in capsys.readouterr().err


def test_what_a_control_looks_at_is_not_told(picture, tmp_path, capsys):
    for name, option, value in (
        ("inpaint", "--mask", picture),
        ("shuffle", "--seed", 3),
        ("temporal", "--next", picture),
    ):
        assert run(name, picture, tmp_path / "hint.png", option, value) == 0
    assert run("depth", picture, tmp_path / "hint.png", "--depth", "flat") == 0
    assert capsys.readouterr().err == ""


def test_mistakes_are_told(picture, tmp_path, capsys):
    assert run("canny", picture, tmp_path / "hint.jpg") == 2
    assert "ends in .png" in capsys.readouterr().err
    write_png(tmp_path / "b.png", np.zeros((8, 8, 3), np.uint8))
    assert run("temporal", picture, tmp_path / "hint.png", "--next", tmp_path / "b.png") == 2
    assert "two frames of one size" in capsys.readouterr().err
    assert not (tmp_path / "hint.png").exists()

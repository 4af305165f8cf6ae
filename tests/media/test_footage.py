"""Footage: the right picture at every frame, whatever it comes from."""

from fractions import Fraction

import numpy as np
import pytest

from core.errors import MediaError
from media.footage import Footage
from media.stills import write_png
from tests.media.test_video import record


def level(n):
    return np.full((16, 24, 3), 10 * n, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for n in range(12):
        write_png(tmp_path / f"shot {n}.png", level(n))
    return tmp_path


def test_a_picture_of_a_folder_is_a_frame_whatever_order_they_are_asked_in(folder):
    footage = Footage(folder, Fraction(15))
    assert footage.frames == 12
    for n in (0, 1, 5, 4, 11, 2, 2):
        np.testing.assert_array_equal(footage.at(n), level(n))


def test_a_still_shows_at_every_frame(folder):
    footage = Footage(folder / "shot 3.png", Fraction(15))
    assert footage.frames is None
    np.testing.assert_array_equal(footage.at(0), footage.at(4000))


def test_past_the_end_there_is_no_picture(folder):
    with pytest.raises(MediaError, match="lasts 12 frames, there is no frame 12"):
        Footage(folder, Fraction(15)).at(12)


def test_all_files_count(folder):
    assert len(Footage(folder, Fraction(1)).files()) == 12
    assert len(Footage(folder / "shot 1*.png", Fraction(1)).files()) == 3


@pytest.mark.parametrize("fps, frames", [(24, 12), (48, 24), (12, 6), (30, 15)])
def test_a_video_keeps_its_own_time(fps, frames, tmp_path):
    footage = Footage(record(tmp_path / "clip.mp4"), Fraction(fps))
    assert footage.frames == frames
    lightness = [float(footage.at(n)[20:].mean()) for n in range(frames)]
    expected = [8 * int(n * 24 / fps + 0.1) for n in range(frames)]
    np.testing.assert_allclose(lightness, expected, atol=3)

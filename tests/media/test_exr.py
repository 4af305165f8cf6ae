"""OpenEXR pictures: linear light, opacity multiplied in, and what is refused."""

from fractions import Fraction

import numpy as np
import OpenEXR
import pytest

from core.errors import MediaError
from core.image import Size
from media.exporters import exr
from media.exr import read_exr, write_exr
from media.read import read_image


def ramp() -> np.ndarray:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return np.ascontiguousarray(np.dstack([levels, levels.T, 255 - levels]))


@pytest.mark.parametrize("linear", [True, False])
def test_every_level_comes_back(tmp_path, linear):
    write_exr(tmp_path / "a.exr", ramp(), {}, "ZIP", linear=linear)
    image, alpha = read_exr(tmp_path / "a.exr")
    assert alpha is None and np.array_equal(image, ramp())
    assert np.array_equal(read_image(tmp_path / "a.exr"), ramp())


def test_numbers_are_amounts_of_light_multiplied_by_opacity(tmp_path):
    image = np.full((4, 4, 4), 188, np.uint8)
    image[..., 3] = 128
    write_exr(tmp_path / "a.exr", image, {"driftloop": "{}"}, "PIZ", linear=True)
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        pixels = file.channels()["RGBA"].pixels
        assert file.header()["driftloop"] == "{}" and pixels.dtype == np.float16
    assert pixels[0, 0, :3] == pytest.approx(0.503 * 128 / 255, abs=2e-3)  # level 188 is half the light of white
    assert pixels[0, 0, 3] == pytest.approx(128 / 255, abs=1e-3)
    back, alpha = read_exr(tmp_path / "a.exr")
    assert np.abs(back.astype(int) - 188).max() <= 1 and np.abs(alpha - 128 / 255).max() < 1e-3


def test_brighter_than_white_and_numbers_that_are_none_are_cut_off(tmp_path):
    light = np.array([[[4.0, np.nan, np.inf], [-1, 0, 1]]], np.float16)
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": light}) as file:
        file.write(str(tmp_path / "a.exr"))
    assert read_exr(tmp_path / "a.exr")[0].tolist() == [[[255, 0, 255], [0, 0, 255]]]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"v/1\x01 broken"])
def test_what_is_none_is_told(tmp_path, content):
    (tmp_path / "a.exr").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.exr"):
        read_image(tmp_path / "a.exr")


@pytest.mark.parametrize("compression", ["zip", "zips", "piz", "dwaa", "dwab", "none"])
def test_every_compression_writes_what_reads_alike(tmp_path, compression):
    exporter = exr.build(exr.Options(compression), None)
    with exporter.open(tmp_path / "clip_exr", Size(16, 16), Fraction(24), {}) as write:
        write(ramp())
    found = read_image(tmp_path / "clip_exr" / "000000.exr")
    assert np.abs(found.astype(int) - ramp()).max() <= (24 if compression in ("dwaa", "dwab") else 0)

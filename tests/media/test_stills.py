"""PNG files, there and back."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MediaError
from media.read import read_image
from media.stills import read_png_text, write_png, write_png16


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (33, 51)])
def test_pictures_come_back_bit_by_bit_in_every_reader(height, width, level, tmp_path):
    path, image = tmp_path / "a.png", noise(height, width)
    write_png(path, image, {"a": "b"}, level)
    assert np.array_equal(read_image(path), image)
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], image)


def test_sixteen_bits_come_back(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (31, 45), dtype=np.uint16)
    write_png16(tmp_path / "a.png", values)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED), values)


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    for name in "ab":
        write_png(tmp_path / name, noise(20, 30), {"project": "ü"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@given(
    texts=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,40}[a-z]", fullmatch=True),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200),
        max_size=4,
    )
)
@settings(max_examples=40, deadline=None)
def test_any_text_comes_back(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("text") / "a.png"
    write_png(path, noise(2, 2), texts)
    assert read_png_text(path) == texts


def test_texts_stand_where_other_tools_look(tmp_path):
    write_png(tmp_path / "a.png", noise(2, 2), {"parameters": "a cat\nSteps: 20"})
    with PIL.Image.open(tmp_path / "a.png") as picture:
        assert picture.text["parameters"] == "a cat\nSteps: 20"


def test_texts_of_other_tools_are_read(tmp_path):
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("parameters", "long " * 50, zip=True)
    info.add_itxt("title", "日本")
    PIL.Image.new("L", (9, 9)).save(tmp_path / "a.png", pnginfo=info)
    assert read_png_text(tmp_path / "a.png") == {"parameters": "long " * 50, "title": "日本"}


@pytest.mark.parametrize("keyword", ["", " a", "a" * 80, "a\0", "é", "a\n"])
def test_keywords_no_png_can_hold_are_refused(keyword, tmp_path):
    with pytest.raises(MediaError, match="keyword"):
        write_png(tmp_path / "a.png", noise(2, 2), {keyword: "x"})
    assert not list(tmp_path.iterdir())


def test_a_zero_character_in_a_text_is_refused(tmp_path):
    with pytest.raises(MediaError, match="zero character"):
        write_png(tmp_path / "a.png", noise(2, 2), {"a": "x\0y"})


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MediaError, match=r"nowhere.*No such file"):
        write_png(tmp_path / "nowhere" / "a.png", noise(2, 2))


def test_a_place_taken_by_a_folder_is_told_and_nothing_is_left(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(MediaError, match="cannot be written"):
        write_png(tmp_path / "a.png", noise(2, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("content", [b"", b"rubbish" * 100, b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_what_is_no_png_is_told(content, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.png"):
        read_png_text(tmp_path / "a.png")


def test_a_text_that_unpacks_to_gigabytes_is_refused(tmp_path):
    write_png(tmp_path / "a.png", noise(2, 2))
    bomb = b"parameters\0\0" + zlib.compress(b"a" * 50_000_000, 9)
    chunk = len(bomb).to_bytes(4, "big") + b"zTXt" + bomb + zlib.crc32(b"zTXt" + bomb).to_bytes(4, "big")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    with pytest.raises(MediaError):
        read_png_text(tmp_path / "a.png")


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_pictures_read_or_raise_our_error(tmp_path_factory, data):
    path: Path = tmp_path_factory.mktemp("damaged") / "a.png"
    write_png(path, noise(16, 16), {"project": "ü 日本"})
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for read in (read_image, read_png_text):
        try:
            read(path)
        except MediaError as fault:
            assert "a.png" in str(fault)

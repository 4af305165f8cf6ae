import io

import numpy as np
import PIL.Image
import pytest
from PIL.ExifTags import IFD, Base

from core.errors import MediaError, UnknownName
from media.inscribed import encoded, infotext_in, write_picture
from media.read import read_image

TEXT = "a lamp, függy 灯 🦊\nNegative prompt: cartoon\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"
IMAGE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
@pytest.mark.parametrize("text", [TEXT, "plain, ascii: 1", ""])
def test_every_format_carries_the_text(tmp_path, name, text):
    path = tmp_path / name
    write_picture(path, IMAGE, text)
    assert infotext_in(path) == text
    assert read_image(path).shape == IMAGE.shape
    assert infotext_in(io.BytesIO(path.read_bytes())) == text


def test_png_is_lossless_and_others_near(tmp_path):
    write_picture(tmp_path / "a.png", IMAGE, TEXT)
    assert (read_image(tmp_path / "a.png") == IMAGE).all()
    smooth = np.ascontiguousarray(np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None] * 8, (32, 32, 3)))
    for name in ("b.jpg", "b.webp"):
        write_picture(tmp_path / name, smooth, TEXT)
        assert np.abs(read_image(tmp_path / name).astype(int) - smooth).max() < 12


def test_the_comment_is_written_as_the_web_ui_does():
    with PIL.Image.open(io.BytesIO(encoded(IMAGE, "JPEG", "aé"))) as picture:
        comment = picture.getexif().get_ifd(IFD.Exif)[Base.UserComment]
    assert comment == b"UNICODE\0\0a\0\xe9"


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + TEXT.encode("utf-16-be"), b"UNICODE\0" + TEXT.encode("utf-16-le"),
        b"UNICODE\0" + TEXT.encode("utf-16"), b"UNICODE\0" + TEXT.encode(), b"\0" * 8 + TEXT.encode(), TEXT.encode(),
    ],
)  # fmt: skip
def test_comments_of_other_programs_are_read(comment):
    exif = PIL.Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = comment
    file = io.BytesIO()
    PIL.Image.fromarray(IMAGE).save(file, "JPEG", exif=exif.tobytes())
    assert infotext_in(file) == TEXT


def test_a_gif_says_it_in_its_comment():
    file = io.BytesIO()
    PIL.Image.fromarray(IMAGE).save(file, "GIF", comment=TEXT.encode())
    assert infotext_in(file) == TEXT


def test_no_picture_and_no_format_are_told(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(MediaError, match=r"a\.png"):
        infotext_in(tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"none\.png"):
        infotext_in(tmp_path / "none.png")
    with pytest.raises(UnknownName, match=r"\.png"):
        write_picture(tmp_path / "a.tga", IMAGE)


def test_a_text_too_long_for_jpeg_is_told_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.jpg"
    write_picture(path, IMAGE, TEXT)
    before = path.read_bytes()
    with pytest.raises(MediaError, match="does not fit"):
        write_picture(path, IMAGE, "x" * 40_000)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]

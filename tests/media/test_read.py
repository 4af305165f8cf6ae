"""Pictures read from files."""

import logging
import zlib

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from core.errors import MediaError
from core.image import is_image
from media.read import read_image, read_image_and_alpha, read_metadata


def saved(path, pixels, **options):
    PIL.Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)
    return path


MODES = {
    "png": ["1", "L", "LA", "P", "RGB", "RGBA"],
    "jpg": ["L", "CMYK", "YCbCr", "RGB"],
    "tiff": ["1", "L", "LA", "P", "CMYK", "RGB", "RGBA"],
    "webp": ["L", "RGB", "RGBA"],
    "bmp": ["1", "L", "P", "RGB"],
    "gif": ["L", "P"],
    "avif": ["RGB", "RGBA"],
}
CORNERS = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]]  # 2 x 3


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: np.rot90(np.fliplr(a))),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(np.fliplr(a), -1)),
        (8, np.rot90),
    ],
)
def test_pictures_stand_upright_as_exif_says(orientation, turn, tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image = read_image(saved(tmp_path / "a.png", CORNERS, exif=exif))
    assert is_image(image)
    assert np.array_equal(image, turn(np.asarray(CORNERS)))


def test_transparent_parts_show_the_background(tmp_path):
    path = saved(tmp_path / "a.png", [[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 51]]])
    assert read_image(path).tolist() == [[[200, 100, 50], [0, 0, 0], [40, 20, 10]]]
    assert read_image(path, background=(255, 255, 255))[0, 1].tolist() == [255, 255, 255]


def test_opacity_is_given_on_request_with_the_colours_below(tmp_path):
    image, alpha = read_image_and_alpha(saved(tmp_path / "a.png", [[[200, 100, 50, 0], [9, 8, 7, 255]]]))
    assert image.tolist() == [[[200, 100, 50], [9, 8, 7]]]
    assert alpha.dtype == np.float32
    assert alpha.tolist() == [[0, 1]]


def test_an_opaque_picture_has_opacity_one(tmp_path):
    assert read_image_and_alpha(saved(tmp_path / "a.png", CORNERS))[1].tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_palette_with_a_transparent_entry_is_transparent_there(tmp_path):
    picture = PIL.Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putdata([0, 1])
    picture.save(tmp_path / "a.gif", transparency=1)
    image, alpha = read_image_and_alpha(tmp_path / "a.gif")
    assert image[0, 0].tolist() == [10, 20, 30]
    assert alpha.tolist() == [[1, 0]]


def test_sixteen_bit_gray_keeps_its_range(tmp_path):
    PIL.Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(("mode", "suffix"), [(mode, kind) for kind, modes in MODES.items() for mode in modes])
def test_every_kind_of_picture_becomes_an_image(mode, suffix, tmp_path):
    PIL.Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert is_image(image)
    assert (image > 250).all()


def test_colour_profiles_are_followed(tmp_path):
    srgb = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    path = saved(tmp_path / "a.png", [[[250, 100, 20, 77]]], icc_profile=swapped)
    image, alpha = read_image_and_alpha(path)
    assert np.abs(image.astype(int) - (20, 100, 250)).max() <= 2
    assert alpha.item() == pytest.approx(77 / 255)


def test_a_broken_colour_profile_is_warned_about(tmp_path, caplog):
    path = saved(tmp_path / "a.png", CORNERS, icc_profile=b"rubbish" * 40)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(read_image(path), CORNERS)
    assert "colour profile" in caplog.text


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(MediaError, match=r"a\.png.*No such file"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0" + bytes(50), b"%PDF-1.4", bytes(10_000)])
def test_what_is_no_picture_is_told(content, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(MediaError, match="cannot be read as a picture"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", MODES)
def test_a_picture_that_breaks_off_is_told(suffix, tmp_path):
    path = saved(tmp_path / f"a.{suffix}", np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match="cannot be read as a picture"):
        read_image(path)


def test_a_picture_that_claims_to_be_huge_is_refused_before_memory_is_asked_for(tmp_path):
    path = saved(tmp_path / "a.png", CORNERS)
    content = bytearray(path.read_bytes())
    content[16:24] = (20_000).to_bytes(4, "big") + (3).to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(MediaError, match="20000x3 is too large"):
        read_image(path)


def test_metadata_of_what_is_no_video_is_told(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"rubbish" * 100)
    with pytest.raises(MediaError, match=r"a\.mp4"):
        read_metadata(tmp_path / "a.mp4")

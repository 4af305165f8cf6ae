import numpy as np
import pytest

from core.image import Size
from diffusion.canvas import fitted


def stripes(width, height):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["stretch", "crop", "fill"])
@pytest.mark.parametrize("size", [Size(64, 64), Size(96, 40), Size(33, 71), Size(8, 200)])
@pytest.mark.parametrize("old", [Size(50, 50), Size(31, 90), Size(120, 17)])
def test_every_mode_gives_the_size_asked_for(mode, size, old):
    assert Size.of(fitted(stripes(*old), size, mode)) == size
    assert fitted(stripes(*old)[..., 0], size, mode).shape == (size.height, size.width)


@pytest.mark.parametrize("mode", ["stretch", "crop", "fill", "latent"])
def test_a_picture_of_the_right_size_is_left_as_it_is(mode):
    image = stripes(40, 24)
    assert fitted(image, Size(40, 24), mode) is image


def test_latent_leaves_the_picture_to_the_sampler():
    image = stripes(40, 24)
    assert fitted(image, Size(80, 80), "latent") is image


def test_crop_keeps_the_middle_and_the_proportions():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 20:60] = 255
    assert (fitted(image, Size(40, 40), "crop") == 255).all()


def test_fill_keeps_all_of_the_picture_and_continues_its_edges():
    image = np.zeros((20, 40, 3), np.uint8)
    image[0], image[-1] = 200, 100
    result = fitted(image, Size(40, 41), "fill")
    assert (result[10:30] == image).all()
    assert (result[:10] == 200).all() and (result[30:] == 100).all()


def test_fill_of_a_tall_picture_continues_its_columns():
    image = np.zeros((40, 20, 3), np.uint8)
    image[:, 0], image[:, -1] = 10, 30
    result = fitted(image, Size(60, 40), "fill")
    assert (result[:, :20] == 10).all() and (result[:, 40:] == 30).all()


def test_an_upscaler_is_asked_where_pictures_grow_and_only_there():
    asked = []

    def enlarge(image, size):
        asked.append(size)
        return np.full((size.height * 2, size.width * 2, 3), 7, np.uint8)

    image = stripes(32, 32)
    assert (fitted(image, Size(64, 64), "stretch", enlarge) == 7).all()
    assert Size.of(fitted(image, Size(48, 96), "crop", enlarge)) == Size(48, 96)
    assert asked == [Size(64, 64), Size(96, 96)]
    fitted(image, Size(16, 16), "stretch", enlarge)
    fitted(image[..., 0], Size(64, 64), "stretch", enlarge)
    assert len(asked) == 2

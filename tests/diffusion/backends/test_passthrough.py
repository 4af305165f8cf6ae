import numpy as np

from core.image import Size, resized
from diffusion.backends.passthrough import Options, build, clouds
from diffusion.request import ImageRequest, Sampling


def request(width=96, height=64, init=None):
    return ImageRequest((("hill", 1.0),), "", Size(width, height), 1, "Euler", Sampling(), init)


def test_an_init_picture_comes_back_unchanged():
    init = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    (picture,) = build(Options(), None).generate([request(init=init)])
    assert np.array_equal(picture, init)


def test_clouds_look_the_same_at_half_the_size():
    large, small = clouds(request(384, 256)), clouds(request(192, 128))
    difference = np.abs(resized(large, Size(192, 128)).astype(int) - small)
    assert difference.mean() < 3


def test_clouds_have_detail_that_shows_a_move_of_one_percent():
    picture = clouds(request(256, 256)).astype(int)
    moved = np.abs(picture[:, 3:] - picture[:, :-3]).mean()
    assert moved > 2


def test_clouds_are_coloured_and_not_clipped():
    picture = clouds(request(256, 256))
    assert picture.std() > 25
    assert np.ptp(picture.astype(int), axis=2).mean() > 25
    assert np.isin(picture, (0, 255)).mean() < 0.1

"""What every generator keeps; a new file in diffusion/backends is tested by being there."""

import numpy as np
import pytest

from core.devices import ModelPool
from core.image import Size, is_image
from diffusion.backends import REGISTRY
from diffusion.request import ImageRequest, Sampling

OPTIONS = {name: {"model": "mini"} if name == "stills" else {} for name in REGISTRY.names()}
POOL = ModelPool()


@pytest.fixture(scope="module", params=REGISTRY.names())
def generator(request):
    return REGISTRY.build(request.param, OPTIONS[request.param], pool=POOL)


def request(seed=1, size=(32, 32), init=None, **sampling):
    given = Sampling(**{"steps": 2, "cfg": 2, "denoise": 0.6, **sampling})
    return ImageRequest((("red hill", 1.0),), "fog", Size(*size), seed, "Euler a", given, init)


def picture(width, height):
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def difference(a, b):
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("size", [(32, 32), (48, 32), (37, 21), (5, 50)])
def test_pictures_have_the_size_asked_for(generator, size):
    for init in (None, picture(*size)):
        (made,) = generator.generate([request(size=size, init=init)])
        assert is_image(made)
        assert Size.of(made) == size


def test_same_request_gives_the_same_picture(generator):
    asked = [request(), request(init=picture(32, 32))]
    for one, other in zip(generator.generate(asked), generator.generate(asked), strict=True):
        assert np.array_equal(one, other)


def test_another_seed_gives_another_picture(generator):
    one, other = generator.generate([request(seed=1), request(seed=2)])
    assert difference(one, other) > 8


def test_a_batch_gives_the_pictures_of_its_singles_in_order(generator):
    asked = [
        request(seed=1),
        request(seed=2, init=picture(32, 32)),
        request(seed=3, size=(48, 32)),
        request(seed=4, cfg=1.0),
        request(seed=5, init=picture(32, 32)[::-1].copy(), denoise=1.0),
        request(seed=6, denoise=1.0),
    ]
    for made, alone in zip(generator.generate(asked), asked, strict=True):
        assert difference(made, generator.generate([alone])[0]) <= 1


def test_the_init_picture_is_not_changed(generator):
    init = picture(32, 32)
    generator.generate([request(init=init)])
    assert np.array_equal(init, picture(32, 32))


def test_nothing_asked_gives_nothing(generator):
    assert generator.generate([]) == []


def test_window_and_identity_are_told_before_anything_is_drawn(generator):
    assert generator.window >= 1
    assert len(generator.identity) >= 16


def test_identities_and_help_differ():
    names = REGISTRY.names()
    made = [REGISTRY.build(name, OPTIONS[name], pool=POOL) for name in names]
    assert len({generator.identity for generator in made}) == len({REGISTRY.help(name) for name in names}) == len(names)

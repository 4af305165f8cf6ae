"""What every control promises. An entry that needs weights gets tiny ones here, where its library is installed."""

import dataclasses

import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import UserError
from core.image import Size, is_image
from diffusion.controls import REGISTRY, Given
from tests.diffusion.controls import weights
from tests.motion.pictures import clouds

SIZES = (Size(96, 64), Size(33, 71))


@pytest.fixture(scope="module", params=REGISTRY.names())
def make(request, tmp_path_factory):
    """Makes the same control again and again."""
    options = {}
    if request.param in weights.WRITERS:
        options = weights.WRITERS[request.param](tmp_path_factory.mktemp(request.param))
    return lambda: REGISTRY.build(request.param, options, pool=ModelPool())


def given(size, seed=0):
    image = clouds(size, seed=seed)
    rows = np.linspace(1, 5, size.height, dtype=np.float32)[:, None]
    return Given(
        image,
        seed=7,
        mask=(image[..., 0] > 128).astype(np.float32),
        depth=lambda picture: np.ascontiguousarray(np.broadcast_to(rows, picture.shape[:2])),
        flow=lambda: np.ones((size.height, size.width, 2), np.float32),
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_hint_is_a_picture_of_the_pictures_size(make, size):
    hint = make().hint(given(size))
    assert is_image(hint.image) and Size.of(hint.image) == size
    values = hint.values()
    assert values.dtype == np.float32 and values.shape == (size.height, size.width, hint.channels)
    assert values.min() >= -1 and values.max() <= 1


def test_the_same_picture_has_the_same_hint(make):
    control, one = make(), given(SIZES[0])
    first = control.hint(one)
    control.hint(given(SIZES[1], seed=9))
    assert np.array_equal(control.hint(one).values(), first.values())


def test_made_again_it_gives_the_same(make):
    one, other = make(), make()
    assert one.identity == other.identity
    assert np.array_equal(one.hint(given(SIZES[0])).values(), other.hint(given(SIZES[0])).values())


def test_the_picture_is_left_as_it_was(make):
    before = given(SIZES[0])
    make().hint(before)
    assert np.array_equal(before.image, clouds(SIZES[0], seed=0))


def test_an_even_picture_has_a_hint(make):
    flat = np.full((64, 96, 3), 90, np.uint8)
    assert make().hint(dataclasses.replace(given(SIZES[0]), image=flat)).image.shape == flat.shape


@pytest.mark.parametrize("name", REGISTRY.names())
def test_help_is_a_line(name):
    assert 10 < len(REGISTRY.help(name)) <= 120


@pytest.mark.parametrize("name", sorted(weights.WRITERS))
def test_without_weights_it_says_which_it_wants(name, tmp_path):
    with pytest.raises(UserError, match="option model"):
        REGISTRY.build(name, {}, pool=ModelPool())
    with pytest.raises(UserError, match=r"does not find|can be loaded"):
        REGISTRY.build(name, {"model": str(tmp_path)}, pool=ModelPool())

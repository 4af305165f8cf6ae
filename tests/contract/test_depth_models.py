"""What every depth model promises. An entry that needs files gets tiny ones here."""

import numpy as np
import pytest

from core.devices import ModelPool
from core.image import Size
from motion.depth import REGISTRY
from tests.motion.depth.models import write_depth_anything
from tests.motion.pictures import clouds, hills

SIZES = (Size(64, 48), Size(33, 71))


def _pass(folder):
    for frame in range(2):
        np.save(folder / f"{frame:04d}.npy", 1 / hills(Size(40, 30), seed=frame))
    return {"path": str(folder)}


def _weights(folder):
    from safetensors.torch import save_file

    from motion.depth._network import DepthNetwork
    from motion.depth.mini import WEIGHTS

    save_file(DepthNetwork().state_dict(), folder / WEIGHTS)
    return {"model": str(folder)}


OPTIONS = {  # how to make an entry that does not work without options
    "file": _pass,
    "mini": _weights,
    "transformers": lambda folder: {"model": str(write_depth_anything(folder / "model"))},
}


@pytest.fixture(scope="module", params=REGISTRY.names())
def make(request, tmp_path_factory):
    """Makes the same estimator again and again."""
    options = OPTIONS[request.param](tmp_path_factory.mktemp(request.param)) if request.param in OPTIONS else {}
    return lambda: REGISTRY.build(request.param, options, pool=ModelPool())


@pytest.mark.parametrize("size", SIZES)
def test_depth_is_a_depth_map(make, size):
    depth = make().estimate(clouds(size), 0)
    assert depth.dtype == np.float32
    assert depth.shape == (size.height, size.width)
    assert np.isfinite(depth).all()
    assert (depth > 0).all()


def test_the_same_picture_has_the_same_depth(make):
    estimator = make()
    first = estimator.estimate(clouds(SIZES[0]), 0)
    estimator.estimate(clouds(SIZES[0], seed=9), 1)
    assert np.array_equal(estimator.estimate(clouds(SIZES[0]), 0), first)


def test_made_again_it_gives_the_same(make):
    one, other = make(), make()
    assert one.identity == other.identity
    assert np.array_equal(one.estimate(clouds(SIZES[0]), 1), other.estimate(clouds(SIZES[0]), 1))


def test_the_picture_is_left_as_it_was(make):
    picture = clouds(SIZES[0])
    make().estimate(picture, 0)
    assert np.array_equal(picture, clouds(SIZES[0]))


@pytest.mark.parametrize("name", REGISTRY.names())
def test_help_is_a_line(name):
    assert 10 < len(REGISTRY.help(name)) <= 100

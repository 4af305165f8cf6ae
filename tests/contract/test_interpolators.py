"""What every interpolator promises."""

import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import UserError
from core.image import Size
from interpolation.models import REGISTRY
from tests.interpolation.models.toys import write_film, write_rife
from tests.motion.pictures import clouds

SIZES = (Size(64, 48), Size(33, 71), Size(5, 3))


@pytest.fixture(scope="module", params=REGISTRY.names())
def make(request, tmp_path_factory):
    """Makes the same interpolator again and again."""
    write = {"film": write_film, "rife": write_rife}.get(request.param)
    options = {"weights": str(write(tmp_path_factory.mktemp(request.param)))} if write else {}
    return lambda: REGISTRY.build(request.param, options, pool=ModelPool())


@pytest.mark.parametrize("size", SIZES)
def test_each_time_gives_a_picture_of_the_same_size(make, size):
    times = (0.1, 0.5, 0.75)
    frames = make().between(clouds(size), clouds(size, seed=1), times)
    assert len(frames) == len(times)
    for frame in frames:
        assert (frame.dtype, frame.shape) == (np.uint8, (size.height, size.width, 3))
        assert frame.flags["C_CONTIGUOUS"]


def test_no_times_give_no_frames(make):
    assert make().between(clouds(SIZES[0]), clouds(SIZES[0], seed=1), ()) == []


def test_between_equal_pictures_lies_the_same_picture(make):
    picture = clouds(SIZES[0])
    for frame in make().between(picture, picture, (0.25, 0.5)):
        assert np.abs(frame.astype(int) - picture).max() <= 2


def test_near_an_end_the_frame_looks_like_that_end(make):
    a, b = clouds(SIZES[0]), clouds(SIZES[0], seed=1)
    early, late = (frame.astype(int) for frame in make().between(a, b, (0.02, 0.98)))
    assert np.abs(early - a).mean() < np.abs(early - b).mean()
    assert np.abs(late - b).mean() < np.abs(late - a).mean()


def test_made_again_it_gives_the_same_and_leaves_the_pictures(make):
    a, b = clouds(SIZES[0]), clouds(SIZES[0], seed=1)
    one, other = make(), make()
    assert one.identity == other.identity
    assert np.array_equal(one.between(a, b, (0.5,)), other.between(a, b, (0.5,)))
    assert np.array_equal(a, clouds(SIZES[0]))
    assert np.array_equal(b, clouds(SIZES[0], seed=1))


@pytest.mark.parametrize("times", [(0.0,), (1.0,), (0.5, 0.5), (0.7, 0.2), (float("nan"),)])
def test_times_that_do_not_ascend_between_the_ends_are_refused(make, times):
    with pytest.raises(UserError, match="ascend"):
        make().between(clouds(SIZES[0]), clouds(SIZES[0]), times)


def test_pictures_of_different_sizes_are_refused(make):
    with pytest.raises(UserError, match="64x48 and 33x71"):
        make().between(clouds(SIZES[0]), clouds(SIZES[1]), (0.5,))


def test_flow_puts_a_moving_picture_half_way_and_blend_does_not():
    wide = clouds(Size(120, 64))
    a, middle, b = (np.ascontiguousarray(wide[:, start : start + 100]) for start in (0, 5, 10))
    error = {
        name: np.abs(REGISTRY.build(name, pool=ModelPool()).between(a, b, (0.5,))[0].astype(int) - middle)[
            12:-12, 12:-12
        ].mean()
        for name in ("flow", "blend")
    }
    assert error["flow"] < error["blend"] / 3


@pytest.mark.parametrize("name", REGISTRY.names())
def test_help_is_a_line(name):
    assert 10 < len(REGISTRY.help(name)) <= 100

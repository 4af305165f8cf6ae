import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from core.image import Size
from motion.camera import Border, Resampling
from motion.resample import pixel_axes, resampled
from tests.motion.pictures import noise

BORDERS: tuple[Border, ...] = ("border", "reflection", "zeros", "wrap")
FILTERS: tuple[Resampling, ...] = ("bicubic", "bilinear", "nearest")
SIZE = Size(53, 37)
PICTURE = noise(SIZE)


def far_and_near(seed=1):
    rng = np.random.default_rng(seed)
    return (rng.uniform(-300, 300, (64, 64)).astype(np.float32), rng.uniform(-300, 300, (64, 64)).astype(np.float32))


def sampled_by_torch(picture, x, y, border, sampling):
    height, width = picture.shape[:2]
    grid = torch.from_numpy(np.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1))[None]
    levels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    read = grid_sample(levels, grid, mode=sampling, padding_mode=border, align_corners=False)
    return (read[0].permute(1, 2, 0) + 0.5).clamp(0, 255).floor().numpy()


@pytest.mark.parametrize("sampling", FILTERS)
@pytest.mark.parametrize("border", ["border", "reflection", "zeros"])
def test_agrees_with_exact_float_sampling_near_and_far(border, sampling):
    x, y = far_and_near()
    ours = resampled(PICTURE, x, y, border=border, sampling=sampling).astype(int)
    off = np.abs(ours - sampled_by_torch(PICTURE, x, y, border, sampling)).max(axis=2)
    assert np.median(off) <= 1
    assert (off > 1).mean() < 1e-3


@pytest.mark.parametrize("sampling", FILTERS)
def test_wrap_is_periodic(sampling):
    x, y = far_and_near()
    x, y = np.round(x * 32) / 32, np.round(y * 32) / 32  # so that adding whole pictures loses no bits
    here = resampled(PICTURE, x, y, border="wrap", sampling=sampling)
    far = resampled(PICTURE, x + 3 * SIZE.width, y - 5 * SIZE.height, border="wrap", sampling=sampling)
    assert np.array_equal(here, far)


def test_wrap_continues_on_the_other_side():
    x, y = pixel_axes(SIZE)
    moved = resampled(PICTURE, x - 10 + 0 * y, y + 4 + 0 * x, border="wrap", sampling="bicubic")
    assert np.array_equal(moved, np.roll(PICTURE, (-4, 10), axis=(0, 1)))


def test_reflection_mirrors_about_the_outer_edges_of_the_edge_pixels():
    x, y = pixel_axes(SIZE)
    left = resampled(PICTURE, -1 - x + 0 * y, y + 0 * x, border="reflection", sampling="bicubic")
    assert np.array_equal(left, PICTURE)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("border", BORDERS)
def test_coordinates_far_out_take_no_longer(border):
    x = np.full((64, 64), 3e8, np.float32)
    assert resampled(PICTURE, x, -x, border=border, sampling="bilinear").shape == (64, 64, 3)

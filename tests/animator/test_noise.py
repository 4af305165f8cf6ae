"""Seeded noise on a picture."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animator import noise
from animator.noise import noised
from core.image import Size

KINDS = ("white", "perlin")
LOOKS = ("true", "deforum")


def gray(height: int, width: int, level: int = 100) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def with_noise(image, amount=0.065, seed=1, kind="perlin", octaves=4, look="true"):
    return noised(image, amount, seed, kind=kind, octaves=octaves, persistence=0.5, look=look)


@pytest.mark.parametrize(
    ("kind", "seed", "first", "second", "mean"),
    [
        ("white", 1, (94, 107, 101), (96, 105, 99), 101.828),
        ("white", 42, (110, 104, 102), (110, 94, 110), 101.832),
        ("perlin", 1, (95, 105, 101), (99, 103, 100), 101.768),
        ("perlin", 42, (110, 103, 102), (108, 97, 108), 101.767),
    ],
)
def test_deforum_noise_is_deforums(kind, seed, first, second, mean):
    result = with_noise(gray(512, 512), seed=seed, kind=kind, look="deforum")
    blue_first = result[0, :2, ::-1].astype(int)
    assert np.abs(blue_first - (first, second)).max() <= 1
    assert result.mean() == pytest.approx(mean, abs=0.001)


def test_deforum_draws_are_those_of_a_torch_generator():
    import torch

    generator, source = torch.Generator().manual_seed(2**32 - 5), np.random.RandomState(2**32 - 5)
    count = noise.AT_ONCE + 64  # more than is drawn at once
    normal, uniform = torch.randn(count, generator=generator).numpy(), torch.rand(81, generator=generator).numpy()
    assert np.abs(noise._torch_normal(source, count) - normal).max() < 2e-6
    assert np.array_equal(noise._torch_uniform(source, 81), uniform)


def perlin_by_the_book(turn: np.ndarray, down: float, across: float) -> float:
    """Gradient noise at one place, given in cells."""
    row, column = math.floor(down), math.floor(across)
    total = 0.0
    for i in (row, row + 1):
        for j in (column, column + 1):
            angle = 2 * math.pi * turn[i, j]
            t, s = 1 - abs(down - i), 1 - abs(across - j)
            weight = (6 * t**5 - 15 * t**4 + 10 * t**3) * (6 * s**5 - 15 * s**4 + 10 * s**3)
            total += weight * (math.cos(angle) * (down - i) + math.sin(angle) * (across - j))
    return math.sqrt(2) * total


def test_perlin_by_matrices_is_perlin_by_the_book():
    size, across, down = Size(90, 41), 7.5, 4.25
    grid = noise._perlin_grid(size, across, down, 3, 0.5)
    generator = np.random.default_rng(0)
    turns = [generator.random(lattice, np.float32) for lattice in grid.lattices]
    field = noise._perlin(grid, turns, 0.6)
    for y, x in generator.integers((0, 0), (41, 90), (50, 2)):
        place = (y + 0.5) * down / 41, (x + 0.5) * across / 90
        parts = [0.6**o * perlin_by_the_book(turns[o], place[0] * 2**o, place[1] * 2**o) for o in range(3)]
        assert field[y, x] == pytest.approx(sum(parts), abs=1e-5)


@given(amount=st.floats(0.001, 1), seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
@settings(max_examples=15, deadline=None)
def test_true_noise_moves_no_level_by_more_than_its_amount(amount, seed, kind):
    image = gray(24, 32, 128)
    change = with_noise(image, amount, seed, kind).astype(int) - image
    assert np.abs(change).max() <= 127.5 * amount + 0.501


@pytest.mark.parametrize("kind", KINDS)
def test_true_noise_does_not_drift(kind):
    image = gray(64, 64, 60)
    total = np.zeros(image.shape)
    for seed in range(20):
        total += with_noise(image, 0.1, seed, kind) - 60.0
    assert abs(total.mean() / 20) < 0.05


def test_deforum_noise_fades_to_gray():
    image = gray(64, 64, 20)
    for seed in range(40):
        image = with_noise(image, 0.1, seed, look="deforum")
    assert image.mean() == pytest.approx(127, abs=5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_half_size_preview_shows_the_same_grain(kind):
    large, small = with_noise(gray(512, 512), kind=kind), with_noise(gray(256, 256), kind=kind)
    assert np.array_equal(large[::2, ::2], small)


def test_perlin_strength_comes_in_patches_and_white_does_not():
    def unevenness(kind):
        change = with_noise(gray(512, 512), 0.3, kind=kind, octaves=1) - 100.0
        blocks = change.reshape(16, 32, 16, 96).std(axis=(1, 3))
        return blocks.std() / blocks.mean()

    assert unevenness("white") < 0.05
    assert unevenness("perlin") > 0.2


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_a_function_of_its_seed(kind, look):
    image = gray(64, 64)
    assert np.array_equal(with_noise(image, kind=kind, look=look), with_noise(image, kind=kind, look=look))
    assert not np.array_equal(with_noise(image, kind=kind, look=look), with_noise(image, seed=2, kind=kind, look=look))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "height"), [(100, 70), (1, 1), (129, 64), (700, 16), (20, 200)])
def test_any_size_takes_noise(width, height, kind, look):
    result = with_noise(gray(height, width), 0.2, kind=kind, look=look)
    assert result.shape == (height, width, 3)
    assert result.dtype == np.uint8
    assert (result != 100).any()


@pytest.mark.parametrize("look", LOOKS)
def test_seven_octaves_fit_any_size(look):
    assert with_noise(gray(100, 150), octaves=7, look=look).shape == (100, 150, 3)

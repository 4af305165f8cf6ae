import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from diffusion.sampling.noise import NoiseSeed, SeededNoise, brownian_path, pasted, slerp
from diffusion.sampling.philox import philox_normal, philox_words

SHAPE = (4, 8, 8)


def initial(*seeds, **given):
    return SeededNoise(seeds, SHAPE, **given).initial()


@pytest.mark.parametrize(
    ("seed", "call", "expected"),
    [
        (0, 0, [-0.92466, -0.42534, -2.64385, 0.14518, -0.12087, -0.57973]),
        (1234, 0, [-1.61649, 0.56846, -0.51022, -0.91134]),
        (1234, 1, [0.63308, 1.63582, -0.34586, 1.01955]),
    ],
)
def test_philox_draws_what_an_nvidia_device_draws(seed, call, expected):
    assert philox_normal(seed, call, len(expected)) == pytest.approx(expected, abs=1e-5)


def test_philox_words_are_those_of_its_paper():
    """The known answers published with Random123 for Philox-4x32-10."""
    zero, full = np.zeros(1, np.uint64), np.full(1, 0xFFFFFFFF, np.uint64)
    words = [int(word[0]) for word in philox_words((zero, zero, zero, zero), 0)]
    assert words == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    words = [int(word[0]) for word in philox_words((full, full, full, full), 2**64 - 1)]
    assert words == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_philox_noise_is_normal():
    drawn = philox_normal(3, 0, 100_000)
    assert (abs(drawn.mean()), drawn.std()) == pytest.approx((0, 1), abs=0.01)


def test_seeds_use_all_their_64_bits():
    assert not np.array_equal(philox_normal(1, 0, 8), philox_normal(1 + 2**32, 0, 8))


def test_the_first_draw_of_the_processor_generator_is_the_initial_noise():
    expected = torch.randn(SHAPE, generator=torch.Generator().manual_seed(42))
    assert torch.equal(initial(NoiseSeed(42))[0], expected)


@pytest.mark.parametrize("source", ["cpu", "nv"])
def test_noise_drawn_while_sampling_follows_the_initial_noise(source):
    noise = SeededNoise([NoiseSeed(42)], SHAPE, source=source)
    draws = [noise.initial(), noise.white(2.0, 1.0), noise.white(1.0, 0.5)]
    if source == "cpu":
        generator = torch.Generator().manual_seed(42)
        expected = [torch.randn(SHAPE, generator=generator) for _ in range(3)]
    else:
        expected = [torch.from_numpy(philox_normal(42, call, math.prod(SHAPE))).view(SHAPE) for call in range(3)]
    assert torch.equal(torch.cat(draws), torch.stack(expected))


@pytest.mark.parametrize("source", ["cpu", "nv"])
@pytest.mark.parametrize("kind", ["initial", "white", "brownian"])
def test_a_batch_draws_the_noise_of_its_singles(source, kind):
    seeds = [NoiseSeed(3), NoiseSeed(4, variation_seed=9, variation_strength=0.3), NoiseSeed(5, resized_from=(4, 12))]

    def drawn(chosen):
        noise = SeededNoise(chosen, SHAPE, source=source)
        return noise.initial() if kind == "initial" else getattr(noise, kind)(2.0, 1.0)

    assert torch.equal(drawn(seeds), torch.cat([drawn([seed]) for seed in seeds]))


def test_slerp_of_unit_vectors_turns_by_its_share():
    low, high = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [1.0]]])
    assert slerp(0.3, low, high).flatten().tolist() == pytest.approx([0.8910, 0.4540], abs=1e-4)


def test_slerp_goes_from_one_noise_to_the_other():
    low, high = initial(NoiseSeed(1))[0], initial(NoiseSeed(2))[0]
    assert torch.allclose(slerp(0.0, low, high), low, atol=1e-5)
    assert torch.allclose(slerp(1.0, low, high), high, atol=1e-5)


def test_slerp_of_equal_noise_is_that_noise():
    low = initial(NoiseSeed(1))[0]
    assert torch.allclose(slerp(0.4, low, low), low)


def test_variation_strength_one_is_the_other_seed():
    assert torch.allclose(initial(NoiseSeed(1, 2, 1.0)), initial(NoiseSeed(2)), atol=1e-5)


def test_variation_changes_the_initial_noise_alone():
    plain, varied = (SeededNoise([seed], SHAPE) for seed in (NoiseSeed(1), NoiseSeed(1, 2, 0.5)))
    assert not torch.equal(plain.initial(), varied.initial())
    assert torch.equal(plain.white(2.0, 1.0), varied.white(2.0, 1.0))


def test_the_seed_delta_changes_the_noise_drawn_while_sampling_alone():
    plain, moved = (SeededNoise([seed], SHAPE) for seed in (NoiseSeed(1), NoiseSeed(1, sampling_delta=31337)))
    assert torch.equal(plain.initial(), moved.initial())
    expected = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1 + 31337))
    assert torch.equal(moved.white(2.0, 1.0)[0], expected)


def test_seed_resize_pastes_the_smaller_noise_over_the_middle():
    noise = SeededNoise([NoiseSeed(1, resized_from=(4, 6))], SHAPE).initial()[0]
    own = torch.randn((4, 4, 6), generator=torch.Generator().manual_seed(1))
    assert torch.equal(noise[:, 2:6, 1:7], own)
    assert torch.equal(noise[:, :2], initial(NoiseSeed(1))[0][:, :2])


def test_seed_resize_from_larger_takes_the_middle():
    large = torch.arange(4 * 12 * 8.0).view(4, 12, 8)
    assert torch.equal(pasted(large, torch.zeros(SHAPE)), large[:, 2:10])


def test_brownian_noise_depends_on_the_interval_alone():
    one, other = (brownian_path(7, SHAPE) for _ in range(2))
    for sigma, following in ((9.0, 4.0), (4.0, 1.0)):
        other(sigma, following)
    assert torch.equal(one(3.0, 0.7), other(3.0, 0.7))


def test_brownian_increments_add_up():
    path, levels = brownian_path(7, SHAPE), [8.0, 3.0, 1.1, 0.2]
    whole = path(8.0, 0.2) * math.sqrt(math.log(8.0 / 0.2))
    parts = [path(a, b) * math.sqrt(math.log(a / b)) for a, b in pairwise(levels)]
    assert torch.allclose(sum(parts), whole, atol=1e-5)


@pytest.mark.parametrize(("sigma", "following"), [(14.6, 0.03), (1.0, 0.9), (1.0, 0.99), (3.0, 2.0)])
def test_brownian_noise_has_unit_variance(sigma, following):
    drawn = brownian_path(11, (4, 64, 64))(sigma, following)
    assert (abs(float(drawn.mean())), float(drawn.std())) == pytest.approx((0, 1), abs=0.03)


def test_brownian_noise_of_separate_intervals_is_independent():
    path = brownian_path(11, (4, 64, 64))
    assert abs(float((path(2.0, 1.5) * path(1.5, 1.0)).mean())) < 0.03

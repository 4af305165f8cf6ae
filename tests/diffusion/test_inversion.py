from itertools import pairwise

import pytest
import torch

from diffusion.inversion import fitted
from tests.diffusion.backends.test_stills import difference, drawn, request, scene

SHAPE = (2, 4, 3, 5)
NOISE, CLEAN = (torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def wiener(variance):
    """The best guess at latents of that variance."""
    return lambda x, sigma: x * variance / (variance + sigma**2)


def test_a_model_that_loses_nothing_leaves_the_noise():
    assert torch.equal(fitted(NOISE, CLEAN, 2.0, lambda x, sigma: CLEAN, [3, 3]), NOISE)


def test_no_pass_asks_nothing():
    assert fitted(NOISE, CLEAN, 2.0, lambda x, sigma: pytest.fail("was asked"), [0, 0]) is NOISE


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_every_pass_brings_the_model_nearer_to_the_picture(sigma):
    denoise = wiener(3.0)
    lost = []
    for passes in range(6):
        noise = fitted(NOISE, CLEAN, sigma, denoise, [passes, passes])
        lost.append(float((denoise(CLEAN + sigma * noise, sigma) - CLEAN).square().mean()))
    rate = (sigma**2 / (3 + sigma**2)) ** 2  # of the way left that is left after a pass
    assert all(after == pytest.approx(before * rate, rel=1e-2) for before, after in pairwise(lost))


def test_a_part_of_a_pass_goes_a_part_of_its_way():
    none, half, one = (fitted(NOISE, CLEAN, 1.0, wiener(1.0), [passes, 0]) for passes in (0, 0.5, 1))
    torch.testing.assert_close(half, (none + one) / 2)
    whole, more, two = (fitted(NOISE, CLEAN, 1.0, wiener(1.0), [passes, 0]) for passes in (1, 1.25, 2))
    torch.testing.assert_close(more, whole + (two - whole) / 4)


def test_pictures_of_a_batch_have_passes_of_their_own():
    both = fitted(NOISE, CLEAN, 1.0, wiener(1.0), [2, 0])
    torch.testing.assert_close(both[:1], fitted(NOISE[:1], CLEAN[:1], 1.0, wiener(1.0), [2]))
    torch.testing.assert_close(both[1:], NOISE[1:])


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M", "DDIM CFG++", "UniPC"])
def test_what_is_drawn_over_keeps_more_of_the_picture(sampler):
    init = scene(64, 64)
    apart = [
        difference(drawn(request(size=(64, 64), init=init, sampler=sampler, denoise=0.6, inversion=n))[0], init).mean()
        for n in (0, 1, 3)
    ]
    assert apart[0] > apart[1] > apart[2]


def test_a_batch_gives_the_pictures_of_its_singles():
    asked = [request(init=scene(32, 32), denoise=0.6, seed=seed, inversion=n) for seed, n in ((1, 0), (2, 1), (3, 1.5))]
    for together, alone in zip(drawn(*asked), [drawn(one)[0] for one in asked], strict=True):
        assert difference(together, alone).max() <= 1


def test_inversion_is_of_image_to_image():
    plain, inverted = drawn(request(), request(inversion=2))
    assert difference(plain, inverted).max() == 0

"""Noise of clips, and words on their way: laws."""

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.image import Size
from diffusion.clips.memory import GIGABYTE, Needs, check
from diffusion.clips.noise import ClipNoise, low_frequencies, refined, rescheduled
from diffusion.clips.order import FreeInit, held
from diffusion.clips.words import travelled
from diffusion.sampling.noise import NoiseSeed, SeededNoise

SHAPE = (4, 32, 32)
SEEDS = [NoiseSeed(seed) for seed in range(6)]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_frames_share_what_they_should_and_keep_their_variance(share):
    noise = ClipNoise(SEEDS, SHAPE, 7, share, "cpu").initial()
    assert abs(float(noise.std()) - 1) < 0.02
    assert float((noise[0] * noise[5]).mean()) == pytest.approx(share, abs=0.05)


def test_without_sharing_every_frame_has_the_noise_of_its_seed():
    assert torch.equal(ClipNoise(SEEDS, SHAPE, 7, 0.0, "cpu").initial(), SeededNoise(SEEDS, SHAPE).initial())


def test_rescheduled_noise_is_that_of_the_first_window_in_another_order():
    noise = torch.randn(40, 1, 2, 2)
    found = rescheduled(noise, 16, 4, seed=1)
    assert torch.equal(found[:16], noise[:16]) and torch.equal(found, rescheduled(noise, 16, 4, seed=1))
    first = {tuple(one.flatten().tolist()) for one in noise[:16]}
    assert {tuple(one.flatten().tolist()) for one in found} == first
    assert len({tuple(one.flatten().tolist()) for one in found[16:28]}) == 12


@pytest.mark.parametrize("length", [8, 16, 20, 33, 40, 48, 100])
def test_noise_rescheduled_round_a_ring_comes_back_late_over_the_seam_too(length):
    places = rescheduled(torch.arange(length).float().view(-1, 1, 1, 1), 16, 8, seed=1, closed=True).flatten().tolist()
    apart = [
        min(other - one, length - other + one)
        for one in range(length)
        for other in range(one + 1, length)
        if places[one] == places[other]
    ]
    assert min(apart, default=length) >= 8 and (len(set(places)) < length) == (length >= 32)


@pytest.mark.parametrize("kind", ["butterworth", "gaussian", "ideal", "box"])
def test_low_frequencies_are_kept_and_high_ones_are_not(kind):
    kept = low_frequencies((16, 8, 8), FreeInit(filter=kind))
    assert kept[0, 0, 0] == 1 and kept[8, 4, 4] < 0.01 and kept[0, 4, 4] < 0.01 and kept[8, 0, 0] < 0.01


def test_refined_noise_keeps_its_variance_and_the_slow_part_of_the_clip():
    rules = FreeInit(space=0.5, time=0.5)
    noise, fresh, clean = (torch.randn(16, 4, 16, 16) for _ in range(3))
    found = refined(clean, noise, fresh, 0.005, rules)
    assert abs(float(found.std()) - 1) < 0.05
    assert float((found.mean((0, 2, 3)) - (0.005**0.5 * clean + 0.995**0.5 * noise).mean((0, 2, 3))).abs().max()) < 1e-5


@pytest.mark.parametrize("way", ["linear", "slerp"])
def test_the_ends_of_a_way_are_the_texts(way):
    one, other = torch.randn(1, 5, 8), torch.randn(1, 5, 8)
    for share, end in ((0.0, one), (1.0, other)):
        assert torch.allclose(travelled([(one, 1 - share), (other, share)], way), end, atol=1e-5)


def test_slerp_keeps_the_length_where_linear_shrinks():
    one, other = torch.randn(1, 5, 800), torch.randn(1, 5, 800)
    middle = {way: float(travelled([(one, 0.5), (other, 0.5)], way).norm()) for way in ("linear", "slerp")}
    assert middle["linear"] < 0.8 * float(one.norm()) < middle["slerp"]


@pytest.mark.parametrize(("hold", "gone", "over"), [(0, 0.25, 0.25), (0.5, 0.25, 0), (0.5, 0.75, 0.5), (1, 0.9, 0)])
def test_a_prompt_is_held_for_its_share_of_the_way(hold, gone, over):
    found = dict(held((("a", 1 - gone), ("b", gone)), hold))
    assert found.get("b", 0) == pytest.approx(over) and sum(found.values()) == pytest.approx(1)


def test_memory_that_will_not_do_is_told_with_what_would():
    needs = Needs(32, 16, 4, Size(512, 512), 8, 4, 320, 128, 2)
    check(needs, 100 * GIGABYTE)
    with pytest.raises(UserError, match=r"clip\.together to"):
        check(needs, needs.total - 1)
    with pytest.raises(UserError, match=r"A size of \d+x\d+ fits"):
        check(needs, GIGABYTE)
    with pytest.raises(UserError, match="are free"):
        check(needs, 1)


def test_a_longer_clip_takes_hardly_more():
    short, long = (Needs(n, 16, 1, Size(512, 512), 8, 4, 320, 128, 2).total for n in (32, 256))
    assert np.divide(long, short) < 1.3

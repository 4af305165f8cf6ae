from dataclasses import dataclass, field

import pytest
import torch

from diffusion.prompt.conditioning import Conditioning, Embedding
from diffusion.sampling.denoiser import Denoiser
from diffusion.sampling.guidance import Guidance, GuidanceOptions, rescaled
from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import SAMPLERS, resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.plan import sampler_plan
from tests.diffusion.sampling.toys import SD1, plan_of, toy_noise

SHAPE = (4, 16, 16)


@dataclass
class ToyUNet:
    """Predicts noise that depends on latents, text and row alone, and remembers what it was asked."""

    asked: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, latents, timesteps, context, pooled, rows):
        self.asked.append(tuple(row.image for row in rows))
        means = context.mean((1, 2)) if pooled is None else context.mean((1, 2)) + pooled.mean(1)
        return toy_noise(latents, float(timesteps[0])) + means.view(-1, 1, 1, 1)


def embedding(level, tokens=4, *, pooled=False):
    return Embedding(torch.full((1, tokens, 8), level), torch.full((1, 6), level) if pooled else None)


def held(positive, negative):
    """Conditioning that stays the same over all steps."""
    return Conditioning((tuple(positive),), (negative,))


def plain(level=0.5):
    return held([(embedding(level), 1.0)], embedding(-0.25))


def guidance(conditionings, cfgs, *, sampler="Euler", options=None):
    unet = ToyUNet()
    plan = plan_of(sampler, [4.0, 2.0, 1.0, 0.0])
    return Guidance(Denoiser(unet, SD1), plan, conditionings, cfgs, options), unet


def estimate(level, x, sigma):
    """What the toy denoiser says for one text alone."""
    return guidance([plain(level)], [1.0])[0](x, sigma)


X = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(2)) * 2


def test_guidance_goes_from_the_negative_through_the_positive():
    negative, positive = estimate(-0.25, X, 2.0), estimate(0.5, X, 2.0)
    guided = guidance([plain()], [7.0])[0](X, 2.0)
    assert torch.allclose(guided, negative + 7 * (positive - negative), atol=1e-5)


def test_composed_prompts_add_up_by_weight():
    parts = [(embedding(0.5), 0.8), (embedding(1.0), -0.3), (embedding(0.1, tokens=8), 0.4)]
    negative = estimate(-0.25, X, 2.0)
    expected = negative + sum(5 * w * (estimate(float(e.context[0, 0, 0]), X, 2.0) - negative) for e, w in parts)
    guided = guidance([held(parts, embedding(-0.25))], [5.0])[0](X, 2.0)
    assert torch.allclose(guided, expected, atol=1e-5)


def test_prompt_and_negative_share_one_call_where_token_counts_agree():
    denoise, unet = guidance([plain(), plain(0.2)], [7.0, 5.0])
    denoise(X.repeat(2, 1, 1, 1), 2.0)
    assert unet.asked == [(0, 1, 0, 1)]


def test_each_token_count_gets_one_call():
    longer = held([(embedding(0.5, tokens=8), 1.0)], embedding(-0.25))
    denoise, unet = guidance([plain(), longer], [7.0, 7.0])
    denoise(X.repeat(2, 1, 1, 1), 2.0)
    assert unet.asked == [(0, 0, 1), (1,)]


def test_the_negative_is_not_computed_at_cfg_one():
    denoise, unet = guidance([plain(), plain(), plain()], [1.0, 7.0, 1.0])
    denoise(X.repeat(3, 1, 1, 1), 2.0)
    assert unet.asked == [(0, 1, 2, 1)]


def test_the_negative_is_computed_at_cfg_one_where_weights_do_not_add_to_one():
    denoise, unet = guidance([held([(embedding(0.5), 0.5)], embedding(-0.25))], [1.0])
    denoise(X, 2.0)
    assert unet.asked == [(0, 0)]


def test_both_tells_the_negative_alone_even_at_cfg_one():
    guided, negative = guidance([plain()], [1.0])[0].both(X, 2.0)
    assert torch.equal(guided, estimate(0.5, X, 2.0))
    assert torch.equal(negative, estimate(-0.25, X, 2.0))


def test_each_call_takes_the_next_entry_and_stays_at_the_last():
    levels = [0.1, 0.2, 0.3]
    texts = Conditioning(tuple(((embedding(level), 1.0),) for level in levels), (embedding(0.0),) * 3)
    denoise, _ = guidance([texts], [1.0])
    for level in [0.1, 0.2, 0.3, 0.3, 0.3]:
        assert torch.equal(denoise(X, 2.0), estimate(level, X, 2.0))


def test_pooled_embeddings_reach_the_unet():
    with_pooled = held([(embedding(0.25, pooled=True), 1.0)], embedding(0.0, pooled=True))
    assert torch.allclose(guidance([with_pooled], [1.0])[0](X, 2.0), estimate(0.5, X, 2.0))


def test_skip_below_leaves_every_second_negative_out_under_its_level():
    denoise, unet = guidance([plain()], [7.0], options=GuidanceOptions(skip_below=1.5))
    for sigma in (4.0, 3.0, 1.4, 1.0, 0.5):
        denoise(X, sigma)
    assert [len(rows) for rows in unet.asked] == [2, 2, 2, 1, 2]


def test_skip_early_leaves_the_first_negatives_out():
    denoise, unet = guidance([plain()], [7.0], options=GuidanceOptions(skip_early=0.4))
    for _ in range(3):
        denoise(X, 2.0)
    assert [len(rows) for rows in unet.asked] == [1, 1, 2]


def test_a_skipped_negative_gives_the_prompt_alone():
    denoise, _ = guidance([plain()], [7.0], options=GuidanceOptions(skip_early=0.4))
    assert torch.equal(denoise(X, 2.0), estimate(0.5, X, 2.0))


def test_full_rescale_gives_the_deviation_of_the_prompt_alone():
    guided, positive = X * 3 + 1, X.flip(0) * 0.7
    assert float(rescaled(guided, positive, 1.0).std()) == pytest.approx(float(positive.std()), rel=1e-5)


def test_rescale_zero_changes_nothing():
    assert torch.equal(rescaled(X, X * 2, 0.0), X)


def test_cfgpp_counts_guidance_as_its_twelve_and_a_halfth():
    factor = SAMPLERS["DDIM CFG++"].cfg_factor
    denoise, _ = guidance([plain()], [5.0], sampler="DDIM CFG++")
    assert torch.equal(denoise.both(X, 2.0)[0], guidance([plain()], [5.0 * factor])[0](X, 2.0))


VARIED = [
    (plain(), 7.0),
    (held([(embedding(0.5), 0.7), (embedding(0.9, tokens=8), -0.3)], embedding(-0.1, tokens=12)), 5.0),
    (plain(0.3), 1.0),
    (Conditioning(tuple(((embedding(level), 1.0),) for level in (0.1, 0.9)), (embedding(0.0),) * 2), 3.5),
]


@pytest.mark.parametrize("sampler", [name for name, sampler in SAMPLERS.items() if sampler.fits_batch])
def test_a_batch_gives_the_pictures_of_its_singles_bit_for_bit(sampler):
    plan = sampler_plan(resolve(sampler), 4, SD1, denoise=0.8)
    inits = torch.linspace(-1, 1, len(VARIED)).view(-1, 1, 1, 1).expand(-1, *SHAPE)

    def pictures(images):
        chosen = [VARIED[image] for image in images]
        noise = SeededNoise([NoiseSeed(10 + image) for image in images], SHAPE)
        denoise = Guidance(Denoiser(ToyUNet(), SD1), plan, *zip(*chosen, strict=True))
        return sample(denoise, start(plan, noise.initial(), inits[images]), plan, noise)

    together = pictures([0, 1, 2, 3])
    assert torch.equal(together, torch.cat([pictures([image]) for image in range(4)]))

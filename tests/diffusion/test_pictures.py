from dataclasses import replace

import numpy as np
import pytest
import torch

from core.devices import ModelPool
from core.errors import UnknownName, UserError
from core.image import Size, to_image
from diffusion.drifting import drift_of
from diffusion.kit import Kit
from diffusion.models.load import load_model
from diffusion.pictures import Studio
from diffusion.request import DrawingRules, Hires, ImageRequest, Inpaint, NoiseDrift, Refiner, Regard, Sampling
from diffusion.sampling.names import SAMPLERS
from tests.diffusion.models.toy import toy_pipeline, toy_refiner, toy_unet

POOL = ModelPool()
CELL = 16  # pixels of mini's latent cells
SIGHT = 64  # pixels that its decoder looks beyond a cell, and less


@pytest.fixture(scope="module")
def mini():
    return load_model("mini", POOL)


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """A folder each of two models of one family with other weights, and one for inpainting."""
    home = tmp_path_factory.mktemp("toys")
    pipeline = toy_pipeline("sd1")
    pipeline.save_pretrained(home / "base")
    torch.manual_seed(99)
    pipeline.unet = toy_unet("sd1")
    pipeline.save_pretrained(home / "other")
    return home


def scene(width=64, height=64):
    y, x = np.mgrid[0:height, 0:width] / 64
    return to_image(np.stack([0.9 - 0.6 * y, 0.3 + 0.5 * x, 0.4 + 0.2 * np.sin(3 * x + y)], axis=-1).astype(np.float32))


def request(size=(64, 64), seed=1, sampler="Euler", prompt="sunset over the ocean", **changes):
    sampling = Sampling(**{"steps": 4, "cfg": 3, **changes.pop("sampling", {})})
    return ImageRequest(((prompt, 1.0),), "", Size(*size), seed, sampler, sampling, **changes)


def drawn(model, *requests, load=None):
    return Studio(model, load).pictures(requests)


def left_half(width=64, height=64):
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 2] = 1
    return mask


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M SDE", "DDIM", "DDIM CFG++", "UniPC", "LCM"])
def test_what_a_mask_keeps_is_the_picture_as_the_autoencoder_gives_it(mini, sampler):
    init, mask = scene(160, 32), left_half(160, 32)
    (picture,) = drawn(
        mini, request((160, 32), sampler=sampler, init=init, sampling={"denoise": 0.9}, inpaint=Inpaint(mask))
    )
    latent = Kit(mini).encoded(init, Size(160, 32))
    decoded = mini.autoencoder.decode(latent)[0].permute(1, 2, 0).add(1).div(2).detach().numpy()
    error = np.abs(picture - decoded)
    assert error[:, 80 + SIGHT :].max() < 0.002  # half a level
    assert error[:, : 80 - CELL].mean() > 0.02


@pytest.mark.parametrize("content", ["original", "latent noise", "latent nothing"])
def test_masked_content_is_what_the_sampler_starts_from(mini, content):
    """At a very low strength the start shines through."""
    init, mask = scene(), left_half()
    one = request(init=init, sampling={"denoise": 0.01, "cfg": 1}, inpaint=Inpaint(mask, content))
    (picture,) = drawn(mini, one)
    error = np.abs(picture - init / 255)[:, : 32 - CELL // 2].mean()
    assert error < 0.06 if content == "original" else error > 0.08


def test_a_soft_mask_repaints_by_shares_and_a_hard_one_by_cells(mini):
    mask = np.full((64, 64), 0.4, np.float32)
    base = request(init=scene(), sampling={"denoise": 0.9})
    hard, soft, kept, whole = drawn(
        mini,
        replace(base, inpaint=Inpaint(mask)),
        replace(base, inpaint=Inpaint(mask, is_soft=True)),
        replace(base, inpaint=Inpaint(np.zeros_like(mask))),
        replace(base, inpaint=Inpaint(np.ones_like(mask))),
    )
    assert np.array_equal(hard, kept)
    distance = [np.abs(soft - other).mean() for other in (kept, whole)]
    assert distance[0] < np.abs(whole - kept).mean()
    assert min(distance) > 0.01


def test_a_mask_over_everything_is_plain_image_to_image(mini):
    plain = request(init=scene(), sampling={"denoise": 0.7})
    masked = replace(plain, inpaint=Inpaint(np.ones((64, 64), np.float32)))
    a, b = drawn(mini, plain, masked)
    assert np.allclose(a, b, atol=1e-5)


def halves(left: float, right: float, side: int = 64) -> np.ndarray:
    mask = np.full((side, side), left, np.float32)
    mask[:, side // 2 :] = right
    return mask


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM", "UniPC"])
def test_a_gradual_mask_gives_each_part_its_own_strength(mini, sampler):
    base = request(init=scene(), sampler=sampler, sampling={"denoise": 0.8, "steps": 12})
    pictures = drawn(
        mini,
        replace(base, inpaint=Inpaint(halves(0, 0), is_gradual=True)),
        replace(base, inpaint=Inpaint(halves(0.3, 1), is_gradual=True)),
        replace(base, inpaint=Inpaint(halves(1, 1), is_gradual=True)),
        base,
    )
    kept, mixed, all_of_it, plain = pictures
    assert np.allclose(all_of_it, plain, atol=1e-5)
    left, right = (np.abs(mixed - kept)[:, part].mean() for part in (slice(0, 16), slice(48, 64)))
    assert 0 < left < 0.85 * right


def test_a_gradual_share_counts_as_so_much_less_denoising(mini):
    base = request(init=scene(), sampling={"denoise": 0.8, "steps": 20})
    changes = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        (picture,) = drawn(mini, replace(base, inpaint=Inpaint(halves(share, share), is_gradual=True)))
        changes.append(picture)
    distances = [np.abs(changes[0] - other).mean() for other in changes]
    assert distances == sorted(distances)


def test_a_picture_takes_the_looks_of_those_it_regards(mini):
    orange, blue = (np.full((64, 64, 3), colour, np.uint8) for colour in ((230, 120, 20), (20, 60, 220)))
    base = request(prompt="", sampling={"steps": 6, "cfg": 1})
    warm, cold = (drawn(mini, replace(base, regard=Regard((image, image))))[0].mean((0, 1)) for image in (orange, blue))
    assert warm[0] - warm[2] > cold[0] - cold[2] + 0.02


def test_a_picture_is_the_same_whatever_others_of_its_batch_regard(mini):
    base = request(sampling={"steps": 3})
    looks = [replace(base, seed=n, regard=Regard((scene(), scene()[:, ::-1].copy()), 0.5 + n / 4)) for n in (0, 1)]
    together = drawn(mini, *looks, base)
    alone = [drawn(mini, look)[0] for look in (*looks, base)]
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(together, alone, strict=True))
    assert np.abs(alone[0] - drawn(mini, replace(looks[0], regard=None))[0]).mean() > 0.002


def test_a_faint_regard_is_nearly_none(mini):
    base = request(sampling={"steps": 3})
    plain, faint, full = drawn(
        mini, base, replace(base, regard=Regard((scene(),), 1e-30)), replace(base, regard=Regard((scene(),)))
    )
    assert np.abs(plain - faint).mean() < 0.05 * np.abs(plain - full).mean()
    with pytest.raises(UserError, match="regard of 2"):
        drawn(mini, replace(base, regard=Regard((scene(),), 2)))


def shifted(pixels: float, fresh: float = 0, seed: int = 9) -> NoiseDrift:
    flow = np.zeros((64, 64, 2), np.float32)
    flow[..., 0] = pixels
    return NoiseDrift(flow, np.full((64, 64), fresh, np.float32), seed)


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M SDE"])
def test_noise_that_drifts_nowhere_is_the_seeds_and_fresh_noise_that_of_its_own_seed(mini, sampler):
    base = request(sampler=sampler)
    plain, still, fresh, other = drawn(
        mini, base, replace(base, drift=shifted(0)), replace(base, drift=shifted(0, fresh=1)), replace(base, seed=9)
    )
    assert np.allclose(plain, still, atol=1e-5)
    assert np.abs(fresh - other).mean() < 0.2 * np.abs(plain - other).mean()


def test_noise_drifts_by_whole_cells_and_keeps_its_spread(mini):
    kit = Kit(mini)
    drift = drift_of(request(drift=shifted(-16)), kit)
    noise = torch.randn(16, 4, 4, generator=torch.Generator().manual_seed(0))
    moved = drift.moved(noise, torch.zeros_like(noise))
    assert moved.std() == pytest.approx(float(noise.std()), rel=1e-5)
    ratio = moved[:, :, 1:] / noise[:, :, :-1]
    assert torch.allclose(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-4)


def test_masks_without_a_picture_or_of_another_size_are_refused(mini):
    with pytest.raises(UserError, match="no picture"):
        drawn(mini, request(inpaint=Inpaint(left_half())))
    with pytest.raises(UserError, match="32x32"):
        drawn(mini, request(init=scene(), inpaint=Inpaint(left_half(32, 32))))


def test_an_inpainting_checkpoint_sees_the_mask_and_the_picture_without_it(toys):
    base = load_model(str(toys / "base"), ModelPool())
    wide = toy_unet("sd1")
    wide.conv_in = torch.nn.Conv2d(9, 16, 3, padding=1)
    wide.register_to_config(in_channels=9)
    model = replace(base, unet=wide)
    seen = []
    wide.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].clone()))
    init, mask = scene(16, 16), left_half(16, 16)
    drawn(
        model,
        request((16, 16), init=init, inpaint=Inpaint(mask), sampling={"steps": 1, "denoise": 1}),
        request((16, 16), sampling={"steps": 1}),
    )
    masked, plain = seen
    kit = Kit(model)
    hidden = np.where(mask[..., None] > 0, 128, init).astype(np.uint8)
    assert masked.shape[1] == 9
    assert masked[0, 4].tolist() == [[1.0] * 4 + [0.0] * 4] * 8
    assert torch.allclose(masked[0, 5:], kit.encoded(hidden, Size(16, 16))[0], atol=1e-5)
    assert plain[0, 4].min() == 1
    grey = kit.encoded(np.full((16, 16, 3), 128, np.uint8), Size(16, 16))
    assert torch.allclose(plain[0, 5:], grey[0], atol=1e-5)


def test_a_picture_of_another_size_is_resized_as_a_latent(mini):
    large = scene(128, 128)
    (picture,) = drawn(mini, request(init=large, sampling={"denoise": 0.0}))
    assert picture.shape == (64, 64, 3)
    assert np.abs(picture - large[::2, ::2] / 255).mean() < 0.1


def test_a_batch_gives_the_pictures_of_its_singles_whatever_is_set(mini):
    rules = DrawingRules(noise="nv")
    numbers = {"variation_strength": 0.3, "variation_seed": 5, "seed_width": 32, "seed_height": 48, "seed_delta": 31337}
    batch = [request(seed=seed, sampler="Euler a", rules=rules, sampling=numbers) for seed in (3, 4, 9)]
    together = drawn(mini, *batch)
    for one, picture in zip(batch, together, strict=True):
        assert np.abs(drawn(mini, one)[0] - picture).max() < 1e-4


@pytest.mark.parametrize(
    ("sampler", "numbers"),
    [
        ("Euler", {"cfg_rescale": 0.7}),
        ("Euler", {"skip_negative_below": 10}),
        ("Euler", {"skip_negative_early": 0.5}),
        ("Euler", {"s_churn": 2}),
        ("Euler a", {"s_noise": 1.1}),
        ("Euler a", {"eta_ancestral": 0.5}),
        ("Euler a", {"seed_delta": 31337}),
        ("DDIM", {"eta_ddim": 0.5}),
        ("DPM++ 2M", {"sigma_min": 0.1}),
        ("DPM++ 2M", {"sigma_max": 10}),
        ("DPM++ 2M", {"rho": 5}),
        ("Euler", {"variation_strength": 0.4}),
        ("Euler", {"seed_width": 32, "seed_height": 32}),
    ],
)
def test_every_number_has_an_effect(mini, sampler, numbers):
    plain, changed = drawn(mini, request(sampler=sampler), request(sampler=sampler, sampling=numbers))
    assert np.abs(plain - changed).max() > 1e-3


def test_churn_acts_between_its_levels_only(mini):
    plain, outside = drawn(
        mini,
        request(),
        request(sampling={"s_churn": 2, "s_tmin": 100}),
    )
    assert np.array_equal(plain, outside)


@pytest.mark.parametrize(
    "rules",
    [
        {"noise": "nv"},
        {"emphasis": "ignore"},
        {"tiling": True},
        {"drop_penultimate": True},
        {"full_variance": True},
        {"whole_timesteps": True},
    ],
)
def test_every_rule_has_an_effect(mini, rules):
    one = request(prompt="(sunset:1.4) over the ocean", sampling={"steps": 3})
    plain, changed = drawn(mini, one, replace(one, rules=DrawingRules(**rules)))
    assert np.abs(plain - changed).max() > 1e-4


def test_the_exact_rule_runs_as_many_steps_as_it_says(mini):
    calls = []
    handle = mini.unet.register_forward_pre_hook(lambda *_: calls.append(1))
    one = request(init=scene(), sampling={"steps": 6, "denoise": 0.5})
    drawn(mini, one)
    web_ui = len(calls)
    drawn(mini, replace(one, rules=DrawingRules(img2img_steps="exact")))
    handle.remove()
    assert (web_ui, len(calls) - web_ui) == (4, 6)


def test_a_refiner_draws_the_end_and_keeps_the_samplers_history(toys):
    pool = ModelPool()
    load = lambda name: load_model(name, pool)  # noqa: E731
    base, other = str(toys / "base"), str(toys / "other")
    calls = {name: [] for name in (base, other)}
    for name in (base, other):
        load(name).unet.register_forward_pre_hook(lambda _m, inputs, name=name: calls[name].append(float(inputs[1][0])))
    one = request((16, 16), sampler="DPM++ 2M", sampling={"steps": 10})
    refined = replace(one, refiner=Refiner(other, 0.5))
    plain, mixed = (drawn(load(base), each, load=load)[0] for each in (one, refined))
    steps = calls[base][10:] + calls[other]
    assert steps == calls[base][:10], "the same levels, one after the other"
    assert all((999 - t) / 1000 < 0.5 for t in calls[base][10:])
    assert all((999 - t) / 1000 >= 0.5 for t in calls[other])
    assert not np.allclose(plain, mixed)


def test_a_refiner_with_the_same_weights_changes_nothing(toys):
    model = load_model(str(toys / "base"), POOL)
    one = request((16, 16), sampler="DPM++ 2M", prompt="[cat:dog:0.6] park", sampling={"steps": 8})
    plain, refined = drawn(model, one, replace(one, refiner=Refiner("same", 0.4)), load=lambda _: model)
    assert np.array_equal(plain, refined)


def test_an_sdxl_refiner_is_told_sizes_and_a_score(tmp_path):
    toy_pipeline("sdxl").save_pretrained(tmp_path / "base")
    toy_refiner().save_pretrained(tmp_path / "refiner")
    models = {name: load_model(str(tmp_path / name), POOL) for name in ("base", "refiner")}
    told = []
    models["refiner"].unet.register_forward_pre_hook(
        lambda _m, _inputs, named: told.append(named["added_cond_kwargs"]["time_ids"].tolist()), with_kwargs=True
    )
    (picture,) = drawn(
        models["base"], request((16, 18), refiner=Refiner("refiner", 0.5)), load=lambda name: models[name]
    )
    assert np.isfinite(picture).all()
    assert told[0] == [[18, 16, 0, 0, 6.0], [18, 16, 0, 0, 2.5]]


def test_a_refiner_of_other_latents_is_refused(toys, mini):
    with pytest.raises(UserError, match="latents differ"):
        drawn(load_model(str(toys / "base"), POOL), request((16, 16), refiner=Refiner("mini")), load=lambda _: mini)


@pytest.mark.parametrize("upscaler", ["Latent", "Latent (nearest-exact)", "Lanczos"])
def test_a_second_pass_enlarges_what_the_first_drew(mini, upscaler):
    one = request(hires=Hires(scale=1.5, denoise=0.0, upscaler=upscaler))
    first, second = drawn(mini, replace(one, hires=None), one)
    assert second.shape == (96, 96, 3)
    shrunk = second.reshape(48, 2, 48, 2, 3).mean((1, 3))
    reference = first[np.ix_((np.arange(48) * 4) // 3, (np.arange(48) * 4) // 3)]
    assert np.corrcoef(shrunk.ravel(), reference.ravel())[0, 1] > 0.8


def test_a_second_pass_crops_to_the_size_asked_for(mini):
    (picture,) = drawn(mini, request(hires=Hires(width=96, height=64, denoise=0.3)))
    assert picture.shape == (64, 96, 3)


def test_an_unknown_upscaler_lists_the_known_ones(mini):
    with pytest.raises(UnknownName, match="Lanczos"):
        drawn(mini, request(hires=Hires(upscaler="Lancsoz")))


def test_a_tile_has_no_seam(mini):
    """Its edges differ no more than pixels on both sides of a latent cell's border inside do."""
    size, cell = (128, 128), mini.autoencoder.factor
    plain, tile = drawn(
        mini,
        request(size, sampling={"steps": 8}),
        request(size, rules=DrawingRules(tiling=True), sampling={"steps": 8}),
    )

    def seam(picture):
        across = np.abs(picture[:, 0] - picture[:, -1]).mean() + np.abs(picture[0] - picture[-1]).mean()
        columns, rows = np.abs(np.diff(picture, axis=1)), np.abs(np.diff(picture, axis=0))
        return across / (columns[:, cell - 1 :: cell].mean() + rows[cell - 1 :: cell].mean())

    assert seam(tile) < 1.5 < seam(plain) / 1.5
    assert all(layer.padding_mode == "zeros" for layer in mini.unet.modules() if isinstance(layer, torch.nn.Conv2d))


def test_a_tile_of_broken_cells_is_refused(mini):
    with pytest.raises(UserError, match="tile"):
        drawn(mini, request((40, 64), rules=DrawingRules(tiling=True)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws_with_a_mask_and_a_refiner(toys, sampler):
    model = load_model(str(toys / "base"), POOL)
    other = load_model(str(toys / "other"), POOL)
    one = request(
        (16, 16), sampler=sampler, init=scene(16, 16), inpaint=Inpaint(left_half(16, 16)), refiner=Refiner("other", 0.6)
    )
    (picture,) = drawn(model, one, load=lambda _: other)
    assert np.isfinite(picture).all()

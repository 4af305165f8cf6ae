import gc
import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from safetensors.torch import load_file, save_file

from core.devices import ModelPool
from core.errors import BrokenPicture, UnknownName, UserError, WeightsError
from core.image import Size, to_image
from core.weights import EMBEDDED
from diffusion.backends.stills import Options, build
from diffusion.kit import padded
from diffusion.models.load import load_model
from diffusion.pictures import Studio
from diffusion.request import ImageRequest, Sampling
from tests.diffusion.models.toy import FAMILIES, toy_pipeline

POOL = ModelPool()
SCENE = "sunset over the ocean, orange sky"


def request(prompt=SCENE, size=(32, 32), seed=1, sampler="DDIM", init=None, **sampling):
    given = Sampling(**{"steps": 4, "cfg": 3, **sampling})
    return ImageRequest(((prompt, 1.0),), "", Size(*size), seed, sampler, given, init)


def drawn(*requests, model="mini"):
    return build(Options(model), POOL).generate(requests)


def difference(a, b):
    return np.abs(a.astype(int) - b)


def scene(width=64, height=64):
    """A smooth picture, such as a small autoencoder can keep."""
    y, x = np.mgrid[0:height, 0:width] / 64
    return to_image(np.stack([0.9 - 0.6 * y, 0.3 + 0.5 * x, 0.4 + 0.2 * np.sin(3 * x + y)], axis=-1).astype(np.float32))


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Folders of the three families at toy size."""
    home = tmp_path_factory.mktemp("toys")
    for family in FAMILIES:
        toy_pipeline(family).save_pretrained(home / family)
    return home


def stock(kind, model):
    """A stock pipeline made of our components."""
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=model.prediction,
    )
    pipeline = kind(
        vae=model.autoencoder.network,
        text_encoder=model.text[0].encoder,
        tokenizer=model.text[0].tokenizer,
        unet=model.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_text_to_image_equals_the_stock_pipeline_with_the_same_noise():
    model = load_model("mini", POOL)
    factor = model.autoencoder.factor
    noise = torch.randn(
        model.autoencoder.channels, 64 // factor, 96 // factor, generator=torch.Generator().manual_seed(5)
    )
    theirs = stock(StableDiffusionPipeline, model)(
        SCENE, height=64, width=96, num_inference_steps=5, guidance_scale=3, latents=noise[None], output_type="np"
    ).images[0]
    (ours,) = drawn(request(size=(96, 64), seed=5, steps=5))
    assert difference(ours, to_image(theirs)).max() <= 1


@torch.no_grad()
def test_stock_image_to_image_takes_our_autoencoder_and_encodes_as_we_do():
    model, init = load_model("mini", POOL), scene()
    pipeline = stock(StableDiffusionImg2ImgPipeline, model)
    made = pipeline(SCENE, init[None] / 255, strength=0.5, num_inference_steps=4, output_type="np").images[0]
    assert made.shape == (64, 64, 3)
    pixels = VaeImageProcessor().preprocess(init[None] / 255).float()
    theirs = pipeline.vae.encode(pixels).latents * pipeline.vae.config.scaling_factor
    assert torch.allclose(theirs, model.autoencoder.encode(pixels), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_draws_from_text_and_from_a_picture(toys, family):
    whole = toys / family
    first, second = drawn(request(size=(17, 9)), request(size=(17, 9), init=scene(17, 9)), model=str(whole))
    assert first.shape == second.shape == (9, 17, 3)
    assert difference(first, second).mean() > 1


def test_sdxl_is_told_the_size_it_draws(toys):
    model = load_model(str(toys / "sdxl"), ModelPool())
    seen = []
    model.unet.register_forward_pre_hook(
        lambda _module, _inputs, named: seen.append(named["added_cond_kwargs"]["time_ids"][0].tolist()),
        with_kwargs=True,
    )
    Studio(model).pictures([request(size=(17, 9), steps=1)])
    assert seen[0] == [10, 18, 0, 0, 10, 18]


@pytest.mark.parametrize(("denoise", "calls"), [(0.75, 4), (0.5, 3), (1.0, 4), (0.0, 1)])
def test_image_to_image_runs_the_steps_of_the_web_ui(denoise, calls):
    model = load_model("mini", ModelPool())
    seen = []
    model.unet.register_forward_pre_hook(lambda _module, inputs: seen.append(float(inputs[1][0])))
    Studio(model).pictures([request(sampler="Euler", init=scene(32, 32), denoise=denoise)])
    assert len(seen) == calls


def test_a_low_strength_keeps_the_picture_and_a_high_one_leaves_it():
    init = scene()
    kept, half, left = drawn(*(request(size=(64, 64), init=init, denoise=d, sampler="Euler") for d in (0.0, 0.4, 1.0)))
    moved = [difference(picture, init).mean() for picture in (kept, half, left)]
    assert moved[0] < 6
    assert moved[0] < moved[1] < moved[2]


def test_strength_zero_is_the_autoencoder_alone_where_the_sampler_takes_no_step():
    init = scene()
    model = load_model("mini", POOL)
    pixels = torch.from_numpy(init).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        there_and_back = model.autoencoder.decode(model.autoencoder.encode(pixels))[0].permute(1, 2, 0)
    (picture,) = drawn(request(size=(64, 64), init=init, denoise=0.0))
    assert difference(picture, to_image((there_and_back.numpy() + 1) / 2)).max() <= 1


def test_size_off_the_grid_is_drawn_on_a_larger_canvas_and_cut():
    on, off = drawn(request(size=(48, 32)), request(size=(41, 30)))
    assert difference(on[:30, :41], off).max() <= 1


def test_padding_mirrors_the_edge():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    wide = padded(image, Size(8, 4))
    assert np.array_equal(wide[:2, :3], image)
    assert np.array_equal(wide[:2, 3:6], image[:, ::-1])
    assert np.array_equal(wide[2:4, :3], image[::-1])


@pytest.mark.parametrize(
    "change",
    [
        {"noise_multiplier": 1.2},
        {"inversion": 1},
        {"clip_skip": 2},
        {"variation_strength": 0.3, "variation_seed": 9},
        {"cfg": 5},
    ],
)
def test_each_number_of_sampling_changes_the_picture(change):
    plain = request(init=scene(32, 32), denoise=0.6)
    before, after = drawn(plain, replace(plain, sampling=replace(plain.sampling, **change)))
    assert difference(before, after).max() > 3


def test_variation_of_full_strength_is_the_picture_of_the_other_seed():
    varied, other = drawn(request(seed=3, variation_seed=8, variation_strength=1.0), request(seed=8))
    assert difference(varied, other).max() <= 1


def test_equal_prompts_are_encoded_once():
    model = load_model("mini", ModelPool())
    seen = []
    model.text[0].encoder.register_forward_pre_hook(lambda *_: seen.append(1))
    studio = Studio(model)
    for seed in range(3):
        studio.pictures([request(seed=seed, steps=1)])
    assert len(seen) == 2  # the prompt and the empty negative


def test_an_unknown_sampler_is_refused_before_anything_is_drawn():
    with pytest.raises(UnknownName, match="Euler"):
        drawn(request(), request(sampler="Eulr"))


def test_numbers_out_of_range_are_refused():
    for bad in (request(steps=0), request(init=scene(32, 32), denoise=1.5), request(clip_skip=40)):
        with pytest.raises(UserError):
            drawn(bad)


def test_identity_is_told_without_loading_and_of_the_model(toys):
    one, other = build(Options(str(toys / "sd1")), POOL), build(Options("mini"), POOL)
    assert one.identity != other.identity
    with pytest.raises(WeightsError, match="nowhere"):
        _ = build(Options("nowhere"), POOL).identity


def broken_unet(folder, scale):
    """Scales the first layer of a model's UNet."""
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    state["conv_in.weight"] *= scale
    save_file(state, path)


@pytest.fixture
def toy(tmp_path):
    toy_pipeline("sd1").save_pretrained(tmp_path)
    return tmp_path


def test_what_overflows_in_half_precision_is_drawn_again_in_float32(toy, monkeypatch, caplog):
    broken_unet(toy, 5e4)
    exact = build(Options(str(toy)), ModelPool()).generate([request(size=(16, 16))])[0]
    monkeypatch.setattr("diffusion.models.load.chosen_dtype", lambda device: torch.float16)
    half = build(Options(str(toy)), ModelPool()).generate([request(size=(16, 16))])[0]
    assert "drawing it again in float32" in caplog.text
    assert difference(half, exact).max() <= 1


def test_what_is_broken_in_float32_too_stops_with_the_facts(toy):
    broken_unet(toy, 1e38)
    with pytest.raises(BrokenPicture, match=r"seed 7, DDIM, prompt 'sunset over"):
        build(Options(str(toy)), ModelPool()).generate([request(size=(16, 16), seed=7)])


def test_a_constant_picture_stops_unless_it_was_made_from_one(toy):
    state = load_file(toy / "vae" / "diffusion_pytorch_model.safetensors")
    state["decoder.conv_out.weight"] *= 0
    save_file(state, toy / "vae" / "diffusion_pytorch_model.safetensors")
    stills = build(Options(str(toy)), ModelPool())
    black = np.zeros((16, 16, 3), np.uint8)
    assert stills.generate([request(size=(16, 16), init=black)])[0].shape == (16, 16, 3)
    for init in (None, scene(16, 16)):
        with pytest.raises(BrokenPicture, match="NaN, black or constant"):
            stills.generate([request(size=(16, 16), init=init)])


def test_stock_diffusers_loads_the_folder_and_reads_the_same_autoencoder():
    pipeline = StableDiffusionPipeline.from_pretrained(EMBEDDED / "mini")
    model = load_model("mini", POOL)
    assert pipeline.vae_scale_factor == model.autoencoder.factor
    assert math.prod(model.native) == (pipeline.unet.config.sample_size * pipeline.vae_scale_factor) ** 2
    ours = model.autoencoder.network.state_dict()
    assert all(torch.equal(ours[key], tensor.float()) for key, tensor in pipeline.vae.state_dict().items())


def test_another_model_draws_where_a_request_names_it_and_is_let_go_afterwards(toys):
    pool, other = ModelPool(), str(toys / "sd1")
    generator = build(Options("mini"), pool)
    plain = request(size=(16, 16))
    named = replace(plain, model=other)
    first, second = generator.generate([plain, named])
    assert np.array_equal(second, build(Options(other), ModelPool()).generate([plain])[0])
    assert difference(first, second).mean() > 1
    loaded = weakref.ref(load_model(other, pool).unet)
    generator.generate([plain])
    gc.collect()
    assert loaded() is None, "its memory is free"

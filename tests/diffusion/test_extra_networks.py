"""Tags and embeddings act on pictures of the embedded model, and leave the model as it was."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Size
from diffusion.extra_networks import ExtraNetworks
from diffusion.models.load import load_model
from diffusion.pictures import Studio
from diffusion.prompt.language import ExtraNetwork
from diffusion.prompt.named import NamedFiles
from diffusion.request import Hires, ImageRequest, Sampling
from tests.diffusion.models.lora_toys import layers

RANK = 4
SEEN = 0.003  # of 1, far above rounding
SCENE = "sunset over the ocean"
POOL = ModelPool()


def request(prompt=SCENE, *, negative="", mix=None, seed=1):
    return ImageRequest(mix or ((prompt, 1.0),), negative, Size(32, 32), seed, "Euler", Sampling(steps=3, cfg=3))


def lora(network, prefix, seed, size=0.15, ends=("to_q", "to_k", "to_v", "q_proj", "fc1")):
    """A random LoRA of rank 4 under kohya's names."""
    torch.manual_seed(seed)
    state = {}
    for name, module in layers(network, *ends).items():
        stem = prefix + name.replace(".", "_")
        outputs, inputs = module.weight.shape[:2]
        state |= {
            f"{stem}.lora_up.weight": size * torch.randn(outputs, RANK),
            f"{stem}.lora_down.weight": size * torch.randn(RANK, inputs),
            f"{stem}.alpha": torch.tensor(float(RANK)),
        }
    return state


@pytest.fixture(scope="module")
def model():
    return load_model("mini", POOL)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """A models folder with a LoRA for the UNet, one for the text encoder, a hypernetwork and an embedding."""
    home = tmp_path_factory.mktemp("models")
    for name in ("Lora", "hypernetworks", "embeddings"):
        (home / name).mkdir()
    save_file(lora(model.unet, "lora_unet_", 1), home / "Lora" / "ink.safetensors")
    save_file(lora(model.text[0].encoder, "lora_te_", 2), home / "Lora" / "words.safetensors")
    save_file(
        {"lora_unet_alien.lora_up.weight": torch.ones(4, 2), "lora_unet_alien.lora_down.weight": torch.ones(2, 4)},
        home / "Lora" / "alien.safetensors",
    )
    width = model.unet.config.cross_attention_dim
    torch.manual_seed(3)
    state = {
        "linear.0.weight": 0.2 * torch.randn(2 * width, width),
        "linear.0.bias": torch.zeros(2 * width),
        "linear.1.weight": 0.2 * torch.randn(width, 2 * width),
        "linear.1.bias": torch.zeros(width),
    }
    torch.save(
        {width: (state, state), "activation_func": "relu", "activate_output": False}, home / "hypernetworks" / "warm.pt"
    )
    save_file(
        {"emb_params": 5 * torch.randn(2, model.text[0].encoder.config.hidden_size)},
        home / "embeddings" / "qzx.safetensors",
    )
    return home


@pytest.fixture(autouse=True)
def models_folder(folder, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(folder))


@pytest.fixture
def studio(model):
    return Studio(model)


def drawn(studio, *requests):
    return studio.pictures(list(requests))


def parameters(model):
    networks = (model.unet, *(part.encoder for part in model.text))
    return {
        f"{n}.{name}": parameter for n, network in enumerate(networks) for name, parameter in network.named_parameters()
    }


ALL_TAGS = f"{SCENE} qzx <lora:ink:0.8> <lora:words:0.7> <hypernet:warm:0.5>"


def test_after_drawing_not_one_bit_of_the_model_is_another(studio, model):
    before = {name: (parameter, parameter.clone()) for name, parameter in parameters(model).items()}
    (plain,) = drawn(studio, request())
    drawn(studio, request(ALL_TAGS), request(f"{SCENE} <lora:ink:-2>"))
    after = parameters(model)
    assert all(after[name] is parameter and torch.equal(parameter, bits) for name, (parameter, bits) in before.items())
    assert not any(module._forward_pre_hooks for module in model.unet.modules())
    assert np.array_equal(drawn(studio, request())[0], plain)


@pytest.mark.parametrize("tag", ["<lora:ink:1>", "<lyco:ink:1>", "<lora:words:1>", "<hypernet:warm:1>", "qzx"])
def test_each_kind_changes_the_picture(studio, tag):
    plain, changed = drawn(studio, request(), request(f"{SCENE} {tag}"))
    assert np.abs(plain - changed).max() > SEEN


def test_weights_of_zero_change_nothing(studio):
    plain, *others = drawn(
        studio, request(), *(request(f"{SCENE}{tag}") for tag in ("<lora:ink:0>", "<hypernet:warm:0>"))
    )
    assert all(np.array_equal(plain, other) for other in others)


def test_each_side_has_its_own_weight(studio):
    plain, unet_only, te_only = drawn(
        studio, request(), request(f"{SCENE}<lora:ink:1:0>"), request(f"{SCENE}<lora:words:0:1>")
    )
    assert np.array_equal(plain, unet_only)
    assert np.array_equal(plain, te_only)


def test_fewer_ranks_than_there_are_change_the_picture_and_all_do_not(studio):
    whole, two, four = drawn(studio, *(request(f"{SCENE}<lora:ink:1:1{rank}>") for rank in ("", ":2", ":dyn=4")))
    assert np.abs(whole - two).max() > SEEN
    assert np.allclose(whole, four, atol=1e-5)


def test_a_picture_is_the_same_whatever_stands_beside_it_in_the_call(studio, model):
    prompts = (SCENE, f"{SCENE}<lora:ink:0.5>", f"{SCENE}<lora:ink:1>", SCENE)
    together = drawn(studio, *(request(prompt, seed=n) for n, prompt in enumerate(prompts)))
    for n, prompt in enumerate(prompts):
        (alone,) = drawn(Studio(model), request(prompt, seed=n))
        assert np.abs(alone - together[n]).max() < 1e-4


def test_between_two_prompts_the_weight_lies_between_theirs(studio):
    mix = ((f"{SCENE}<lora:ink:1>", 0.25), (SCENE, 0.75))
    blended, direct = drawn(studio, request(mix=mix), request(f"{SCENE}<lora:ink:0.25>"))
    assert np.allclose(blended, direct, atol=1e-4)


def test_a_lora_for_the_text_encoder_acts_on_negative_prompts_too(studio):
    tagged = f"{SCENE}<lora:words:1>"
    one, other = drawn(studio, request(tagged, negative="fog"), request(tagged, negative=""))
    assert np.abs(one - other).max() > SEEN


def test_unknown_and_unfitting_names_stop_with_the_facts(studio):
    with pytest.raises(WeightsError, match="Did you mean 'ink'"):
        drawn(studio, request(f"{SCENE}<lora:inc>"))
    with pytest.raises(WeightsError, match=r"alien\.safetensors: does not fit this model"):
        drawn(studio, request(f"{SCENE}<lora:alien>"))


def test_a_file_put_in_place_of_another_is_read(studio, model, folder):
    path = folder / "Lora" / "fresh.safetensors"
    pictures = []
    for seed in (5, 6):
        path.unlink(missing_ok=True)
        save_file(lora(model.unet, "lora_unet_", seed), path)
        pictures += drawn(studio, request(f"{SCENE}<lora:fresh>"))
    assert np.abs(pictures[0] - pictures[1]).max() > SEEN


def test_a_picture_that_is_no_embedding_leaves_a_plain_word(model, folder, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    (tmp_path / "embeddings").mkdir()
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "embeddings" / "ocean.png")
    with caplog.at_level(logging.WARNING):
        with_picture, without = drawn(Studio(model), request())[0], drawn(Studio(model), request())[0]
    assert np.array_equal(with_picture, without)
    assert "'ocean' stays a plain word" in caplog.text


def test_weights_stay_where_they_are_while_nothing_changes(model):
    networks = ExtraNetworks(model, NamedFiles())
    asked = (ExtraNetwork("lora", "ink", 0.5, 0.5),)
    seen = []
    for _ in range(2):
        with networks.applied("unet", asked):
            seen.append(model.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight)
    with networks.applied("unet", (replace(asked[0], unet=0.6),)):
        seen.append(model.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight)
    assert seen[0] is seen[1]
    assert not torch.equal(seen[1], seen[2])


def test_words_in_the_file_of_a_lora_act_where_it_is_called(studio, model, folder):
    width = model.text[0].encoder.config.hidden_size
    rows = 5 * torch.randn(2, width, generator=torch.Generator().manual_seed(8))
    layer = {"lora_unet_conv_in.diff": torch.zeros(model.unet.conv_in.weight.shape)}
    save_file(layer | {"bundle_emb.vqj.string_to_param.*": rows}, folder / "Lora" / "bundle.safetensors")
    plain, called, elsewhere = drawn(
        studio, request(f"{SCENE} vqj"), request(f"{SCENE} vqj<lora:bundle>"), request(f"{SCENE}<lora:bundle>")
    )
    assert np.abs(plain - called).max() > SEEN
    assert np.allclose(elsewhere, drawn(studio, request())[0], atol=1e-5)


def test_the_second_pass_has_the_tags_of_its_own_prompt(studio):
    enlarged = Hires(scale=2.0, steps=2, prompt=((f"{SCENE}<lora:ink:1>", 1.0),))
    plain, tagged, same = drawn(
        studio,
        replace(request(), hires=replace(enlarged, prompt=None)),
        replace(request(), hires=enlarged),
        replace(request(f"{SCENE}<lora:ink:0>"), hires=enlarged),
    )
    assert np.abs(plain - tagged).max() > SEEN
    assert np.allclose(tagged, same, atol=1e-5)

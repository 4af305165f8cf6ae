"""IP-Adapters: the same as diffusers' own, by weight, window and mask, and gone without a trace afterwards."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Size
from diffusion.hints import Hint
from diffusion.models.control_files import control_identity
from diffusion.models.controlnet import load_control
from diffusion.models.image_prompt import Attended, attending, cross_attentions
from diffusion.models.load import load_model
from diffusion.pictures import Studio
from diffusion.request import ControlImage, ImageRequest, Sampling
from tests.diffusion.models.toy import toy_pipeline, toy_unet
from tests.motion.pictures import clouds

SEEN, TOKENS = 12, 4  # width of what CLIP sees; tokens of a picture


def adapter_state(unet, width=None):
    """The tensors of an IP-Adapter, in the grouping of its pickled files."""
    torch.manual_seed(4)
    width = width or unet.config.cross_attention_dim
    attention = {}
    for place, layer in enumerate(cross_attentions(unet)):
        for side in "kv":
            shape = (layer.to_q.out_features, width)
            attention[f"{2 * place + 1}.to_{side}_ip.weight"] = torch.randn(shape) * 0.3
    projection = {
        "proj.weight": torch.randn(TOKENS * width, SEEN) * 0.5,
        "proj.bias": torch.randn(TOKENS * width),
        "norm.weight": torch.ones(width),
        "norm.bias": torch.zeros(width),
    }
    return {"image_proj": projection, "ip_adapter": attention}


def encoder():
    torch.manual_seed(3)
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, projection_dim=SEEN, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8,
    )  # fmt: skip
    return CLIPVisionModelWithProjection(config).eval()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompting")
    pipeline = toy_pipeline("sd1")
    pipeline.save_pretrained(folder / "model")
    encoder().save_pretrained(folder / "image_encoder")
    state = adapter_state(pipeline.unet)
    torch.save(state, folder / "ip.bin")
    flat = {f"{group}.{key}": value for group, part in state.items() for key, value in part.items()}
    save_file(flat, folder / "ip.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(home):
    return load_model(str(home / "model"), ModelPool())


@pytest.fixture(scope="module")
def draw(model):
    pool = ModelPool()
    studio = Studio(model, load_control=lambda name, asked, low: load_control(name, asked, pool, low_memory=low))

    def drawn(*controls, **changes):
        request = ImageRequest((("a", 1.0),), "b", Size(30, 32), 3, "Euler", Sampling(steps=4), controls=controls)
        return studio.pictures([replace(request, **changes)])[0]

    return drawn


def unit(home, **fields):
    return ControlImage(str(home / "ip.safetensors"), Hint(clouds(Size(60, 64))), **fields)


@torch.inference_mode()
def test_it_is_what_diffusers_computes(home, model):
    prompt = load_control(str(home / "ip.bin"), model, ModelPool())
    unet = toy_unet("sd1")
    unet.load_state_dict(model.unet.state_dict())
    latents, context = torch.randn(1, 4, 16, 16), torch.randn(1, 7, unet.config.cross_attention_dim)
    seen = prompt.encoder(torch.randn(1, 3, 32, 32)).image_embeds
    plain = unet(latents, 5, context).sample
    part = Attended(prompt, prompt.projection(seen), torch.full((1, prompt.layers), 0.7), None)
    with attending(unet, [part], latents):
        ours = unet(latents, 5, context).sample
    assert torch.equal(unet(latents, 5, context).sample, plain)
    unet._load_ip_adapter_weights([torch.load(home / "ip.bin", weights_only=True)], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [0.7]
    theirs = unet(latents, 5, context, added_cond_kwargs={"image_embeds": [seen.unsqueeze(1)]}).sample
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(ours, plain, atol=1e-3)


def test_a_picture_prompts_by_weight_window_and_mask(home, draw):
    plain, one = draw(), unit(home)
    light, full = (np.abs(draw(replace(one, weight=weight)) - plain).mean() for weight in (0.2, 1.0))
    assert 0 < light < full
    assert np.array_equal(draw(replace(one, weight=0.0)), plain)
    assert not np.array_equal(draw(replace(one, end=0.3)), draw(one))
    assert np.allclose(draw(replace(one, mask=np.zeros((4, 4), np.float32))), plain, atol=1e-5)
    assert np.allclose(draw(replace(one, mask=np.ones((4, 4), np.float32))), draw(one), atol=1e-5)
    assert not np.array_equal(draw(replace(one, mode="control")), draw(one))
    assert not np.array_equal(draw(replace(one, hint=Hint(clouds(Size(60, 64), seed=5)))), draw(one))
    assert np.array_equal(draw(), plain)


def test_factors_of_its_layers_count(home, model, draw):
    layers = load_control(str(home / "ip.bin"), model, ModelPool()).layers
    assert np.array_equal(draw(unit(home, layers=(0.0,) * layers)), draw())
    assert np.array_equal(draw(unit(home, layers=(0.5,) * layers)), draw(unit(home, weight=0.5)))


def test_what_does_not_fit_is_refused(home, model, tmp_path):
    torch.save(adapter_state(model.unet, width=24), home / "wide.bin")
    with pytest.raises(WeightsError, match="another family"):
        load_control(str(home / "wide.bin"), model, ModelPool())
    torch.save(adapter_state(model.unet), tmp_path / "alone.bin")
    with pytest.raises(WeightsError, match="image_encoder"):
        load_control(str(tmp_path / "alone.bin"), model, ModelPool())
    broken = adapter_state(model.unet)
    broken["ip_adapter"].pop("1.to_k_ip.weight")
    torch.save(broken, home / "broken.bin")
    with pytest.raises(WeightsError, match="damaged"):
        load_control(str(home / "broken.bin"), model, ModelPool())


def test_what_sees_its_pictures_is_part_of_what_it_is(home, tmp_path):
    for name in ("ip.safetensors", "ip.bin"):
        shutil.copy(home / name, tmp_path / name)
    encoder().save_pretrained(tmp_path / "image_encoder")
    before = [control_identity(tmp_path / name) for name in ("ip.safetensors", "ip.bin")]
    other = encoder()
    with torch.no_grad():
        other.visual_projection.weight.mul_(2)
    other.save_pretrained(tmp_path / "image_encoder")
    after = [control_identity(tmp_path / name) for name in ("ip.safetensors", "ip.bin")]
    assert not set(before) & set(after)

"""Folders as peft writes them."""

import json

import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import WeightsError
from core.weights import LORA, MODELS_VARIABLE, listed
from diffusion.models.deltas import weight_change
from diffusion.models.files import lora_files
from diffusion.models.load import load_model
from diffusion.models.lora import load_lora, open_lora
from diffusion.prompt.named import NamedFiles, network_file
from tests.diffusion.models.lora_toys import layers, layers_in, random
from tests.diffusion.models.toy import toy_pipeline

R = 4
ALPHAS = {"LORA": "lora_alpha", "LOHA": "alpha", "LOKR": "alpha"}


def lora(outputs, inputs):
    a, b = random(R, inputs), random(outputs, R)
    return {"lora_A.weight": a, "lora_B.weight": b}, b @ a


def loha(outputs, inputs):
    parts = {f"hada_w{n}_{s}": random(*shape) for n in "12" for s, shape in (("a", (outputs, R)), ("b", (R, inputs)))}
    return parts, (parts["hada_w1_a"] @ parts["hada_w1_b"]) * (parts["hada_w2_a"] @ parts["hada_w2_b"])


def lokr(outputs, inputs):
    first, second = random(4, 4), random(outputs // 4, inputs // 4)
    return {"lokr_w1": first, "lokr_w2": second}, torch.kron(first, second)


FORMS = {"LORA": lora, "LOHA": loha, "LOKR": lokr}


def write(folder, kind="LORA", network="unet", **settings):
    """An adapter of some layers of the toy, and the change of each at strength 1."""
    torch.manual_seed(11)
    folder.mkdir(parents=True, exist_ok=True)
    pipeline, state, changes = toy_pipeline("sd1"), {}, {}
    for name, module in layers(getattr(pipeline, network), "to_q", "to_v", "q_proj").items():
        parts, changes[f"{network}.{name}"] = FORMS[kind](*module.weight.shape)
        state |= {f"base_model.model.{name}.{part}": tensor for part, tensor in parts.items()}
    save_file(state, folder / "adapter_model.safetensors")
    config = {"peft_type": kind, "r": R, ALPHAS[kind]: 2 * R, "target_modules": ["to_q"]} | settings
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return changes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    home = tmp_path_factory.mktemp("toy")
    toy_pipeline("sd1").save_pretrained(home)
    return load_model(str(home), ModelPool())


def found_in(folder, model):
    changes = load_lora(folder, layers_in(model))
    return {c.target.name: weight_change(c.parts, c.target.module.weight.float()) for c in changes}


@pytest.mark.parametrize(
    ("kind", "settings", "strengths"),
    [
        ("LORA", {}, (2, 2)),
        ("LORA", {"use_rslora": True}, (4, 4)),
        ("LORA", {"alpha_pattern": {"attn1.to_q": 12}}, (3, 2)),
        ("LOHA", {}, (2, 2)),
        ("LOHA", {"alpha_pattern": {"to_q": 12}}, (3, 3)),
        ("LOKR", {}, (2, 2)),
        ("LOKR", {"rank_pattern": {"attn1.to_q": 1}}, (8, 2)),
    ],
)
def test_settings_beside_the_weights_give_the_strength(kind, settings, strengths, model, tmp_path):
    expected = write(tmp_path, kind, **settings)
    found = found_in(tmp_path, model)
    assert found.keys() == expected.keys()
    for name, change in found.items():
        attention = name.split(".")[-2]
        strength = strengths[0] if name.endswith("attn1.to_q") else strengths[1] if attention == "attn2" else None
        if strength is not None and name.endswith("to_q"):
            assert torch.allclose(change, strength * expected[name], atol=1e-4), name


def test_a_folder_for_each_network_is_one_lora(model, tmp_path):
    unet = write(tmp_path / "unet")
    text = write(tmp_path / "text_encoder", network="text_encoder", lora_alpha=R)
    found = found_in(tmp_path, model)
    assert found.keys() == unet.keys() | text.keys()
    for expected, strength in ((unet, 2), (text, 1)):
        assert all(torch.allclose(found[name], strength * change, atol=1e-4) for name, change in expected.items())
    assert len(lora_files(tmp_path)) == 4


def test_it_is_called_by_its_folder_s_name_and_known_by_its_contents(tmp_path, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    folder = tmp_path / "Lora" / "styles" / "ink"
    write(folder)
    assert network_file("lora", "ink") == folder
    assert "styles/ink" in [file.name for file in listed(LORA)]
    before = NamedFiles().identity((("a <lora:ink:1>", 1.0),), "")
    write(folder, lora_alpha=7)
    assert NamedFiles().identity((("a <lora:ink:1>", 1.0),), "") != before


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "Expected adapter_model"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "holds no adapter_config"),
        (lambda folder: (folder / "adapter_config.json").write_text("["), "cannot be read as settings"),
        (lambda folder: (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}'), "says no lora_alpha"),
        (
            lambda folder: (folder / "adapter_config.json").write_text('{"peft_type": "OFT"}'),
            "adapter of type 'OFT'",
        ),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"\xff" * 64), "cannot be read as"),
    ],
)
def test_a_damaged_folder_is_refused(damage, told, tmp_path):
    write(tmp_path)
    damage(tmp_path)
    with pytest.raises(WeightsError, match=told):
        open_lora(tmp_path)

"""Networks that do not fit are told before anything is drawn."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from animator.job import RenderJob
from animator.orders.asked import Asked, prepared
from animator.orders.files import Target
from animator.project import parse
from core.devices import ModelPool
from core.errors import ProjectError
from core.weights import MODELS_VARIABLE

BASE = {"frames": 3, "size": [64, 64], "sampling": {"steps": 1}, "export": []}
QUERY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
TEXT = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """LoRAs: one that reads the text of SD 1.x, two with a layer of another width, and one that is no file."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    folder = tmp_path / "Lora"
    folder.mkdir()
    for name, stem, width in (("real", TEXT, 768), ("wide", QUERY, 7), ("wider", QUERY, 9)):
        state = {f"{stem}.lora_up.weight": torch.zeros(5, 2), f"{stem}.lora_down.weight": torch.zeros(2, width)}
        save_file(state, folder / f"{name}.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "wide.safetensors").read_bytes()[:-3])
    return tmp_path


def test_a_plan_tells_what_headers_say_all_at_once(home):
    words = {"0": "a <lora:real>", "1": "a <lora:cut>", "2": "a <lora:wide>"}
    with pytest.raises(ProjectError) as told:
        parse(BASE | {"prompts": words}, "x")
    faults = {fault.field: fault.what for fault in told.value.faults}
    assert faults.keys() == {"prompts.0", "prompts.1"}
    assert "made for SD 1.x: its text is 768 wide, that of mini 128" in faults["prompts.0"]
    assert "cannot be read" in faults["prompts.1"]


def test_a_render_tells_every_layer_that_does_not_fit_before_its_first_frame(home, tmp_path):
    words = {"0": "a", "1": "a <lora:wide>", "2": "a <lora:wider> <lora:wide>"}
    job = RenderJob(parse(BASE | {"prompts": words}, "x").project, tmp_path, tmp_path / "out", ModelPool())
    with pytest.raises(ProjectError) as told:
        next(job.frames())
    assert [fault.field for fault in told.value.faults] == ["frame 1", "frame 2"]
    assert "<lora:wide> with the model mini: does not fit" in told.value.faults[0].what
    assert not (tmp_path / "out").exists()


def test_a_network_counts_only_with_the_model_it_is_used_with(home, tmp_path):
    words = {"0": "a <lora:wide:0>", "1": "a"}
    job = RenderJob(parse(BASE | {"prompts": words}, "x").project, tmp_path, tmp_path / "out", ModelPool())
    assert next(job.frames()).index == 0


def test_single_pictures_are_checked_too(home, tmp_path):
    asked = Asked(
        changes=(("prompt", "a <lora:wide>"), ("size", "64x64")),
        axes={"--x": "Prompt S/R: wide, wider"},
        target=Target(Path(tmp_path / "out")),
    )
    run, _ = prepared(asked, ModelPool())
    with pytest.raises(ProjectError) as told:
        run.check(may_replace=False)
    assert len(told.value.faults) == 2


def test_the_tiny_autoencoder_of_a_single_picture_is_that_of_its_model(home):
    with pytest.raises(ProjectError, match=r"--vae: .*there is no TAESD for its 16 channels"):
        prepared(Asked(changes=(("prompt", "a"), ("size", "64x64"), ("vae", "taesd"))), ModelPool())


def test_a_damaged_model_of_a_single_picture_is_told_before_it_is_loaded(home):
    (home / "model.safetensors").write_bytes(b"<html>")
    with pytest.raises(ProjectError, match=r"--model: .*model\.safetensors: is no \.safetensors file, but a web page"):
        prepared(Asked(changes=(("prompt", "a"), ("size", "64x64"), ("model", "model"))), ModelPool())


def test_an_autoencoder_that_is_cut_off_is_seen_from_its_header(home):
    (home / "VAE").mkdir()
    whole = (home / "Lora" / "wide.safetensors").read_bytes()
    (home / "VAE" / "soft.safetensors").write_bytes(whole[:-3])
    with pytest.raises(ProjectError, match="vae: cannot be read"):
        parse(BASE | {"vae": "soft", "prompts": {"0": "a"}}, "x")


def test_a_checkpoint_that_is_none_is_seen_from_its_header(home):
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(1)}, home / "model.safetensors")
    with pytest.raises(ProjectError, match=r"model: .*model\.safetensors: holds a LoRA"):
        parse(json.loads(json.dumps(BASE)) | {"model": "model", "prompts": {"0": "a"}}, "x")

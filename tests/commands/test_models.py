"""`models info` tells what a file is, by whichever name it has."""

import json

import pytest
import torch
from safetensors.torch import save_file

from commands.models import info
from core.errors import WeightsError
from core.weights import MODELS_VARIABLE

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    (tmp_path / "Lora").mkdir()
    state = {f"{KEY}.lora_up.weight": torch.zeros(5, 2), f"{KEY}.lora_down.weight": torch.zeros(2, 2048)}
    save_file(state, tmp_path / "Lora" / "ink.safetensors", {"ss_output_name": "ink"})


def told(name, capsys):
    info(name, as_json=True)
    return json.loads(capsys.readouterr().out)


def test_a_lora_is_found_by_name_and_says_what_it_was_made_for(capsys):
    facts = told("ink", capsys)
    assert (facts["kind"], facts["changes"], facts["layers"], facts["made for"]) == ("a LoRA", "LoRA", 1, "SDXL")
    assert facts["metadata"] == {"ss_output_name": "ink"}
    assert len(facts["sha256"]) == 64


def test_the_embedded_model_is_a_folder(capsys):
    assert told("mini", capsys)["kind"] == "diffusers folder"


def test_a_name_that_nothing_has_is_told_with_the_nearest(capsys):
    with pytest.raises(WeightsError, match="no checkpoint named 'minu'"):
        info("minu")

import pytest
import torch
from safetensors.torch import save_file

from core.errors import WeightsError
from core.weights import EMBEDDED
from diffusion.models.outline import Outline, outline
from tests.diffusion.models.toy import FAMILIES, original_state, toy_pipeline


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_and_a_file_have_the_same_outline(tmp_path, family):
    pipeline = toy_pipeline(family)
    pipeline.save_pretrained(tmp_path / family)
    save_file({k: t.clone() for k, t in original_state(pipeline, family).items()}, tmp_path / "x.safetensors")
    expected = Outline(family, 4, pipeline.unet.config.cross_attention_dim)
    assert outline(tmp_path / family) == outline(tmp_path / "x.safetensors") == expected


def test_mini_has_latents_of_its_own():
    assert outline(EMBEDDED / "mini") == Outline("sd1", 16, 128)


def test_a_pickle_tells_nothing_before_it_is_loaded(tmp_path):
    torch.save({}, tmp_path / "x.ckpt")
    assert outline(tmp_path / "x.ckpt") is None


def test_what_is_no_checkpoint_is_told_with_its_name(tmp_path):
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"x\.safetensors: holds a LoRA"):
        outline(tmp_path / "x.safetensors")

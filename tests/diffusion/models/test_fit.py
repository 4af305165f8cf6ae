import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import WeightsError
from diffusion.models.fit import misfits
from diffusion.models.load import load_model
from diffusion.models.lora_names import targets
from diffusion.models.outline import Outline
from diffusion.models.skeleton import skeleton
from diffusion.models.text_width import check_width, text_width
from tests.diffusion.models.lora_toys import kohya_state, layers_in
from tests.diffusion.models.toy import FAMILIES, original_state, save_configs, toy_pipeline

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
SPELLINGS = (
    KEY,
    "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.lora_A.weight",
    "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight",
    "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_k.hada_w1_b",
)
OUTLINES = {"anything": Outline("sd1", 4, 768)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The toys as folders, and a LoRA for each."""
    home = tmp_path_factory.mktemp("toys")
    for family in FAMILIES:
        pipeline = toy_pipeline(family)
        pipeline.save_pretrained(home / family)
        save_file(kohya_state(pipeline), home / f"for-{family}.safetensors")
    return home


@pytest.mark.parametrize("key", SPELLINGS)
def test_a_header_tells_how_wide_the_text_is(key, tmp_path):
    save_file({key: torch.zeros(4, 2048), "unet.other.lora_A.weight": torch.zeros(4, 7)}, tmp_path / "x.safetensors")
    assert text_width(tmp_path / "x.safetensors") == 2048
    with pytest.raises(WeightsError, match="made for SDXL: its text is 2048 wide, that of anything 768"):
        check_width(tmp_path / "x.safetensors", OUTLINES)
    check_width(tmp_path / "x.safetensors", OUTLINES | {"xl": Outline("sdxl", 4, 2048)})


def test_what_headers_do_not_tell_is_left_to_later(tmp_path):
    save_file({"unet.other.lora_A.weight": torch.zeros(4, 7)}, tmp_path / "x.safetensors")
    torch.save({KEY: torch.zeros(4, 2048)}, tmp_path / "x.pt")
    for name in ("x.safetensors", "x.pt"):
        check_width(tmp_path / name, OUTLINES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_skeleton_has_the_layers_of_the_model(family, home, tmp_path):
    bones, model = skeleton(home / family), load_model(str(home / family), ModelPool())
    ours, theirs = targets(bones.unet, bones.encoders), layers_in(model)
    assert ours.keys() == theirs.keys()
    assert all(ours[layer].module.weight.shape == theirs[layer].module.weight.shape for layer in ours)
    assert {target.module.weight.device.type for target in ours.values()} == {"meta"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_single_file_has_the_skeleton_of_its_folder(family, home, tmp_path):
    pipeline = toy_pipeline(family)
    save_configs(pipeline, family, tmp_path / "configs")
    save_file({k: t.clone() for k, t in original_state(pipeline, family).items()}, tmp_path / "x.safetensors")
    file, folder = skeleton(tmp_path / "x.safetensors", configs=tmp_path / "configs"), skeleton(home / family)
    for ours, theirs in zip((file.unet, *file.encoders), (folder.unet, *folder.encoders), strict=True):
        shapes = [{key: t.shape for key, t in network.state_dict().items()} for network in (ours, theirs)]
        assert shapes[0] == shapes[1]


def test_all_misfits_are_found_at_once_and_by_name(home, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes((home / "for-sd1.safetensors").read_bytes()[:-9])
    networks = {("lora", family): home / f"for-{family}.safetensors" for family in ("sd1", "sdxl")}
    networks["lora", "cut"] = tmp_path / "cut.safetensors"
    found = misfits(home / "sd1", networks.items())
    assert found.keys() == {("lora", "sdxl"), ("lora", "cut")}
    assert "does not fit this model" in found["lora", "sdxl"].what

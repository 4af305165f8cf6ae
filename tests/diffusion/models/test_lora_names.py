import pytest
import torch

from core.devices import ModelPool
from diffusion.models.load import load_model
from diffusion.models.lora_names import Layer, original_name, parsed
from tests.diffusion.models.lora_toys import layers_in
from tests.diffusion.models.toy import FAMILIES, LAYERS, toy_pipeline, unet_name


@pytest.mark.parametrize(
    ("key", "layer", "part"),
    [
        ("lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", ("unet", "mid_block_attentions_0_proj_in"), "up"),
        ("lora_te_text_model_encoder_layers_1_mlp_fc1.alpha", ("te", "encoder_layers_1_mlp_fc1"), "alpha"),
        ("lora_te2_text_projection.lora_down.weight", ("te2", "text_projection"), "down"),
        ("lora_unet_conv_in.lora_mid.weight", ("unet", "conv_in"), "mid"),
        ("lora_unet_a_b.hada_t1", ("unet", "a_b"), "hada_t1"),
        ("lora_unet_a_b.lokr_w2_a", ("unet", "a_b"), "lokr_w2_a"),
        ("lora_unet_a_b.on_input", ("unet", "a_b"), "on_input"),
        ("lora_unet_a_b.weight", ("unet", "a_b"), "weight"),
        ("lora_unet_a_b.b1.weight", ("unet", "a_b"), "b1"),
        ("unet.down_blocks.0.attn1.to_q.lora_A.weight", ("unet", "down_blocks_0_attn1_to_q"), "down"),
        ("unet.down_blocks.0.attn1.to_out.0.lora.up.weight", ("unet", "down_blocks_0_attn1_to_out_0"), "up"),
        ("down_blocks.0.attn1.processor.to_out_lora.up.weight", ("unet", "down_blocks_0_attn1_to_out_0"), "up"),
        ("unet.mid.attn1.processor.to_q_lora.down.weight", ("unet", "mid_attn1_to_q"), "down"),
        ("base_model.model.mid_block.conv.lora_magnitude_vector.weight", ("unet", "mid_block_conv"), "magnitude"),
        (
            "text_encoder.text_model.encoder.layers.0.q_proj.lora_linear_layer.up.weight",
            ("text_encoder", "encoder_layers_0_q_proj"),
            "up",
        ),
        (
            "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight",
            ("text_encoder", "encoder_layers_0_self_attn_q_proj"),
            "up",
        ),
        (
            "base_model.model.text_model.encoder.layers.0.q_proj.lora_A.default.weight",
            ("text_encoder", "encoder_layers_0_q_proj"),
            "down",
        ),
        ("text_encoder_2.encoder.layers.0.q_proj.lora_B.weight", ("text_encoder_2", "encoder_layers_0_q_proj"), "up"),
    ],
)
def test_every_tool_s_spelling_is_read(key, layer, part):
    assert parsed(key) == (Layer(*layer), part)


@pytest.mark.parametrize(
    "key", ["", "lora_unet_a", "bundle_emb.ink.string_to_param.*", "lora_unet_a.lora_up.bias", "alpha"]
)
def test_other_keys_are_of_no_scheme(key):
    assert parsed(key) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_original_names_are_those_of_the_checkpoints(family):
    unet = toy_pipeline(family).unet
    state = unet.state_dict()
    layers = {key.rpartition(".")[0] for key in state if key.endswith(".weight")}
    for name in layers:
        assert original_name(name, layers, LAYERS) == unet_name(f"{name}.weight", state).removesuffix(".weight")


def test_the_blocks_of_sdxl_have_the_numbers_that_kohya_writes():
    blocks = {"up_blocks.0.attentions.2.proj_in": 0, "up_blocks.1.attentions.0.proj_in": 0}
    names = {
        "down_blocks.1.attentions.0.norm": "input_blocks.4.1.norm",
        "down_blocks.2.attentions.1.proj_out": "input_blocks.8.1.proj_out",
        "down_blocks.0.downsamplers.0.conv": "input_blocks.3.0.op",
        "mid_block.attentions.0.transformer_blocks.9.norm1": "middle_block.1.transformer_blocks.9.norm1",
        "up_blocks.0.attentions.2.proj_in": "output_blocks.2.1.proj_in",
        "up_blocks.1.upsamplers.0.conv": "output_blocks.5.2.conv",
        "up_blocks.2.resnets.0.conv_shortcut": "output_blocks.6.0.skip_connection",
        "add_embedding.linear_2": "label_emb.0.2",
    }
    assert {name: original_name(name, blocks, 2) for name in names} == names


def test_every_layer_of_a_model_has_its_names(tmp_path):
    toy_pipeline("sdxl").save_pretrained(tmp_path)
    model = load_model(str(tmp_path), ModelPool())
    found = layers_in(model)
    for network, module in (("unet", model.unet), ("te1", model.text[0].encoder), ("te2", model.text[1].encoder)):
        weighted = {id(layer) for layer in module.modules() if isinstance(getattr(layer, "weight", None), torch.Tensor)}
        assert {id(target.module) for layer, target in found.items() if layer.network == network} == weighted
    assert {target.side for layer, target in found.items() if layer.network.startswith("te")} == {"text"}

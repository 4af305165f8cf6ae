import pytest

from core.errors import WeightsError
from diffusion.models.identify import Identified, identify

UNET = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.out.2.weight": (4, 320, 3, 3),
}
SD1 = {**UNET, "cond_stage_model.transformer.text_model.final_layer_norm.bias": (768,)}
SD2 = {**UNET, "cond_stage_model.model.ln_final.bias": (1024,)}
SDXL = {
    **UNET,
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.bias": (768,),
    "conditioner.embedders.1.model.ln_final.bias": (1280,),
}


@pytest.mark.parametrize(
    ("shapes", "metadata", "found"),
    [
        (SD1, {}, Identified("sd1", "epsilon")),
        ({**SD1, "v_pred": ()}, {}, Identified("sd1", "v_prediction")),
        (SD2, {}, Identified("sd2", None)),
        (SD2, {"modelspec.prediction_type": "v"}, Identified("sd2", "v_prediction")),
        (SD2, {"modelspec.prediction_type": "epsilon"}, Identified("sd2", "epsilon")),
        (SDXL, {}, Identified("sdxl", "epsilon")),
        ({**SDXL, "v_pred": (), "ztsnr": ()}, {}, Identified("sdxl", "v_prediction", has_zero_terminal=True)),
    ],
)
def test_families_and_predictions(shapes, metadata, found):
    assert identify(shapes, metadata) == found


def test_refiners_and_inpainting_checkpoints_are_told():
    refiner = {**UNET, "conditioner.embedders.0.model.ln_final.bias": (1280,)}
    assert identify(refiner, {}) == Identified("sdxl", "epsilon", is_refiner=True)
    assert identify(with_inputs(9), {}) == Identified("sd1", "epsilon", channels=9)


def with_inputs(channels):
    return {**SD1, "model.diffusion_model.input_blocks.0.0.weight": (320, channels, 3, 3)}


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ({}, "no tensors"),
        ({"lora_unet_down_blocks_0.lora_down.weight": (4, 4)}, "a LoRA"),
        ({"unet.up_blocks.0.attn.lora_A.weight": (4, 4)}, "a LoRA"),
        ({"lora_te_text_model_x.hada_w1_a": (4, 4)}, r"a LyCORIS network \(LoHa\)"),
        ({"emb_params": (2, 768)}, "a textual inversion"),
        ({"first_stage_model.decoder.conv_in.weight": (4,)}, "an autoencoder"),
        ({"decoder.mid.block_1.norm1.bias": (4,)}, "an autoencoder"),
        ({"control_model.time_embed.0.weight": (4,)}, "a ControlNet"),
        ({"down_blocks.0.motion_modules.0.norm.bias": (4,)}, "a motion module"),
        ({"model.diffusion_model.double_blocks.0.img_attn.proj.bias": (4,)}, "a Flux model"),
        ({"model.diffusion_model.joint_blocks.0.x.bias": (4,)}, "a Stable Diffusion 3 model"),
        (UNET, "a UNet without its text encoder"),
        ({**SDXL, "edm_mean": (1, 4, 1, 1)}, "a model trained on the noise levels of EDM"),
        ({"cond_stage_model.transformer.text_model.final_layer_norm.bias": (768,)}, "a text encoder without its UNet"),
        (with_inputs(5), r"a depth-to-image model \(5 channels in, 4 out\)"),
        (with_inputs(8), "an InstructPix2Pix model"),
        ({"something": (3,), "else": ()}, "2 tensors of an unknown kind"),
    ],
)
def test_everything_else_is_refused_by_its_name(shapes, told):
    with pytest.raises(WeightsError, match=f"holds {told}"):
        identify(shapes, {})

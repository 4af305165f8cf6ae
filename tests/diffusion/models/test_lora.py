import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import WeightsError
from diffusion.models.load import load_model
from diffusion.models.lora import load_lora, open_lora
from diffusion.models.overlay import Dose, overlaid
from tests.diffusion.models.lora_toys import RANK, kohya_state, layers, layers_in, random
from tests.diffusion.models.toy import FAMILIES, toy_pipeline, unet_name


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The toy models of the three families, loaded."""
    home = tmp_path_factory.mktemp("toys")
    for family in FAMILIES:
        toy_pipeline(family).save_pretrained(home / family)
    return {family: load_model(str(home / family), ModelPool()) for family in FAMILIES}


def saved(tmp_path, state, metadata=None, name="ink.safetensors"):
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, tmp_path / name, metadata)
    return tmp_path / name


def changes(model, path):
    return {change.target.name: change.parts for change in load_lora(path, layers_in(model))}


def laid(model, path, multiplier=1.0):
    return overlaid(Dose(change, multiplier, None) for change in load_lora(path, layers_in(model)))


@pytest.mark.parametrize("family", FAMILIES)
def test_all_layers_of_a_kohya_file_find_their_place(family, models, tmp_path):
    state = kohya_state(toy_pipeline(family))
    found = changes(models[family], saved(tmp_path, state))
    assert sum(len(parts) for parts in found.values()) == len(state)
    assert any(name.startswith("text_encoder.") for name in found)
    assert any(name.startswith("text_encoder_2.") for name in found) == (family == "sdxl")


def test_original_names_of_sdxl_mean_the_same_layers(models, tmp_path):
    pipeline = toy_pipeline("sdxl")
    unet = pipeline.unet.state_dict()
    original = kohya_state(pipeline, name_of=lambda name: unet_name(f"{name}.weight", unet).removesuffix(".weight"))
    plain = changes(models["sdxl"], saved(tmp_path, kohya_state(pipeline), name="plain.safetensors"))
    other = changes(models["sdxl"], saved(tmp_path, original))
    assert plain.keys() == other.keys()
    assert all(torch.equal(plain[name]["up"], other[name]["up"]) for name in plain)


def test_diffusers_and_peft_names_mean_the_same_layers(models, tmp_path):
    pipeline = toy_pipeline("sd1")
    names = layers(pipeline.unet, "to_q", "to_out.0")
    factors = {
        name: (random(module.weight.shape[0], 2), random(2, module.weight.shape[1])) for name, module in names.items()
    }
    forms = {
        "peft": ("unet.{}.lora_B.weight", "unet.{}.lora_A.weight"),
        "adapter": ("base_model.model.{}.lora_B.default.weight", "base_model.model.{}.lora_A.default.weight"),
        "diffusers": ("unet.{}.lora.up.weight", "unet.{}.lora.down.weight"),
    }
    found = []
    for form, spelled in forms.items():
        state = {
            pattern.format(name): part
            for name, parts in factors.items()
            for pattern, part in zip(spelled, parts, strict=True)
        }
        found.append(changes(models["sd1"], saved(tmp_path, state, name=f"{form}.safetensors")))
    assert len(found[0]) == len(names)
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        assert all(torch.equal(other[name][part], found[0][name][part]) for name in other for part in ("up", "down"))


def test_peft_s_settings_in_the_header_give_the_strength(models, tmp_path):
    state = {
        "unet.mid_block.attentions.0.proj_in.lora_B.weight": random(32, 4, 1, 1),
        "unet.mid_block.attentions.0.proj_in.lora_A.weight": random(4, 32, 1, 1),
    }
    for settings, strength in (
        ({"unet.lora_alpha": 8}, 2.0),
        ({"unet.lora_alpha": 8, "unet.use_rslora": True}, 4.0),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attentions.0.proj_in": 2}}, 0.5),
    ):
        path = saved(tmp_path, state, {"lora_adapter_metadata": json.dumps(settings)})
        (parts,) = changes(models["sd1"], path).values()
        assert parts["scale"].item() == strength


def test_pickled_loras_are_read(models, tmp_path):
    state = kohya_state(toy_pipeline("sd1"))
    torch.save(state, tmp_path / "ink.pt")
    assert len(changes(models["sd1"], tmp_path / "ink.pt")) == len(changes(models["sd1"], saved(tmp_path, state)))


def test_a_file_tells_its_families_and_its_model(tmp_path):
    lora = open_lora(
        saved(
            tmp_path,
            {
                "lora_unet_x_attn2_to_k.lora_up.weight": random(8, 2),
                "lora_unet_x_attn2_to_k.lora_down.weight": random(2, 768),
                "lora_unet_norm.w_norm": random(4),
            },
        )
    )
    assert lora.families == ("LoRA", "norm")
    assert lora.model == "sd1"


@pytest.mark.parametrize(("made", "used"), [("sd1", "sdxl"), ("sdxl", "sd1"), ("sdxl", "sd2")])
def test_a_lora_of_another_family_is_refused_with_what_it_is(made, used, models, tmp_path):
    path = saved(tmp_path, kohya_state(toy_pipeline(made)), {"ss_base_model_version": "sdxl_base_v1-0"})
    with pytest.raises(WeightsError, match=r"ink\.safetensors: does not fit this model .* made for") as told:
        load_lora(path, layers_in(models[used]))
    assert "family it was trained on" in str(told.value)


def test_one_misfit_among_layers_that_are_alike_is_found(models, tmp_path):
    state = kohya_state(toy_pipeline("sd1"))
    alike = [key for key in state if key.endswith("attn1_to_q.lora_down.weight")]
    assert len(alike) > 1
    other = random(len(state[alike[-1]]), state[alike[-1]].shape[1] + 1)
    with pytest.raises(WeightsError, match="does not fit this model"):
        load_lora(saved(tmp_path, state | {alike[-1]: other}), layers_in(models["sd1"]))


def test_keys_that_match_nothing_are_refused(models, tmp_path):
    path = saved(
        tmp_path,
        {
            "lora_unet_double_blocks_0.lora_up.weight": random(4, 2),
            "lora_unet_double_blocks_0.lora_down.weight": random(2, 4),
        },
    )
    with pytest.raises(WeightsError, match="none of its 1 layers is in this model"):
        load_lora(path, layers_in(models["sd1"]))


def test_layers_that_only_this_model_lacks_are_left_out_with_a_warning(models, tmp_path, caplog):
    state = kohya_state(toy_pipeline("sd1"))
    more = {
        "lora_te_text_model_encoder_layers_11_mlp_fc1.lora_up.weight": random(4, 2),
        "lora_te_text_model_encoder_layers_11_mlp_fc1.lora_down.weight": random(2, 4),
    }
    whole = changes(models["sd1"], saved(tmp_path, state, name="whole.safetensors"))
    assert changes(models["sd1"], saved(tmp_path, state | more)).keys() == whole.keys()
    assert "2 of" in caplog.text


class Evil:
    def __reduce__(self):
        return print, ("run",)


def bad_files():
    good = kohya_state(toy_pipeline("sd1"))
    broken = {key: tensor.clone() for key, tensor in good.items()}
    next(iter(broken.values())).view(-1)[0] = float("nan")
    return {
        "nan.safetensors": (broken, "NaN"),
        "checkpoint.safetensors": ({"model.diffusion_model.out.2.weight": random(4, 4)}, "holds no LoRA"),
        "empty.safetensors": ({}, "holds no LoRA"),
        "up_only.safetensors": ({"lora_unet_conv_in.lora_up.weight": random(4, 4)}, "holds no LoRA"),
        "flat.safetensors": (
            {"lora_unet_conv_in.lora_up.weight": random(4), "lora_unet_conv_in.lora_down.weight": random(4)},
            "does not fit",
        ),
    }


@pytest.mark.parametrize("name", bad_files())
def test_what_is_no_sound_lora_stops_with_its_path_and_what_it_holds(name, models, tmp_path):
    state, expected = bad_files()[name]
    with pytest.raises(WeightsError, match=f"{name}.*{expected}"):
        load_lora(saved(tmp_path, state, name=name), layers_in(models["sd1"]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.safetensors", None),
        ("huge.safetensors", struct.pack("<Q", 4 << 30) + b"{}"),
        ("evil.pt", pickle.dumps({"x": Evil()}, protocol=2)),
        ("picture.safetensors", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("settings.safetensors", b""),
    ],
)
def test_damaged_and_dangerous_files_stop_before_anything_is_loaded(name, content, models, tmp_path, capsys):
    if content is None:
        content = saved(tmp_path, kohya_state(toy_pipeline("sd1"))).read_bytes()[:-100]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        load_lora(tmp_path / name, layers_in(models["sd1"]))
    assert "run" not in capsys.readouterr().out


def test_settings_that_make_no_sense_are_refused(models, tmp_path):
    state = {"unet.conv_in.lora_B.weight": random(16, 2, 1, 1), "unet.conv_in.lora_A.weight": random(2, 4, 3, 3)}
    for text in ("[", "[" * 100_000, '{"unet.lora_alpha": "x"}', '{"unet.lora_alpha": 1, "unet.alpha_pattern": 3}'):
        with pytest.raises(WeightsError, match="lora_adapter_metadata"):
            load_lora(saved(tmp_path, state, {"lora_adapter_metadata": text}), layers_in(models["sd1"]))


@pytest.mark.parametrize("family", FAMILIES)
def test_stock_diffusers_weights_are_changed_by_up_times_down(family, models, tmp_path):
    """The whole way from a kohya file to weights, against the formula on the stock pipeline's own modules."""
    pipeline, model = toy_pipeline(family), models[family]
    state = kohya_state(pipeline)
    with laid(model, saved(tmp_path, state), 0.7).applied():
        for name, module in layers(pipeline.unet, "to_q", "conv1").items():
            stem = "lora_unet_" + name.replace(".", "_")
            up, down = state[f"{stem}.lora_up.weight"], state[f"{stem}.lora_down.weight"]
            expected = module.weight + 0.7 * 2 / RANK * (up.flatten(1) @ down.flatten(1)).reshape(module.weight.shape)
            assert torch.allclose(model.unet.get_submodule(name).weight, expected, atol=1e-5)

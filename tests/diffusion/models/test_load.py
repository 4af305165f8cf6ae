import functools
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.devices import ModelPool
from core.errors import WeightsError
from core.tuning import PRECISION_VARIABLE
from diffusion.models.files import drawing_identity
from diffusion.models.folder import load_folder
from diffusion.models.load import load_model
from diffusion.models.networks import made_unet
from diffusion.models.single_file import CONFIGS, load_single_file
from tests.diffusion.models.toy import FAMILIES, original_state, save_configs, toy_pipeline, toy_refiner, toy_unet

FULL = torch.float32


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Each family as a folder, as a single file in both formats, and its settings."""
    home = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        pipeline = toy_pipeline(family)
        pipeline.save_pretrained(home / family)
        save_configs(pipeline, family, home / "configs")
        state = {key: tensor.clone() for key, tensor in original_state(pipeline, family).items()}
        save_file(state, home / f"{family}.safetensors")
        if family == "sd1":
            torch.save({"state_dict": state, "global_step": 7}, home / "sd1.ckpt")
    return home


def single(home, name, dtype=FULL):
    return load_single_file(home / name, dtype, FULL, configs=home / "configs")


def tensors(parts):
    networks = {"unet": parts.unet, "vae": parts.vae} | {f"text {i}": p.encoder for i, p in enumerate(parts.text)}
    return {f"{name}.{key}": t for name, network in networks.items() for key, t in network.state_dict().items()}


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", ["sd1.safetensors", "sd1.ckpt", "sd2.safetensors", "sdxl.safetensors"])
def test_single_file_is_bit_exact_to_the_folder(home, name):
    family = name.partition(".")[0]
    folder, file = load_folder(home / family, FULL, FULL), single(home, name)
    assert folder.family == file.family == family
    assert same(tensors(folder), tensors(file))
    assert torch.equal(folder.signal_shares, file.signal_shares)
    facts = [[(part.penultimate, part.projected) for part in parts.text] for parts in (folder, file)]
    assert facts[0] == facts[1]


def test_a_refiner_loads_from_folder_and_file(home, tmp_path):
    refiner = toy_refiner()
    refiner.save_pretrained(tmp_path / "refiner")
    save_file({k: t.clone() for k, t in original_state(refiner, "refiner").items()}, tmp_path / "refiner.safetensors")
    configs = shutil.copytree(home / "configs", tmp_path / "configs")
    refiner.unet.save_config(configs / "sdxl" / "unet_refiner")
    folder = load_folder(tmp_path / "refiner", FULL, FULL)
    file = load_single_file(tmp_path / "refiner.safetensors", FULL, FULL, configs=configs)
    assert folder.family == file.family == "sdxl"
    assert same(tensors(folder), tensors(file))
    assert [[part.projected for part in parts.text] for parts in (folder, file)] == [[True], [True]]


def test_an_inpainting_checkpoint_loads_from_folder_and_file(home, tmp_path):
    pipeline = toy_pipeline("sd1")
    pipeline.unet = toy_unet("sd1", in_channels=9)
    pipeline.save_pretrained(tmp_path / "inpaint")
    save_file({k: t.clone() for k, t in original_state(pipeline, "sd1").items()}, tmp_path / "inpaint.safetensors")
    folder = load_folder(tmp_path / "inpaint", FULL, FULL)
    file = load_single_file(tmp_path / "inpaint.safetensors", FULL, FULL, configs=home / "configs")
    assert same(tensors(folder), tensors(file))
    assert file.unet.config.in_channels == 9


@pytest.mark.parametrize("family", FAMILIES)
def test_folder_is_bit_exact_to_stock_diffusers(home, family):
    pipeline, parts = toy_pipeline(family), load_folder(home / family, FULL, FULL)
    ids = torch.tensor([[49406, 320, 1125, 49407]])
    with torch.no_grad():
        for name, part in zip(("text_encoder", "text_encoder_2"), parts.text, strict=False):
            assert torch.equal(getattr(pipeline, name)(ids)[0], part.encoder(ids)[0])
        latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        assert torch.equal(pipeline.vae.decode(latents).sample, parts.vae.decode(latents).sample)
    assert same(dict(pipeline.unet.state_dict()), dict(parts.unet.state_dict()))


def test_sd2_file_that_predicts_v_is_found_by_running_its_unet(home, tmp_path):
    state = load_file(home / "sd2.safetensors")
    state["model.diffusion_model.out.2.bias"] -= 3
    save_file(state, tmp_path / "v.safetensors")
    found = load_single_file(tmp_path / "v.safetensors", FULL, FULL, configs=home / "configs")
    assert (single(home, "sd2.safetensors").prediction, found.prediction) == ("epsilon", "v_prediction")


@pytest.mark.parametrize(
    ("text", "prediction"),
    [
        ('model:\n  params:\n    parameterization: "v"\n', "v_prediction"),
        ("    parameterization: eps # noise\n", "epsilon"),
        ("  target: sgm.modules.diffusionmodules.denoiser_scaling.VScaling\n", "v_prediction"),
        ("model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n", "epsilon"),
    ],
)
def test_settings_beside_a_file_say_what_it_predicts(home, tmp_path, text, prediction):
    shutil.copy(home / "sd1.safetensors", tmp_path / "a.safetensors")
    (tmp_path / "a.yaml").write_text(text)
    before = drawing_identity(home / "sd1.safetensors")
    assert load_single_file(tmp_path / "a.safetensors", FULL, FULL, configs=home / "configs").prediction == prediction
    assert drawing_identity(tmp_path / "a.safetensors") != before


@pytest.mark.parametrize(("text", "told"), [("parameterization: vibes", "vibes"), ("x" * (2 << 20), "bytes of sett")])
def test_settings_beside_a_file_that_make_no_sense_are_refused(home, tmp_path, text, told):
    shutil.copy(home / "sd1.safetensors", tmp_path / "a.safetensors")
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(WeightsError, match=rf"a\.yaml: .*{told}"):
        load_single_file(tmp_path / "a.safetensors", FULL, FULL, configs=home / "configs")


def test_prediction_and_zero_terminal_noise_of_sdxl_are_told_by_marker_tensors(home, tmp_path):
    state = load_file(home / "sdxl.safetensors") | {"v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}
    save_file(state, tmp_path / "v.safetensors")
    found = load_single_file(tmp_path / "v.safetensors", FULL, FULL, configs=home / "configs")
    assert found.prediction == "v_prediction"
    assert found.signal_shares[-1] < 1e-6


def test_half_precision_leaves_the_autoencoder_in_float32(home, monkeypatch):
    monkeypatch.setenv(PRECISION_VARIABLE, "float16")
    model = load_model(str(home / "sd1"), ModelPool())
    assert model.unet.dtype == model.text[0].encoder.dtype == model.dtype == torch.float16
    assert model.autoencoder.decode(torch.zeros(1, 4, 2, 2, dtype=torch.float16)).dtype == torch.float32


def test_old_names_pieces_and_other_formats_of_a_folder_give_the_same_model(home, tmp_path):
    folder = shutil.copytree(home / "sd1", tmp_path / "old")
    unet, vae = (folder / part / "diffusion_pytorch_model.safetensors" for part in ("unet", "vae"))
    state = load_file(unet)
    keys = sorted(state)
    save_file({k: state[k] for k in keys[::2]}, unet.with_name("diffusion_pytorch_model-00001-of-00002.safetensors"))
    save_file({k: state[k] for k in keys[1::2]}, unet.with_name("diffusion_pytorch_model-00002-of-00002.safetensors"))
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {
        functools.reduce(lambda name, new: name.replace(new, old[new]), old, key): tensor
        for key, tensor in load_file(vae).items()
    }
    torch.save(renamed, vae.with_suffix(".bin"))
    encoder = folder / "text_encoder" / "model.safetensors"
    save_file(
        {f"text_model.{k}": v for k, v in load_file(encoder).items()}, encoder.with_name("model.fp16.safetensors")
    )
    for path in (unet, vae, encoder):
        path.unlink()
    assert same(tensors(load_folder(folder, FULL, FULL)), tensors(load_folder(home / "sd1", FULL, FULL)))


def test_mini_loads_by_name_and_is_loaded_once():
    pool = ModelPool()
    model = load_model("mini", pool)
    assert load_model("mini", pool) is model
    assert model.family == "sd1"
    assert model.native[0] == model.unet.config.sample_size * model.autoencoder.factor
    assert not any(p.requires_grad for p in model.unet.parameters())


def test_identity_changes_with_weights_and_with_settings(home, tmp_path):
    folder = shutil.copytree(home / "sd1", tmp_path / "copy")
    before = load_model(str(folder), ModelPool()).identity
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("epsilon", "v_prediction"))
    changed = load_model(str(folder), ModelPool())
    assert before == load_model(str(home / "sd1"), ModelPool()).identity
    assert (changed.identity != before, changed.prediction) == (True, "v_prediction")


@pytest.mark.parametrize(
    ("key", "change", "told"),
    [
        ("model.diffusion_model.input_blocks.1.0.in_layers.2.weight", lambda t: t * float("nan"), "NaN"),
        ("first_stage_model.decoder.conv_in.bias", lambda t: t / 0, "NaN or infinity"),
        ("model.diffusion_model.middle_block.0.in_layers.2.weight", None, "lacks 1 tensors"),
        ("model.diffusion_model.middle_block.0.in_layers.2.weight", lambda t: t[:3], "another shape"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", None, "the text encoder lacks"),
        ("model.diffusion_model.out.2.weight", None, "without its first or last layer"),
        ("model.diffusion_model.input_blocks.0.0.weight", lambda t: torch.zeros(16, 8, 3, 3), "InstructPix2Pix"),
    ],
)
def test_damaged_weights_are_refused_naming_the_network(home, tmp_path, key, change, told):
    state = load_file(home / "sd1.safetensors")
    tensor = state.pop(key)
    if change:
        state[key] = change(tensor).contiguous()
    save_file(state, tmp_path / "bad.safetensors")
    with pytest.raises(WeightsError, match=told):
        load_single_file(tmp_path / "bad.safetensors", FULL, FULL, configs=home / "configs")


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("model_index.json", '{"_class_name": "FluxPipeline"}', "FluxPipeline"),
        ("model_index.json", "[" * 100_000, "cannot be read as settings"),
        ("unet/config.json", '{"_class_name": "UNet2DConditionModel", "block_out_channels": "x"}', "make no network"),
        ("unet/config.json", '{"_class_name": "os.system"}', "class 'os.system'"),
        ("vae/config.json", '{"_class_name": "AutoencoderKL", "latent_channels": 8}', "another shape"),
        ("scheduler/scheduler_config.json", '{"beta_schedule": "magic"}', "magic"),
        ("scheduler/scheduler_config.json", '{"prediction_type": "vibes"}', "vibes"),
        ("tokenizer/tokenizer.json", "{}", "no CLIP tokenizer"),
        ("unet/diffusion_pytorch_model.safetensors", "short", "cannot be read"),
    ],
)
def test_damaged_folders_are_refused(home, tmp_path, path, text, told):
    folder = shutil.copytree(home / "sd1", tmp_path / "bad")
    (folder / path).write_text(text)
    with pytest.raises(WeightsError, match=told):
        load_model(str(folder), ModelPool())


def test_a_message_names_the_file(tmp_path):
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(1)}, tmp_path / "style.safetensors")
    with pytest.raises(WeightsError, match=r"style\.safetensors: holds a LoRA"):
        load_model(str(tmp_path / "style.safetensors"), ModelPool())


def test_shipped_settings_are_those_of_the_public_models():
    sizes = {"sd1": (320, 768), "sd2": (320, 1024), "sdxl": (320, 2048)}
    for family, (width, context) in sizes.items():
        settings = json.loads((CONFIGS / family / "unet" / "config.json").read_text())
        with pytest.raises(WeightsError, match=rf"the UNet lacks {UNET_TENSORS[family]} tensors"):
            made_unet(settings, {}, FULL)
        assert (settings["block_out_channels"][0], settings["cross_attention_dim"]) == (width, context)


def test_the_shipped_settings_of_the_refiner_are_those_of_the_public_one():
    settings = json.loads((CONFIGS / "sdxl" / "unet_refiner" / "config.json").read_text())
    with pytest.raises(WeightsError, match="the UNet lacks 1220 tensors"):
        made_unet(settings, {}, FULL)


UNET_TENSORS = {"sd1": 686, "sd2": 686, "sdxl": 1680}  # of the public checkpoints

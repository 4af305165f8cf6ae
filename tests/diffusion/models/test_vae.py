import pytest
import torch
from safetensors.torch import load_file, save_file

from core.devices import ModelPool
from core.errors import WeightsError
from core.weights import MODELS_VARIABLE
from diffusion.backends.stills import Options, build
from diffusion.models.files import vae_path
from diffusion.models.load import load_model
from diffusion.models.vae import load_vae
from tests.diffusion.models.toy import original_state, save_configs, toy_pipeline, toy_vae

FULL = torch.float32


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A web UI's folder with a checkpoint and autoencoders: beside it, named like it, and another."""
    for name in ("Stable-diffusion/a.safetensors", "Stable-diffusion/b.safetensors", "Stable-diffusion/a.vae.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "VAE").mkdir()
    for name in ("a.safetensors", "b.vae.ckpt", "other.safetensors"):
        (tmp_path / "VAE" / name).write_text(name)
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("choice", "checkpoint", "found"),
    [
        ("automatic", "a", "Stable-diffusion/a.vae.pt"),
        ("Automatic", "b", "VAE/b.vae.ckpt"),
        ("automatic", "c", None),
        ("None", "a", None),
        ("other", "a", "VAE/other.safetensors"),
        ("other.safetensors", "c", "VAE/other.safetensors"),
    ],
)
def test_the_choice_goes_from_beside_to_the_folder_to_the_checkpoints_own(home, choice, checkpoint, found):
    path = vae_path(choice, home / "Stable-diffusion" / f"{checkpoint}.safetensors")
    assert path == (home / found if found else None)


def test_a_name_that_is_not_there_is_told_with_the_nearest(home):
    with pytest.raises(WeightsError, match="Did you mean 'other'"):
        vae_path("othr", home / "Stable-diffusion" / "a.safetensors")


def test_every_form_of_file_gives_the_same_autoencoder(tmp_path):
    pipeline = toy_pipeline("sd1")
    save_configs(pipeline, "sd1", tmp_path / "configs")
    state = {k: v.clone() for k, v in original_state(pipeline, "sd1").items() if k.startswith("first_stage_model.")}
    bare = {key.removeprefix("first_stage_model."): tensor for key, tensor in state.items()}
    save_file(state, tmp_path / "prefixed.vae.safetensors")
    torch.save({"state_dict": bare | {"loss.x": torch.zeros(1)}}, tmp_path / "bare.vae.pt")
    save_file(dict(pipeline.vae.state_dict()), tmp_path / "diffusers.safetensors")
    pipeline.vae.save_pretrained(tmp_path / "folder")
    for name in ("prefixed.vae.safetensors", "bare.vae.pt", "diffusers.safetensors", "folder"):
        ours = load_vae(tmp_path / name, "sd1", FULL, configs=tmp_path / "configs").state_dict()
        assert all(torch.equal(ours[key], tensor) for key, tensor in pipeline.vae.state_dict().items()), name


def test_what_is_no_autoencoder_is_refused(tmp_path):
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"x\.safetensors: holds no autoencoder"):
        load_vae(tmp_path / "x.safetensors", "sd1", FULL)


def test_a_model_works_with_the_autoencoder_asked_for_and_its_pictures_are_others(tmp_path):
    toy_pipeline("sd1").save_pretrained(tmp_path / "model")
    torch.manual_seed(99)
    toy_vae().save_pretrained(tmp_path / "vae")
    pool, model, vae = ModelPool(), str(tmp_path / "model"), str(tmp_path / "vae")
    own, other = load_model(model, pool), load_model(model, pool, vae=vae)
    latent = torch.ones(1, 4, 2, 2)
    assert not torch.equal(own.autoencoder.decode(latent), other.autoencoder.decode(latent))
    expected = load_file(tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    assert torch.equal(other.autoencoder.network.state_dict()["decoder.conv_in.bias"], expected["decoder.conv_in.bias"])
    identities = {build(Options(model, choice), pool).identity for choice in ("automatic", "none", vae)}
    assert len(identities) == 2

"""TAESD in the forms it is published in, made here at its real size with random weights."""

import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Size
from core.weights import EMBEDDED, MODELS_VARIABLE
from diffusion.backends.stills import Options, build
from diffusion.models.files import quick_vae, vae_identity, vae_path
from diffusion.models.vae import load_vae
from diffusion.request import ImageRequest, Sampling
from tests.diffusion.models.toy import toy_pipeline

FULL = torch.float32


def tiny():
    torch.manual_seed(5)
    return AutoencoderTiny().eval()


def originals(network):
    """The tensors of encoder and decoder under their first names: layers counted, a decoder's from 1."""
    encoder = {f"{name.removeprefix('layers.')}": t for name, t in network.encoder.state_dict().items()}
    decoder = {}
    for name, tensor in network.decoder.state_dict().items():
        number, rest = name.removeprefix("layers.").split(".", 1)
        decoder[f"{int(number) + 1}.{rest}"] = tensor
    return encoder, decoder


def write_originals(folder, stem="taesd", ending=".pth"):
    folder.mkdir(parents=True, exist_ok=True)
    for half, tensors in zip(("encoder", "decoder"), originals(tiny()), strict=True):
        path = folder / f"{stem}_{half}{ending}"
        torch.save(tensors, path) if ending == ".pth" else save_file(tensors, path)


def same(ours, theirs):
    ours, theirs = ours.state_dict(), theirs.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A web UI's folder with a checkpoint of each kind of latents."""
    for family in ("sd1", "sdxl"):
        toy_pipeline(family).save_pretrained(tmp_path / family)
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_the_original_two_files_give_the_network_of_diffusers(tmp_path, ending):
    write_originals(tmp_path, ending=ending)
    for half in ("decoder", "encoder"):
        assert same(load_vae(tmp_path / f"taesd_{half}{ending}", "sd1", FULL), tiny())


def test_a_folder_and_its_one_file_give_the_same(tmp_path):
    tiny().save_pretrained(tmp_path / "taesd")
    assert same(load_vae(tmp_path / "taesd", "sd1", FULL), tiny())
    assert same(load_vae(tmp_path / "taesd" / "diffusion_pytorch_model.safetensors", "sd1", FULL), tiny())


def test_the_choice_follows_the_family_of_the_checkpoint(home):
    for stem in ("taesd", "taesdxl"):
        write_originals(home / "VAE-approx", stem)
    assert vae_path("taesd", home / "sd1").name == "taesd_decoder.pth"
    assert vae_path("TAESD", home / "sdxl").name == "taesdxl_decoder.pth"
    assert vae_path("taesdxl_decoder", home / "sd1").name == "taesdxl_decoder.pth"


def test_a_folder_goes_before_files(home):
    write_originals(home / "VAE-approx")
    tiny().save_pretrained(home / "VAE-approx" / "taesd")
    assert vae_path("taesd", home / "sd1").name == "taesd"


def test_what_cannot_be_is_told(home):
    with pytest.raises(WeightsError, match="no TAESD named 'taesd_decoder'"):
        vae_path("taesd", home / "sd1")
    with pytest.raises(WeightsError, match="no TAESD for its 16 channels"):
        vae_path("taesd", EMBEDDED / "mini")
    (home / "old.ckpt").write_text("")
    with pytest.raises(WeightsError, match=r"old\.ckpt: does not tell its family"):
        vae_path("taesd", home / "old.ckpt")


def test_a_decoder_alone_draws_from_text_and_says_what_it_lacks_for_pictures(home):
    write_originals(home / "VAE-approx")
    (home / "VAE-approx" / "taesd_encoder.pth").unlink()
    generator = build(Options(str(home / "sd1"), "taesd"), ModelPool())
    request = ImageRequest((("a", 1.0),), "", Size(64, 64), 1, "Euler", Sampling(steps=2))
    picture = generator.generate([request])[0]
    assert picture.shape == (64, 64, 3)
    with pytest.raises(WeightsError, match=r"Put taesd_encoder\.pth beside it"):
        generator.generate([ImageRequest((("a", 1.0),), "", Size(64, 64), 1, "Euler", Sampling(steps=2), picture)])


def test_an_encoder_without_its_decoder_is_refused(home):
    write_originals(home / "VAE-approx")
    (home / "VAE-approx" / "taesd_decoder.pth").unlink()
    with pytest.raises(WeightsError, match="holds no decoder of a TAESD"):
        load_vae(home / "VAE-approx" / "taesd_encoder.pth", "sd1", FULL)


def test_a_render_made_with_it_is_another_and_changes_with_either_file(home):
    write_originals(home / "VAE-approx")
    decoder = home / "VAE-approx" / "taesd_decoder.pth"
    before = vae_identity(decoder)
    encoder, _ = originals(tiny())
    encoder["0.bias"] = encoder["0.bias"] + 1
    torch.save(encoder, home / "VAE-approx" / "taesd_encoder.pth")
    assert vae_identity(decoder) != before
    identities = {build(Options("sd1", choice), ModelPool()).identity for choice in ("taesd", "none")}
    assert len(identities) == 2


def test_previews_take_it_where_it_is_whole_and_fits(home):
    assert quick_vae("sd1", "automatic") == "automatic"
    write_originals(home / "VAE-approx")
    assert (quick_vae("sd1", "automatic"), quick_vae("mini", "automatic")) == ("taesd", "automatic")
    (home / "VAE-approx" / "taesd_encoder.pth").unlink()
    assert quick_vae("sd1", "none") == "none"


def test_an_autoencoder_of_other_latents_is_refused_before_drawing(home):
    write_originals(home / "VAE-approx")
    with pytest.raises(WeightsError, match="latents of 4 channels, but mini draws 16"):
        build(Options("mini", "taesd_decoder"), ModelPool()).generate(
            [ImageRequest((("a", 1.0),), "", Size(64, 64), 1, "Euler", Sampling(steps=1))]
        )

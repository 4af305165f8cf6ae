"""Models run as the machine's memory and its user want it."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import UserError
from core.image import Size
from core.tuning import COMPILE_VARIABLE, MEMORY_VARIABLE, PRECISION_VARIABLE, VAE_VARIABLE, Tuning
from core.weights import MODELS_VARIABLE
from diffusion.backends.stills import Options, build
from diffusion.models.load import load_model
from diffusion.models.placing import placed, why_not_compiled
from diffusion.pictures import Studio
from diffusion.request import DrawingRules, ImageRequest, Sampling
from tests.diffusion.models.lora_toys import kohya_state
from tests.diffusion.models.toy import toy_pipeline

CPU = torch.device("cpu")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A toy model and a LoRA for it, by name."""
    toy_pipeline("sd1").save_pretrained(tmp_path / "toy")
    (tmp_path / "Lora").mkdir()
    save_file(kohya_state(toy_pipeline("sd1")), tmp_path / "Lora" / "ink.safetensors")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    return tmp_path


SMALL = Size(32, 32)


def pictures(*prompts, size=SMALL, **rules):
    studio = Studio(load_model("toy", ModelPool()))
    requests = [
        ImageRequest(((text, 1.0),), "", size, 3, "Euler", Sampling(steps=2), rules=DrawingRules(**rules))
        for text in prompts
    ]
    return studio.pictures(requests)


def test_little_memory_draws_large_pictures_in_pieces_that_nearly_match(home, monkeypatch):
    (whole,) = pictures("a", size=Size(64, 48))
    monkeypatch.setenv(MEMORY_VARIABLE, "low")
    assert load_model("toy", ModelPool()).autoencoder.network.use_tiling
    (pieces,) = pictures("a", size=Size(64, 48))
    assert pieces.shape == whole.shape
    assert 0 < np.abs(pieces - whole).mean() < 0.1
    (small,) = pictures("a", size=Size(16, 16))
    monkeypatch.setenv(MEMORY_VARIABLE, "high")
    assert np.array_equal(small, pictures("a", size=Size(16, 16))[0])


def test_seamless_tiles_are_drawn_whole_whatever_the_memory(home, monkeypatch):
    (expected,) = pictures("a", size=Size(64, 64), tiling=True)
    monkeypatch.setenv(MEMORY_VARIABLE, "low")
    assert np.array_equal(pictures("a", size=Size(64, 64), tiling=True)[0], expected)


def test_an_accelerator_with_little_memory_gets_networks_in_turns(home, monkeypatch):
    model = load_model("toy", ModelPool())
    parts = Parts(model.unet, model.autoencoder.network, model.text)
    come = placed(parts, torch.device("meta"), Tuning("balanced"), ModelPool())
    places = lambda network: {parameter.device.type for parameter in network.parameters()}  # noqa: E731
    model.unet(*(torch.zeros(shape, device="meta") for shape in ((1, 4, 8, 8), (1,), (1, 4, 16))))
    assert (places(model.unet), places(parts.vae)) == ({"meta"}, {"cpu"})
    come()
    assert (places(model.unet), places(parts.vae)) == ({"cpu"}, {"meta"})


class Parts:
    def __init__(self, unet, vae, text):
        self.unet, self.vae, self.text = unet, vae, text


def test_precision_of_networks_is_chosen_and_never_half_for_the_autoencoder(home, monkeypatch):
    monkeypatch.setenv(PRECISION_VARIABLE, "float16")
    half = load_model("toy", ModelPool())
    assert half.unet.dtype == half.text[0].encoder.dtype == half.dtype == torch.float16
    assert half.autoencoder.network.dtype == torch.float32
    monkeypatch.setenv(VAE_VARIABLE, "bfloat16")
    assert load_model("toy", ModelPool()).autoencoder.network.dtype == torch.bfloat16
    exact = load_model("toy", ModelPool(), is_exact=True)
    assert exact.unet.dtype == exact.autoencoder.network.dtype == torch.float32


def test_a_coarse_autoencoder_draws_nearly_the_same_picture(home, monkeypatch):
    (exact,) = pictures("a")
    monkeypatch.setenv(VAE_VARIABLE, "bfloat16")
    (coarse,) = pictures("a")
    assert 0 < np.abs(coarse - exact).max() < 0.1


@pytest.mark.slow
def test_a_compiled_unet_draws_the_same_with_and_without_networks(home, monkeypatch):
    words = ("a", "a <lora:ink:1>", "a")
    expected = pictures(*words)
    monkeypatch.setenv(COMPILE_VARIABLE, "eager")
    found = pictures(*words)
    assert all(np.abs(one - other).max() < 1e-3 for one, other in zip(found, expected, strict=True))
    assert np.abs(found[0] - found[1]).max() > 0.01
    assert np.array_equal(found[0], found[2])


def test_a_machine_without_a_compiler_draws_all_the_same_and_says_so(home, monkeypatch, caplog):
    (expected,) = pictures("a")

    def broken(_graph, _inputs):
        raise RuntimeError("no working compiler")

    torch._dynamo.register_backend(broken, "broken")
    monkeypatch.setenv(COMPILE_VARIABLE, "broken")
    assert np.array_equal(pictures("a")[0], expected)
    assert "cannot compile" in caplog.text
    assert "no working compiler" in caplog.text


def test_unknown_back_ends_and_what_does_not_go_together_are_refused(home, monkeypatch):
    with pytest.raises(UserError, match=r"no back-end named 'fast'.*inductor"):
        why_not_compiled(CPU, "fast")
    model = load_model("toy", ModelPool())
    parts = Parts(model.unet, model.autoencoder.network, model.text)
    with pytest.raises(UserError, match="does not come and go"):
        placed(parts, torch.device("meta"), Tuning("low", "eager"), ModelPool())


def test_a_picture_that_breaks_on_the_way_to_its_second_pass_is_drawn_again(home, monkeypatch, caplog):
    from diffusion.request import Hires

    request = ImageRequest(
        (("a", 1.0),), "", Size(32, 32), 3, "Euler", Sampling(steps=2), hires=Hires(upscaler="Lanczos", scale=2)
    )
    expected = build(Options("toy"), ModelPool()).generate([request])[0]
    monkeypatch.setenv(PRECISION_VARIABLE, "bfloat16")
    generator = build(Options("toy"), ModelPool())
    with torch.no_grad():
        generator._studio._model.autoencoder.network.decoder.conv_out.bias.fill_(float("nan"))
    assert np.array_equal(generator.generate([request])[0], expected)
    assert "broken picture" in caplog.text

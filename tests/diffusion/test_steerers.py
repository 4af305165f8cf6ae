"""ControlLoRAs and T2I-Adapters: loaded from folders and original files, refused where they do not fit, summed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, T2IAdapter
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import UserError, WeightsError
from core.image import Size
from diffusion.hints import Hint
from diffusion.models.adapter import SOFT, Adapter
from diffusion.models.controlnet import load_control
from diffusion.models.load import load_model
from diffusion.models.steerer import Added, summed
from diffusion.pictures import Studio
from diffusion.request import ControlImage, ImageRequest, Sampling
from tests.diffusion.models.toy import toy_pipeline, toy_unet
from tests.diffusion.test_controlnet import original_name
from tests.motion.pictures import clouds

SIZE, RANK = Size(30, 34), 2


def adapter(kind="full_adapter", factor=2, widths=(16, 32), channels=3, rows=2):
    torch.manual_seed(7)
    made = T2IAdapter(channels, list(widths), rows, factor, kind)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


def adapters_original_name(key, rows):
    """A full adapter's tensor under the name its authors gave it: rows counted through all blocks."""
    parts = key.removeprefix("adapter.").split(".")
    if parts[0] != "body":
        return ".".join(parts)
    if parts[2] == "in_conv":
        return f"body.{int(parts[1]) * rows}.in_conv.{parts[3]}"
    return f"body.{int(parts[1]) * rows + int(parts[3])}.{parts[4]}.{parts[5]}"


def lights_original_name(key):
    return key.removeprefix("adapter.").replace("resnets", "body")


def control_lora(unet, expected):
    """A ControlLoRA file's tensors, and the ControlNet it stands for in `expected`."""
    torch.manual_seed(9)
    network, file = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8)), {}
    state, own = network.state_dict(), unet.state_dict()
    for key, value in state.items():
        name = original_name(key)
        if key not in own:
            state[key] = file[name] = torch.randn(value.shape) * 0.3
        elif key.endswith("weight") and value.ndim > 1:
            up, down = torch.randn(value.shape[0], RANK) * 0.2, torch.randn(RANK, *value.shape[1:]) * 0.2
            stem = name.removesuffix(".weight")
            file |= {f"{stem}.up": up, f"{stem}.down": down}
            state[key] = own[key] + (up @ down.flatten(1)).reshape(value.shape)
    network.load_state_dict(state)
    expected.append(network)
    return {**file, "lora_controlnet": torch.zeros(1)}


EXPECTED: list[ControlNetModel] = []


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steerers")
    pipeline = toy_pipeline("sd1")
    pipeline.save_pretrained(folder / "model")
    save_file(control_lora(pipeline.unet, EXPECTED), folder / "lora.safetensors")
    whole = adapter()
    whole.save_pretrained(folder / "t2i")
    state = {adapters_original_name(key, 2): value for key, value in whole.state_dict().items()}
    torch.save(state, folder / "t2i.pth")
    light = adapter("light_adapter", widths=(16,), rows=4)
    torch.save({lights_original_name(key): value for key, value in light.state_dict().items()}, folder / "light.pth")
    adapter(channels=1).save_pretrained(folder / "gray")
    adapter(widths=(16, 48)).save_pretrained(folder / "wide")
    return folder


@pytest.fixture(scope="module")
def model(home):
    return load_model(str(home / "model"), ModelPool())


@pytest.fixture(scope="module")
def draw(model):
    pool = ModelPool()
    studio = Studio(model, load_control=lambda name, asked, low: load_control(name, asked, pool, low_memory=low))

    def drawn(*controls, **changes):
        request = ImageRequest((("a", 1.0),), "b", SIZE, 3, "Euler", Sampling(steps=4), controls=controls)
        return studio.pictures([replace(request, **changes)])[0]

    return drawn


def unit(home, name, **fields):
    return ControlImage(str(home / name), Hint(clouds(Size(60, 64))), **fields)


def test_a_control_lora_is_the_network_it_stands_for(home, model):
    found = load_control(str(home / "lora.safetensors"), model, ModelPool()).network.state_dict()
    for key, value in EXPECTED[0].state_dict().items():
        own = found[key.replace("cond_embedding.", "cond_embedding.network.")]
        torch.testing.assert_close(own, value, atol=1e-6, rtol=1e-5)
    assert found["controlnet_cond_embedding.network.conv_out.weight"].shape == (16, 8, 3, 3)


def test_a_control_lora_of_another_family_is_refused(home, model, tmp_path):
    other = toy_unet("sd1", block_out_channels=(32, 64))
    save_file(control_lora(other, []), tmp_path / "other.safetensors")
    with pytest.raises(WeightsError):
        load_control(str(tmp_path / "other.safetensors"), model, ModelPool())


def test_a_single_adapter_file_is_that_of_the_folder(home, model):
    folder, single = (load_control(str(home / name), model, ModelPool()) for name in ("t2i", "t2i.pth"))
    theirs = single.network.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in folder.network.state_dict().items())


def test_every_kind_acts_by_weight_window_and_mask(home, draw):
    plain = draw()
    for name in ("lora.safetensors", "t2i", "t2i.pth", "gray"):
        one = unit(home, name)
        light, full = (np.abs(draw(replace(one, weight=weight)) - plain).mean() for weight in (0.2, 1.0))
        assert 0 < light < full, name
        assert np.array_equal(draw(replace(one, weight=0.0)), plain)
        assert not np.array_equal(draw(replace(one, end=0.3)), draw(one))
        assert np.allclose(draw(replace(one, mask=np.zeros((4, 4), np.float32))), plain, atol=1e-5)


def test_adapters_are_softened_as_in_the_web_ui(home, draw):
    four = Adapter("x", "", None, 3, 4)
    assert tuple(four.softness(layer) for layer in range(4)) == SOFT == (0.25, 0.62, 0.825, 1.0)
    one = unit(home, "t2i")
    assert np.array_equal(draw(replace(one, mode="prompt")), draw(replace(one, layers=SOFT[2:])))
    assert not np.array_equal(draw(replace(one, mode="control")), draw(replace(one, mode="prompt")))


def test_kinds_are_summed_in_any_mix_and_order(home, draw):
    mix = [unit(home, "lora.safetensors", weight=0.5), unit(home, "t2i", weight=0.5), unit(home, "gray", weight=0.3)]
    together = draw(*mix)
    assert np.allclose(together, draw(*mix[::-1]), atol=1e-4)
    assert all(not np.allclose(together, draw(*mix[:n], *mix[n + 1 :]), atol=1e-3) for n in range(3))


def test_sums_keep_what_only_one_adds():
    skips, inner = [torch.ones(1), torch.ones(1)], [torch.full((1,), 3.0)]
    both = summed([Added(skips, torch.ones(1)), Added(inner=inner), Added(skips, torch.ones(1))])
    assert [float(part) for part in both.skips] == [2, 2] and float(both.middle) == 2
    assert [float(part) for part in both.inner] == [3]
    assert summed([]).for_unet() == {} and set(summed([Added(inner=inner)]).for_unet()) == {
        "down_intrablock_additional_residuals"
    }


def test_what_does_not_fit_is_refused(home, model, draw, tmp_path):
    with pytest.raises(WeightsError, match="another family"):
        load_control(str(home / "wide"), model, ModelPool())
    with pytest.raises(WeightsError, match="another family"):
        load_control(str(home / "light.pth"), model, ModelPool())
    torch.save({"body.0.strange": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="T2I-Adapter"):
        load_control(str(tmp_path / "x.pth"), model, ModelPool())
    with pytest.raises(UserError, match="3 factors of layers"):
        draw(unit(home, "t2i", layers=(1.0, 1.0, 1.0)))


def test_a_light_adapter_has_one_layer_more_than_widths(home, tmp_path):
    pipeline = toy_pipeline("sd1")
    pipeline.unet = toy_unet("sd1", block_out_channels=(16, 16))
    pipeline.save_pretrained(tmp_path / "even")
    found = load_control(str(home / "light.pth"), load_model(str(tmp_path / "even"), ModelPool()), ModelPool())
    theirs = adapter("light_adapter", widths=(16,), rows=4).state_dict()
    assert found.layers == 2
    assert all(torch.equal(value, theirs[key]) for key, value in found.network.state_dict().items())


def test_an_xl_adapter_steers_sdxl(tmp_path):
    toy_pipeline("sdxl").save_pretrained(tmp_path / "xl")
    adapter("full_adapter_xl", factor=4).save_pretrained(tmp_path / "t2i")
    pool = ModelPool()
    model = load_model(str(tmp_path / "xl"), pool)
    studio = Studio(model, load_control=lambda name, asked, low: load_control(name, asked, pool))
    request = ImageRequest((("a", 1.0),), "b", SIZE, 3, "Euler", Sampling(steps=2))
    steered = replace(request, controls=(unit(tmp_path, "t2i"),))
    assert not np.array_equal(studio.pictures([request])[0], studio.pictures([steered])[0])

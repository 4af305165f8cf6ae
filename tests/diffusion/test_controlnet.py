"""Control networks: loaded from folders and single files, refused where they do not fit, and felt in pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import UserError, WeightsError
from core.image import Size
from diffusion.hints import Hint
from diffusion.models.controlnet import ControlNetwork, load_control
from diffusion.models.load import load_model
from diffusion.pictures import Studio
from diffusion.request import ControlImage, ImageRequest, Refiner, Sampling
from tests.diffusion.models.toy import toy_pipeline, toy_unet, unet_name
from tests.motion.pictures import clouds

SIZE = Size(30, 32)


def network(family="sd1", channels=3):
    torch.manual_seed(5)
    made = ControlNetModel.from_unet(
        toy_unet(family), conditioning_embedding_out_channels=(4, 8), conditioning_channels=channels
    )
    zeroed = (made.controlnet_down_blocks, made.controlnet_mid_block, made.controlnet_cond_embedding.conv_out)
    for parameter in (one for part in zeroed for one in part.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def original_name(key):
    """A tensor's name in the files of ControlNet's authors."""
    head, *rest = key.split(".")
    if head == "controlnet_down_blocks":
        return f"zero_convs.{rest[0]}.0.{rest[1]}"
    if head == "controlnet_mid_block":
        return f"middle_block_out.0.{rest[0]}"
    if head == "controlnet_cond_embedding":
        if rest[0] == "blocks":
            return f"input_hint_block.{2 * (int(rest[1]) + 1)}.{rest[2]}"
        return f"input_hint_block.{0 if rest[0] == 'conv_in' else 14}.{rest[1]}"
    return unet_name(key, ())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("control")
    toy_pipeline("sd1").save_pretrained(folder / "model")
    network().save_pretrained(folder / "canny")
    network(channels=6).save_pretrained(folder / "temporal2")
    network("sdxl").save_pretrained(folder / "xl")
    state = {f"control_model.{original_name(key)}": value for key, value in network().state_dict().items()}
    save_file(state, folder / "canny.safetensors")
    torch.save(state, folder / "canny.pth")
    return folder


@pytest.fixture(scope="module")
def model(home):
    return load_model(str(home / "model"), ModelPool())


@pytest.fixture(scope="module")
def draw(model):
    pool = ModelPool()

    def load(name, asked, low_memory):
        return load_control(name, asked, pool, low_memory=low_memory)

    studio = Studio(model, load=lambda _: model, load_control=load)

    def drawn(*controls, **changes):
        request = ImageRequest((("a", 1.0),), "b", SIZE, 3, "Euler", Sampling(steps=4), controls=controls)
        return studio.pictures([replace(request, **changes)])[0]

    return drawn


@pytest.fixture
def canny(home):
    return ControlImage(str(home / "canny"), Hint(clouds(Size(60, 64))))


def softness(layers):
    one = ControlNetwork("x", "", None, 3, layers, False)
    return [one.softness(layer) for layer in range(layers)]


def test_soft_weights_are_the_web_uis():
    told = (0.0994, 0.1205, 0.1461, 0.1770, 0.2146, 0.2601, 0.3153, 0.3822, 0.4633, 0.5615, 0.6806, 0.8250, 1)
    assert softness(13) == pytest.approx(told, abs=1e-4)
    assert softness(10) == pytest.approx(told[:10], abs=1e-4)


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_single_file_is_the_network_of_the_folder(home, model, ending):
    folder, single = (load_control(str(home / name), model, ModelPool()) for name in ("canny", f"canny{ending}"))
    theirs = single.network.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in folder.network.state_dict().items())


def test_a_control_acts_by_its_weight(draw, canny):
    plain = draw()
    light, full = (np.abs(draw(replace(canny, weight=weight)) - plain).mean() for weight in (0.2, 1.0))
    assert 0 < light < full
    assert np.array_equal(draw(replace(canny, weight=0.0)), plain)


def test_another_hint_gives_another_picture(draw, canny):
    assert not np.array_equal(draw(canny), draw(replace(canny, hint=Hint(clouds(Size(60, 64), seed=2)))))


def test_units_are_summed_in_any_order(draw, canny):
    other = replace(canny, hint=Hint(clouds(Size(60, 64), seed=2)), weight=0.5)
    assert np.allclose(draw(canny, other), draw(other, canny), atol=1e-4)
    assert not np.allclose(draw(canny, other), draw(canny), atol=1e-3)


def test_a_window_outside_the_steps_changes_nothing(draw, canny):
    assert np.array_equal(draw(replace(canny, start=0.8, end=0.9)), draw())  # four steps: at 0, 1/4, 1/2 and 3/4
    assert not np.array_equal(draw(replace(canny, start=0.7, end=0.9)), draw())


def test_a_window_without_steps_is_told_once(draw, canny, caplog):
    idle = replace(canny, start=0.81, end=0.9)
    draw(idle)
    draw(idle)
    assert [record.message for record in caplog.records if "no effect" in record.message] == [
        f"{canny.model} acts from 0.81 to 0.9 of the run, where none of the 4 steps lies: no effect"
    ]


def test_factors_of_layers_replace_those_of_the_mode(draw, canny):
    count = len(network().controlnet_down_blocks) + 1
    soft = tuple(softness(count))
    assert np.array_equal(draw(replace(canny, layers=soft)), draw(replace(canny, mode="prompt")))
    assert np.array_equal(draw(replace(canny, layers=(0.0,) * count)), draw())
    with pytest.raises(UserError, match=f"2 factors of layers, .* has {count} layers"):
        draw(replace(canny, layers=(1.0, 1.0)))


def test_low_memory_gives_the_same_picture_and_says_where_it_saves_nothing(draw, canny, caplog):
    assert np.array_equal(draw(replace(canny, low_memory=True)), draw(canny))
    assert "low memory has no effect" in caplog.text


def test_three_channels_see_the_first_picture_alone(draw, canny):
    with_flow = replace(canny, hint=replace(canny.hint, flow=clouds(Size(60, 64), seed=9)))
    assert np.array_equal(draw(with_flow), draw(canny))


def test_a_flow_picture_that_must_be_seen_wants_six_channels(draw, canny):
    picture = clouds(Size(60, 64), seed=9)
    with pytest.raises(UserError, match="looks at 3 channels, so the flow of TemporalNet 2 would have no effect"):
        draw(replace(canny, hint=Hint(picture, flow=picture, needs_flow=True)))


def test_hints_are_looked_at_once_a_picture_however_many_steps(model, canny):
    pool, seen = ModelPool(), []

    def load(name, asked, low_memory):
        found = load_control(name, asked, pool, low_memory=low_memory)
        found.network.controlnet_cond_embedding.network.register_forward_hook(lambda *_: seen.append(1))
        return found

    request = ImageRequest((("a", 1.0),), "b", SIZE, 3, "Euler", Sampling(steps=4), controls=(canny,))
    Studio(model, load_control=load).pictures([request, replace(request, seed=4)])
    assert len(seen) == 2


def test_units_act_while_a_refiner_draws_too(draw, canny):
    both = (draw(canny), draw(canny, refiner=Refiner("same", 0.5)))
    assert np.array_equal(*both)


def test_a_unit_of_another_family_than_the_refiner_rests_there_and_is_told(model, canny, caplog, tmp_path):
    toy_pipeline("sd1").save_pretrained(tmp_path / "other")
    other = load_model(str(tmp_path / "other"), ModelPool())
    pool = ModelPool()

    def load(name, asked, low_memory):
        if asked is other:
            raise WeightsError("another family")
        return load_control(name, asked, pool, low_memory=low_memory)

    studio = Studio(model, load=lambda _: other, load_control=load)
    request = ImageRequest((("a", 1.0),), "b", SIZE, 3, "Euler", Sampling(steps=4), refiner=Refiner("other", 0.5))
    plain, steered = (studio.pictures([replace(request, controls=units)])[0] for units in ((), (canny,)))
    assert not np.array_equal(plain, steered)
    assert "rests while that one draws" in caplog.text


def test_each_mode_gives_its_own_picture(draw, canny):
    found = [draw(replace(canny, mode=mode)) for mode in ("balanced", "prompt", "control")]
    assert not any(np.array_equal(one, other) for one, other in zip(found, [*found[1:], found[0]], strict=True))


def test_a_mask_keeps_it_to_its_place(draw, canny):
    nowhere, everywhere = np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)
    assert np.allclose(draw(replace(canny, mask=nowhere)), draw(), atol=1e-5)
    assert np.allclose(draw(replace(canny, mask=everywhere)), draw(canny), atol=1e-5)


def test_it_acts_in_image_to_image(draw, canny):
    init = clouds(SIZE, seed=4)
    assert not np.array_equal(draw(canny, init=init), draw(init=init))


def test_six_channels_want_a_flow_picture(draw, home):
    picture = clouds(Size(60, 64))
    two = ControlImage(str(home / "temporal2"), Hint(picture, flow=picture))
    assert not np.array_equal(draw(two), draw())
    with pytest.raises(UserError, match="6 channels, the hint has 3"):
        draw(replace(two, hint=Hint(picture)))


@pytest.mark.parametrize("changes", [{"weight": 2.5}, {"weight": -1.0}, {"start": 0.6, "end": 0.4}])
def test_numbers_out_of_range_are_refused(draw, canny, changes):
    with pytest.raises(UserError, match="control"):
        draw(replace(canny, **changes))


def test_another_family_is_refused(home, model):
    with pytest.raises(WeightsError, match="another family"):
        load_control(str(home / "xl"), model, ModelPool())


def test_what_is_no_control_network_is_told(tmp_path, model):
    save_file({"lora_unet_x.lora_up.weight": torch.ones(2, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="holds a LoRA"):
        load_control(str(tmp_path / "x.safetensors"), model, ModelPool())
    (tmp_path / "y.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(WeightsError):
        load_control(str(tmp_path / "y.safetensors"), model, ModelPool())

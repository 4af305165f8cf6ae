"""Control units of single pictures: asked for on a line, drawn from text, pictures and masks, told in infotexts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel

from animator.orders.asked import Asked, prepared
from animator.orders.files import Target
from animator.orders.units import UnitsAsked
from core.devices import ModelPool
from core.errors import ProjectError
from core.image import Size
from media.stills import write_png
from tests.diffusion.models.toy import toy_pipeline, toy_unet
from tests.motion.pictures import clouds


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("units")
    toy_pipeline("sd1").save_pretrained(folder / "model")
    torch.manual_seed(5)
    net = ControlNetModel.from_unet(toy_unet("sd1"), conditioning_embedding_out_channels=(4, 8))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    net.save_pretrained(folder / "model" / "controlnet-canny")
    net.save_pretrained(folder / "other")
    write_png(folder / "a.png", clouds(Size(40, 40)))
    write_png(folder / "b.png", clouds(Size(40, 40), seed=2))
    hole = np.zeros((40, 40, 3), np.uint8)
    hole[4:20, 4:20] = 255
    write_png(folder / "hole.png", hole)
    return folder


def made(home, units=None, changes=(), **asked):
    given = {"prompt": "a", "model": str(home / "model"), "size": "32x32", "steps": "2", "seed": "3", **dict(changes)}
    order = Asked(tuple(given.items()), Target(home / "out.png"), units=units or UnitsAsked(), grid=False, **asked)
    run, warnings = prepared(order, ModelPool())
    [(picture, _)] = run.pictures()
    return picture, warnings


def faults(home, *given, **asked):
    with pytest.raises(ProjectError) as told:
        made(home, UnitsAsked(*given), **asked)
    return "\n".join(map(str, told.value.faults))


def test_a_line_says_control_weight_and_window(home):
    [unit, other], wrong = UnitsAsked(("canny:0.8:0.1-0.9", "depth"), (str(home / "a.png"), "auto")).units()
    assert (unit.control, unit.weight, unit.start, unit.end) == ("canny", 0.8, 0.1, 0.9)
    assert (unit.source, other.control, other.weight, other.source) == (str(home / "a.png"), "depth", 1.0, "")
    assert not wrong


def test_settings_go_to_one_unit_or_to_all(home):
    texts = ("fit=fill", "2.mode=prompt", "1.options.low=50", "layers=[1, 0.5]")
    [one, two], wrong = UnitsAsked(("canny", "depth"), (), (), texts).units()
    assert not wrong and (one.fit, two.fit, one.mode, two.mode) == ("fill", "fill", "balanced", "prompt")
    assert dict(one.options) == {"low": 50} and one.layers == two.layers == (1.0, 0.5)


def test_everything_wrong_is_told_at_once(home):
    told = faults(home, ("cany:3:0.9-0.1", "canny:x"), ("none.png", "a", "b"), (), ("9.fit=crop", "fot=fill"))
    for text in ("3 for 2 units", "'x' is no number", "9.fit=crop", "fot: no such setting"):
        assert text in told
    told = faults(home, ("cany:3:0.9-0.1",), (str(home / "none.png"),))
    for text in (
        "--control 1: control",
        "'canny'",
        "1: weight: 3 is out of range",
        "before start",
        "none.png",
    ):
        assert text in told
    assert "there is no unit" in faults(home, (), (str(home / "a.png"),))
    assert "has no picture" in faults(home, ("canny",))
    assert "there is none" in faults(home, ("temporal",))


def test_a_unit_steers_text_to_image_and_says_so(home):
    plain, _ = made(home)
    steered, warnings = made(home, UnitsAsked(("canny:0.8",), (str(home / "a.png"),)))
    assert not np.array_equal(plain.image, steered.image) and not warnings
    told = steered.infotext.fields["ControlNet 0"]
    assert told.startswith("Module: canny, Model: controlnet-canny, Weight: 0.8, Resize Mode: Crop and Resize")
    assert "Guidance Start: 0, Guidance End: 1, Pixel Perfect: False, Control Mode: Balanced" in told
    again, _ = made(home, UnitsAsked(("canny:0.8",), (str(home / "a.png"),)))
    assert np.array_equal(steered.image, again.image)


def test_units_without_a_picture_see_the_one_that_is_started_from(home):
    start = {"init": home / "a.png", "changes": (("denoise", "0.9"), ("size", "40x40"))}
    own, _ = made(home, UnitsAsked(("canny",), (str(home / "a.png"),)), **start)
    init, _ = made(home, UnitsAsked(("canny",)), **start)
    other, _ = made(home, UnitsAsked(("canny",), (str(home / "b.png"),)), **start)
    assert np.array_equal(own.image, init.image) and not np.array_equal(own.image, other.image)


@pytest.mark.parametrize("area", ["whole picture", "only masked"])
def test_units_steer_inpainting_and_see_the_part_that_is_drawn(home, area):
    start = {"init": home / "a.png", "mask": home / "hole.png"}
    changes = (("denoise", "0.9"), ("size", "40x40"), ("area", area), ("padding", "2"))
    plain, _ = made(home, None, changes, **start)
    init, _ = made(home, UnitsAsked(("canny",)), changes, **start)
    own, _ = made(home, UnitsAsked(("canny",), (str(home / "a.png"),)), changes, **start)
    assert not np.array_equal(plain.image, init.image)
    assert np.array_equal(plain.image[30:, 30:], init.image[30:, 30:])
    assert np.abs(own.image.astype(int) - init.image).max() <= 2


def test_two_networks_at_once(home):
    one = UnitsAsked(("canny",), (str(home / "a.png"),))
    two = UnitsAsked(("canny", "picture:0.5"), (str(home / "a.png"),), ("auto", str(home / "other")))
    assert not np.array_equal(made(home, one)[0].image, made(home, two)[0].image)


def test_a_unit_without_weight_is_told(home):
    _, warnings = made(home, UnitsAsked(("canny:0",), (str(home / "a.png"),)))
    assert warnings == ["--control 1: weight: is 0 at every frame, so the unit has no effect"]
    assert Path(home / "out.png").exists()

"""Projects whose pictures are steered by control networks: drawn, resumed, and refused where networks do not fit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel

from animator.build import build_mode
from animator.project import parse
from animator.steps import Carry, step_keys
from animator.timeline import Timeline
from core.devices import ModelPool
from core.errors import ProjectError
from core.image import Size
from media.stills import write_png
from tests.diffusion.models.toy import toy_pipeline, toy_unet
from tests.motion.pictures import clouds


def network(folder, family="sd1", channels=3):
    torch.manual_seed(5)
    made = ControlNetModel.from_unet(
        toy_unet(family), conditioning_embedding_out_channels=(4, 8), conditioning_channels=channels
    )
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    made.save_pretrained(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steered")
    toy_pipeline("sd1").save_pretrained(folder / "model")
    network(folder / "net")
    network(folder / "model" / "controlnet-temporal", channels=6)
    network(folder / "xl", "sdxl")
    write_png(folder / "a.png", clouds(Size(40, 40)))
    return folder


def project(home, *units, **fields):
    data = {
        "frames": 4, "size": [32, 32], "model": str(home / "model"), "prompts": {"0": "a"}, "sampler": "Euler",
        "sampling": {"steps": 2, "denoise": 0.9}, "camera": {"zoom": 1.05}, "controls": [*units], **fields,
    }  # fmt: skip
    return parse(data, "test", folder=home).project


def rendered(home, project):
    mode, carry, images = build_mode(project, home, ModelPool()), Carry(), []
    for step in mode.plan(Timeline(project)):
        made, carry = mode.run(step, carry)
        images += made
    return images


def same(one, other):
    return [bool(np.array_equal(*pair)) for pair in zip(one, other, strict=True)]


@pytest.mark.parametrize("mode", ["flat", "depth"])
@pytest.mark.parametrize(
    "unit", [{"source": "a.png"}, {"source": "a.png", "control": "depth"}, {"control": "temporal"}]
)
def test_networks_steer_every_mode(mode, unit, home):
    model = {} if unit.get("control") == "temporal" else {"model": str(home / "net")}
    plain = rendered(home, project(home, mode=mode, frames=2))
    steered = rendered(home, project(home, {**model, **unit, "options": {}}, mode=mode, frames=2))
    assert same(plain, steered) == [unit.get("control") == "temporal", False]  # there is no frame before the first
    assert all(same(steered, rendered(home, project(home, {**model, **unit}, mode=mode, frames=2))))


def test_a_moving_weight_acts_where_it_is_not_zero(home):
    def unit(weight):
        return {"model": str(home / "net"), "source": "a.png", "weight": weight}

    found = same(rendered(home, project(home)), rendered(home, project(home, unit("0:(0), 1:(0), 2:(1)"))))
    assert found == [True, True, False, False]


def test_keys_change_with_what_units_name_and_from_the_frame_whose_weight_does(home, tmp_path):
    def keys(*units):
        made = project(home, *units)
        mode = build_mode(made, home, ModelPool())
        return step_keys(mode.plan(Timeline(made)), mode.identity)

    one = {"model": str(home / "net"), "source": "a.png"}
    first = keys(one)
    assert first == keys(one)
    late = keys({**one, "weight": "0:(1), 2:(1), 3:(0.5)"})
    assert [old == new for old, new in zip(first, late, strict=True)] == [True, True, True, False]
    for other in (
        {**one, "mode": "prompt"}, {**one, "options": {"low": 50}}, {**one, "fit": "fill"}, {"model": str(home / "net")}
    ):  # fmt: skip
        assert keys(other)[0] != first[0]
    write_png(home / "a.png", clouds(Size(40, 40), seed=8))
    assert keys(one)[0] != first[0]
    write_png(home / "a.png", clouds(Size(40, 40)))
    assert keys(one) == first


def test_a_network_of_another_family_is_told_with_the_project(home):
    with pytest.raises(ProjectError, match=r"controls\.0\.model: xl is for another family .* 32 wide, .* has 16"):
        project(home, {"model": str(home / "xl"), "source": "a.png"})


def test_a_preview_asks_no_networks(home):
    made = replace(project(home, {"model": str(home / "net"), "source": "a.png"}), generator="passthrough")
    assert len(rendered(home, made)) == 4

from dataclasses import replace

import numpy as np
import pytest

from animator.orders.order import Order, Start
from animator.orders.settings import TABLE, UNWRITTEN, changed, setting, value_of, with_setting
from core.errors import UnknownName, UserError
from core.image import Size
from diffusion.request import Hires, Refiner

PICTURE = np.zeros((16, 16, 3), np.uint8)
FULL = Order(start=Start((PICTURE,)), hires=Hires(), refiner=Refiner("x"))
SAMPLES = {
    "sampler": "DPM++ 2M", "hires_sampler": "Euler", "schedule": "Karras", "hires_schedule": "Beta",
    "hires_upscaler": "Latent (nearest)", "img2img_upscaler": "Lanczos",
}  # fmt: skip


@pytest.mark.parametrize("one", [*TABLE, *UNWRITTEN], ids=lambda one: one.name)
def test_every_setting_is_found_by_all_its_names_and_lands_where_it_is_read(one):
    for name in (one.label, one.name, one.name.upper(), one.name.replace("_", " "), *one.aliases):
        assert setting(name) is one
    text = SAMPLES.get(one.name) or {"int": "17", "float": "0.5", "bool": "true", "size": "64x32"}.get(one.kind, "text")
    text = list(one.words)[-1] if one.words else text
    text = "1.5" if one.name == "hires_scale" else "3" if one.name in ("clip_skip", "batch_size") else text
    order = with_setting(FULL, one, text)
    if one.name not in ("width", "height"):
        assert value_of(order, one) == one.value(text)
        assert one.value(one.shown(value_of(order, one))) == one.value(text)


def test_width_and_height_change_one_side():
    order, faults = changed(Order(), [("width", "640"), ("height", "384")])
    assert order.size == Size(640, 384) and not faults


def test_denoise_is_that_of_the_second_pass_where_there_is_one():
    hires = with_setting(Order(hires=Hires()), setting("denoise"), "0.25")
    assert (hires.hires.denoise, hires.sampling.denoise) == (0.25, 0.75)
    assert with_setting(Order(), setting("denoise"), "0.25").sampling.denoise == 0.25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "0"), ("steps", "2.5"), ("cfg", "nan"), ("cfg", "x"), ("sampler", "Oiler"), ("schedule", "Karas"),
        ("tiling", "maybe"), ("size", "8x8"), ("size", "big"), ("rng", "tpu"), ("seed", "4294967296"),
        ("mask_blur", "3"),
        ("count", "0"), ("no such thing", "1"), ("width", "9000"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_and_changes_nothing(name, value):
    order, faults = changed(Order(), [(name, value), ("cfg", "3")])
    assert [fault.field for fault in faults] == [name]
    assert order == replace(Order(), sampling=replace(Order().sampling, cfg=3.0))


def test_unknown_names_list_the_nearest():
    with pytest.raises(UnknownName, match="denoise"):
        setting("denois")


def test_settings_of_a_mask_need_a_picture():
    with pytest.raises(UserError, match="--init"):
        with_setting(Order(), setting("padding"), "3")

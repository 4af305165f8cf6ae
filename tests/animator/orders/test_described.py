from dataclasses import replace

import numpy as np
import pytest

from animator.orders.described import changes_in, described, needs_picture, order_from
from animator.orders.order import Order, Start
from core.image import Size
from diffusion.inpainting import InpaintRules
from diffusion.request import DrawingRules, Hires, Refiner, Sampling
from media.infotext import parsed

MODEL = {"Model hash": "0123456789", "Model": "base15"}
PICTURE, MASK = np.zeros((16, 16, 3), np.uint8), np.ones((16, 16), np.float32)
SIZE = Size(640, 384)


def test_an_order_reads_as_the_web_ui_writes_it():
    order = Order(
        prompt="a lamp, foggy # nice", negative="cartoon", sampling=Sampling(clip_skip=2, denoise=0.75),
        seed=42, size=SIZE, rules=DrawingRules(noise="gpu"), notes={"Lora hashes": "inkA: 0a1b2c3d4e5f"},
    )  # fmt: skip
    text = str(described(order, MODEL))
    assert text.rpartition(", Version: ")[0] == (
        "a lamp, foggy\nNegative prompt: cartoon\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 42, Size: 640x384, "
        'Model hash: 0123456789, Model: base15, Clip skip: 2, Lora hashes: "inkA: 0a1b2c3d4e5f"'
    )


ORDERS = {
    "plain": Order(prompt="a", seed=3),
    "schedule": Order(prompt="a", sampler="dpmpp_2m", schedule="exponential"),
    "own schedule": Order(prompt="a", sampler="DPM++ 2M Karras"),
    "numbers": Order(
        prompt="a\nb", negative="c", seed=5,
        sampling=Sampling(
            steps=33, cfg=4.5, denoise=0.75, eta_ancestral=0.5, s_noise=1.01, sigma_min=0.1, sigma_max=10, rho=5,
            cfg_rescale=0.7, skip_negative_below=1.5, variation_seed=8, variation_strength=0.25, seed_width=64,
            seed_height=32, seed_delta=31337, clip_skip=2,
        ),
        rules=DrawingRules(noise="nv", tiling=True, emphasis="no norm", drop_penultimate=True),
        refiner=Refiner("other", 0.6),
    ),
    "hires": Order(prompt="a", hires=Hires(scale=1.5, steps=9, denoise=0.45, sampler="DDIM", cfg=3.0)),
    "hires size": Order(prompt="a", hires=Hires(width=1024, height=768, upscaler="Lanczos", prompt=(("b: c", 1.0),))),
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS.values(), ids=[*ORDERS])
def test_what_is_written_makes_the_same_order_again(order):
    text = str(described(order, {"Model": "mini"}))
    found, faults, unused = order_from(parsed(text), Order())
    assert (faults, unused) == ([], [])
    assert found.request() == replace(order.request(), sampler=found.sampler, schedule=found.schedule)
    assert str(described(found, {"Model": "mini"})) == text


@pytest.mark.parametrize(
    "rules",
    [
        InpaintRules(), InpaintRules(blur_x=2, blur_y=7, invert=True, content="latent noise"),
        InpaintRules(only_masked=True, padding=5, content="fill", soft=True),
    ],
)  # fmt: skip
def test_masks_are_described_and_come_back(rules):
    start = Start((PICTURE,), MASK, "crop", rules, conditioning=0.5, keeps_colors=True)
    order = Order(prompt="a", start=start, sampling=Sampling(denoise=0.4))
    infotext = described(order, {})
    assert needs_picture(infotext)
    found, faults, unused = order_from(parsed(str(infotext)), Order(start=Start((PICTURE,), MASK)))
    assert (faults, unused) == ([], [])
    assert (found.start.rules, found.start.mode, found.start.keeps_colors) == (rules, "crop", True)
    assert (found.start.conditioning, found.sampling.denoise) == (0.5, 0.4)


def test_a_mask_is_written_in_the_web_uis_words():
    rules = InpaintRules(only_masked=True, invert=True, content="latent nothing")
    fields = described(Order(start=Start((PICTURE,), MASK, rules=rules)), {}).fields
    assert {key: fields[key] for key in ("Mask blur", "Mask mode", "Inpaint area", "Masked area padding")} == {
        "Mask blur": "4", "Mask mode": "Inpaint not masked", "Inpaint area": "Only masked", "Masked area padding": "32",
    }  # fmt: skip
    assert fields["Masked content"] == "latent nothing" and "Mask blur x" not in fields


def test_what_does_not_act_is_not_written():
    fields = described(Order(sampler="DPM++ 2M", sampling=Sampling(seed_delta=7, variation_seed=3)), {}).fields
    assert not {"Denoising strength", "ENSD", "Variation seed", "Mask blur", "Hires upscaler"} & {*fields}


def test_the_web_uis_pictures_ask_for_what_a_cuda_device_draws():
    line = "a\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 640x384, Version: v1.5.1"
    order, faults, unused = order_from(parsed(line), Order())
    assert not faults
    assert (order.rules.noise, order.schedule, order.size) == ("nv", "Karras", SIZE)
    assert unused == []
    assert dict(changes_in(parsed(line.replace("Version", "RNG: CPU, Version")))[0])["RNG"] == "CPU"


def test_old_hires_sizes_and_use_same_are_understood():
    line = "a\nSteps: 20, Sampler: Euler, Size: 1280x768, First pass size: 640x384, Denoising strength: 0.6"
    order, faults, _ = order_from(parsed(line), Order())
    assert not faults and not needs_picture(parsed(line))
    assert (order.size, order.hires.width, order.hires.height, order.hires.denoise) == (SIZE, 1280, 768, 0.6)


def test_what_cannot_be_acted_on_is_told():
    _, faults, unused = order_from(parsed("a\nSteps: 20, Sampler: Foo, ControlNet 0: x, Seed: 1"), Order())
    assert unused == ["ControlNet 0: x"]
    assert [fault.field for fault in faults] == ["Sampler"]

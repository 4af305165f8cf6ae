from dataclasses import replace

import numpy as np
import pytest

from animator.orders.colors import corrected, with_luminosity
from animator.orders.drawing import Hands, drawn, strength
from animator.orders.order import Loop, Order, Start
from core.image import Size
from diffusion.inpainting import InpaintRules
from diffusion.request import Sampling
from diffusion.upscalers import PLAIN
from tests.animator.toys import Echo

SMALL = Size(48, 32)
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


class Painter:
    """Paints everything in one colour."""

    identity, window = "painter", 1

    def __init__(self):
        self.requests = []

    def generate(self, requests):
        self.requests += requests
        return [np.full((r.size.height, r.size.width, 3), r.seed % 256, np.uint8) for r in requests]


def made(order, generator):
    def facts(order):
        return {"Model": order.model}

    hands = Hands(lambda model: generator, facts, lambda order, canvas: (), lambda name: PLAIN[name])
    return [*drawn(order, hands)]


def test_seeds_count_up_and_each_picture_says_its_own():
    echo = Echo()
    pictures = made(Order(prompt="a", seed=5, size=SMALL, batch_size=2, count=2), echo)
    assert [request.seed for request in echo.requests] == [5, 6, 7, 8]
    assert [picture.infotext.fields["Seed"] for picture in pictures] == ["5", "6", "7", "8"]
    alone = made(replace(pictures[2].order), Echo())
    assert (alone[0].image == pictures[2].image).all()


def test_with_a_variation_the_variation_seeds_count_up():
    echo = Echo()
    order = Order(seed=5, size=SMALL, count=3, sampling=Sampling(variation_seed=20, variation_strength=0.3))
    pictures = made(order, echo)
    assert [(r.seed, r.sampling.variation_seed) for r in echo.requests] == [(5, 20), (5, 21), (5, 22)]
    assert pictures[2].infotext.fields["Variation seed"] == "22"


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ("aggressive", [0.8, 0.6469, 0.5172, 0.4304, 0.4]), ("linear", [0.8, 0.7, 0.6, 0.5, 0.4]),
        ("lazy", [0.8, 0.7696, 0.6828, 0.5531, 0.4]),
    ],
)  # fmt: skip
def test_loop_strengths_follow_their_curve(curve, expected):
    loop = Loop(5, 0.4, curve)
    assert [strength(loop, 0.8, time) for time in range(5)] == pytest.approx(expected, abs=5e-5)
    assert strength(Loop(1, 0.4, curve), 0.8, 0) == 0.8


def test_each_loop_starts_from_the_last_result_and_each_round_from_the_first_start():
    painter = Painter()
    start = Start((PICTURE,), np.ones((32, 48), np.float32), rules=InpaintRules(content="fill"))
    order = Order(seed=9, size=SMALL, count=2, start=start, loop=Loop(3, 0.1), sampling=Sampling(denoise=0.5))
    pictures = made(order, painter)
    assert [request.seed for request in painter.requests] == [9, 10, 11, 10, 11, 12] == order.seeds()
    assert [round(r.sampling.denoise, 2) for r in painter.requests] == [0.5, 0.3, 0.1] * 2
    assert (painter.requests[1].init == 9).all() and (painter.requests[4].init == 10).all()
    assert len(pictures) == order.pictures == 6


def test_a_mask_keeps_the_rest_of_the_picture():
    mask = np.zeros((32, 48), np.float32)
    mask[8:24, 8:24] = 1
    rules = InpaintRules(blur_x=0, blur_y=0, only_masked=True, padding=2, soft=True)
    painter = Painter()
    [picture] = made(Order(seed=200, size=SMALL, start=Start((PICTURE,), mask, rules=rules)), painter)
    assert (picture.image[mask == 0] == PICTURE[mask == 0]).all()
    assert (picture.image[mask == 1] == 200).all()
    assert painter.requests[0].inpaint.is_soft and painter.requests[0].inpaint.mask.shape == (32, 48)


def test_colours_are_kept_and_light_is_not():
    red = np.clip(PICTURE.astype(int) // 3 + np.array([120, 0, 0]), 0, 255).astype(np.uint8)
    gray = np.repeat(PICTURE[..., 1:2], 3, axis=2)
    result = corrected(gray, red).astype(float)
    assert result[..., 0].mean() > result[..., 2].mean() + 20
    luma = np.array([0.3, 0.59, 0.11])
    assert np.abs(result @ luma - gray @ luma).max() < 2


def test_luminosity_of_itself_changes_nothing():
    assert np.abs(with_luminosity(PICTURE, PICTURE).astype(int) - PICTURE).max() <= 1


def test_a_batch_may_start_from_a_picture_each():
    other = 255 - PICTURE
    echo = Echo()
    made(Order(size=SMALL, batch_size=2, count=2, start=Start((PICTURE, other))), echo)
    assert [(request.init == PICTURE).all() for request in echo.requests] == [True, False, True, False]

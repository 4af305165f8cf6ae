from dataclasses import replace

import numpy as np
import pytest

from animator.orders.axes import axis, expanded, faults_of, split
from animator.orders.order import Order
from animator.orders.plan import on_axes
from core.errors import UserError

ORDER = Order(prompt="a red boat, foggy", negative="red sky", seed=5)


@pytest.mark.parametrize(
    ("text", "whole", "numbers"),
    [
        ("7", True, [7]), ("1-5", True, [1, 2, 3, 4, 5]), ("1-5 (+2)", True, [1, 3, 5]), ("10-5 (-3)", True, [10, 7]),
        ("1-3 (+0.5)", False, [1, 1.5, 2, 2.5, 3]), ("0-1 [3]", False, [0, 0.5, 1]),
        ("1-10 [5]", True, [1, 3, 5, 7, 10]),
        ("-3", False, [-3]), ("5-1", True, [5, 4, 3, 2, 1]), ("3-3", True, [3]), (" 1 - 2 ( +1 ) ", True, [1, 2]),
    ],
)  # fmt: skip
def test_ranges_are_the_web_uis(text, whole, numbers):
    assert expanded(text, whole=whole) == pytest.approx(numbers)


@pytest.mark.parametrize(
    "text", ["", "x", "1-5 (+0)", "1-5 (-1)", "1-5 [0]", "1-9999999", "1-2 [99999]", "1--", "nan-3"]
)
def test_what_is_no_range_is_told(text):
    with pytest.raises(UserError):
        expanded(text, whole=True)


def test_values_are_separated_by_commas_and_quoted_where_they_hold_one():
    assert split('red, "blue, dark" ,  green,') == ["red", "blue, dark", "green"]


def values(text, order=ORDER):
    return [value.acts(order) for value in axis(text).values]


@pytest.mark.parametrize("name", ["steps: 4, 8", "Steps = 4-8 (+4)", "STEPS:4,8"])
def test_an_axis_is_a_setting_and_its_values(name):
    assert [order.sampling.steps for order in values(name)] == [4, 8]
    assert [value.label for value in axis(name).values] == ["Steps: 4", "Steps: 8"]


def test_search_and_replace_changes_both_prompts():
    assert [order.prompt for order in values("prompt s/r: red, blue")] == ["a red boat, foggy", "a blue boat, foggy"]
    assert [order.negative for order in values("S/R: red, blue")] == ["red sky", "blue sky"]
    assert next(faults_of({"--x": axis("prompt s/r: green, blue")}, ORDER)).field == "--x"


def test_prompt_order_tries_every_order():
    found = [order.prompt for order in values("prompt order: red, foggy")]
    assert found == ["a red boat, foggy", "a foggy boat, red"]
    assert len(axis("prompt order: a, b, c").values) == 6
    with pytest.raises(UserError, match="too many"):
        axis("prompt order: a, b, c, d, e, f")


def test_names_sizes_and_switches_are_axes():
    assert [order.sampler for order in values("sampler: Euler, DPM++ 2M Karras")] == ["Euler", "DPM++ 2M Karras"]
    assert [str(order.size) for order in values("size: 64x32, 32x64")] == ["64x32", "32x64"]
    assert [order.rules.tiling for order in values("tiling: True, False")] == [True, False]
    assert [order.styles for order in values("styles: ink, None, a+b")] == [("ink",), (), ("a", "b")]
    assert [order.model for order in values("checkpoint name: mini, other")] == ["mini", "other"]


def test_a_seed_of_minus_one_is_drawn():
    drawn = [order.seed for order in values("seed: 7, -1, -1")]
    assert drawn[0] == 7 and drawn[1] != drawn[2] and min(drawn) >= 0


@pytest.mark.parametrize("text", ["", "steps", "steps:", "stps: 3", "steps: 0", "cfg: x"])
def test_what_is_no_axis_is_told(text):
    with pytest.raises(UserError):
        axis(text)


def test_faults_of_all_axes_are_found_at_once():
    axes = {"--x": axis("sampler: Euler, Oiler"), "--y": axis("padding: 3"), "--z": axis("size: 64x64, 1x1")}
    assert [fault.field for fault in faults_of(axes, ORDER)] == ["--x", "--y", "--z"]


def test_cells_run_along_x_then_y_then_z_and_are_drawn_model_by_model():
    axes = [axis("model: a, b"), axis("steps: 1, 2, 3"), axis("cfg: 4, 5")]
    plan = on_axes(ORDER, axes)
    cells = [(order.sampling.cfg, order.sampling.steps, order.model) for order in plan.orders]
    assert cells == [(z, y, x) for z in (4, 5) for y in (1, 2, 3) for x in "ab"]
    assert [plan.orders[n].model for n in plan.sequence()] == ["a"] * 6 + ["b"] * 6
    assert plan.orders[0].notes["X Type"] == "Model" and plan.orders[0].notes["Y Values"] == "1, 2, 3"
    assert plan.layout.pages == ("CFG scale: 4", "CFG scale: 5")


def test_a_grid_is_laid_out_with_its_pages_side_by_side():
    plan = on_axes(replace(ORDER), [axis("steps: 1, 2"), axis("cfg: 1, 2"), axis("seed: 1, 2")])
    images = [np.full((100, 100, 3), 20 * n, np.uint8) for n in range(8)]
    page = plan.layout.drawn(images)
    half = page.shape[1] // 2
    seen = [{int(v) for v in np.unique(part) if v % 20 == 0} for part in (page[-200:, :half], page[-200:, half:])]
    assert {0, 20, 40, 60} <= seen[0] and {80, 100, 120, 140} <= seen[1]
    assert not {80, 100, 120, 140} & set(page[-150, :half].ravel()[::3].tolist())


def test_a_grid_beyond_measure_is_refused_before_anything_is_drawn():
    with pytest.raises(UserError, match="too large"):
        on_axes(ORDER, [axis("steps: 1-1000"), axis("seed: 1-1000")])

import pytest

from animator.orders.order import Order
from animator.orders.plan import of_matrix
from animator.orders.variants import LineRules, MatrixRules, lines, matrix, options_in
from core.image import Size

STREET = Order(prompt="a busy city street|oil paint|foggy", seed=7)


def prompts(order, rules=None):
    return [one.prompt for one in matrix(order, rules or MatrixRules())[0]]


def test_a_matrix_holds_every_combination():
    assert prompts(STREET) == [
        "a busy city street", "a busy city street, oil paint", "a busy city street, foggy",
        "a busy city street, oil paint, foggy",
    ]  # fmt: skip
    assert {one.seed for one in matrix(STREET, MatrixRules())[0]} == {7}


def test_its_rules_change_place_delimiter_seed_and_prompt():
    assert prompts(STREET, MatrixRules(at_start=True, delimiter="space"))[1] == "oil paint a busy city street"
    assert [one.seed for one in matrix(STREET, MatrixRules(different_seeds=True))[0]] == [7, 8, 9, 10]
    found = matrix(Order(prompt="a|b", negative="x|y"), MatrixRules(negative=True))[0]
    assert [(one.prompt, one.negative) for one in found] == [("a|b", "x"), ("a|b", "x, y")]


@pytest.mark.parametrize("parts", [2, 3, 4, 5])
def test_rows_and_columns_of_a_matrix_are_the_web_uis(parts):
    prompt = "|".join("abcdefgh"[:parts])
    plan = of_matrix(matrix(Order(prompt=prompt), MatrixRules())[0], prompt)
    assert len(plan.layout.rows) == 1 << ((parts - 1) // 2)
    assert len(plan.layout.rows) * len(plan.layout.columns) == len(plan.orders) == 1 << (parts - 1)
    columns = len(plan.layout.columns)
    for n, order in enumerate(plan.orders):
        labels = (*plan.layout.columns[n % columns], *plan.layout.rows[n // columns])
        assert {label.text for label in labels if label.is_active} == set(order.prompt.split(", ")) - {"a"}


@pytest.mark.parametrize("prompt", ["no parts", "|".join("abcdefghij")])
def test_too_few_or_too_many_parts_are_told(prompt):
    orders, faults = matrix(Order(prompt=prompt), MatrixRules())
    assert orders == [] and faults[0].field == "--matrix"


def test_lines_are_prompts_or_options():
    text = (
        "a boat\n\n"
        '--prompt "a red, red cat" --negative_prompt "dog" --steps 9 --cfg_scale 3.5 --seed 4 --width 320 '
        "--height 256\n"
        "--prompt=tree --sampler_name 'DPM++ 2M' --batch_size 2 --n_iter 3 --tiling --subseed 5 --subseed_strength .1\n"
    )
    (boat, cat, tree), faults, unused = lines(text, Order(seed=11), LineRules())
    assert not faults and not unused
    assert (boat.prompt, boat.seed) == ("a boat", 11)
    assert (cat.prompt, cat.negative, cat.sampling.steps, cat.sampling.cfg, cat.seed, cat.size) == (
        "a red, red cat", "dog", 9, 3.5, 4, Size(320, 256),
    )  # fmt: skip
    assert (tree.sampler, tree.batch_size, tree.count, tree.rules.tiling) == ("DPM++ 2M", 2, 3, True)
    assert (tree.sampling.variation_seed, tree.sampling.variation_strength) == (5, 0.1)


def test_seeds_go_on_from_line_to_line():
    found, _, _ = lines("a\n--prompt b --n_iter 3\nc", Order(seed=10), LineRules(counts_seed=True))
    assert [one.seed for one in found] == [10, 11, 14]


def test_the_orders_own_prompt_stands_behind_or_before():
    own = Order(prompt="oil paint", negative="blur")
    assert [lines("a\n", own, LineRules(at_end=end))[0][0].prompt for end in (False, True)] == [
        "a oil paint", "oil paint a",
    ]  # fmt: skip


def test_faults_are_told_with_their_line_and_what_has_no_effect_by_name():
    text = 'fine\n--steps many\n--prompt "open\n--frob 3\n--prompt x --outpath_samples /tmp --do_not_save_grid'
    orders, faults, unused = lines(text, Order(), LineRules())
    assert [fault.field.partition(":")[0] for fault in faults] == ["line 2", "line 3", "line 4"]
    assert unused == ["do_not_save_grid", "outpath_samples"]
    assert [one.prompt for one in orders if one.prompt] == ["fine", "x"]


def test_an_option_without_value_and_a_word_without_option_are_told():
    for line in ("--steps", "--prompt a b"):
        with pytest.raises(ValueError, match=r"--steps|'b'"):
            options_in(line)

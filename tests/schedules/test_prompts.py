import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProjectError
from schedules.prompts import LENGTH, Prompts, Words, merged


def prompt_at(text, frame, frames=120, **options):
    ((shown, weight),) = Prompts.parse({"0": text}, frames, **options).at(frame).prompt
    assert weight == 1
    return shown


def held(table, frames=10):
    prompts = Prompts.parse(table, frames)
    return "".join(prompts.at(frame).prompt[0][0] for frame in range(frames))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"0": "a", "4": "b"}, "aaaabbbbbb"),
        ({"4": "b", "0": "a"}, "aaaabbbbbb"),
        ({"3": "a", "6": "b"}, "aaaaaabbbb"),
        ({"0": "a", "2*3": "b"}, "aaaaaabbbb"),
        ({"0": "a", "max_f/2": "b", '"max_f-1"': "c"}, "aaaabbbbcc"),
        ({"0": "a", "2.7": "b"}, "aabbbbbbbb"),
        ({"0": "a", "050": "b"}, "aaaaaaaaaa"),
        ({"0": "a", "4": "b", "2+2": "c"}, "aaaacccccc"),
        ({"20": "a", "30": "b"}, "aaaaaaaaaa"),
        ({"-4": "a", "5": "b"}, "aaaaabbbbb"),
    ],
)
def test_prompts_hold_forward_and_the_first_one_backward(table, expected):
    assert held(table) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(cat:`t/10`)", "(cat:0.7)"),
        ("`1-t/max_f`", "0.9411764705882353"),
        ("`sqrt(t)`", "2.6457513110645907"),
        ("`where(t>3, 0.5, 1)` and `where(t>3, 2, 1)`", "0.5 and 2"),
        ("`t*2`, `t/7`, `t>3`, `t%4`, `-t`, `t//2`", "14, 1.0, True, 3, -7, 3"),
        ("`0.1*3`", "0.30000000000000004"),
        ("`2**-1`", "0.5"),
        ("`1e-9*t`", "7.000000000000001e-09"),
        ("`abs(-t)` `floor(t/2)` `max(t, 3)`", "7 3.0 7"),
        ("tattoo `t` tent", "tattoo 7 tent"),
        ("one ` alone", "one ` alone"),
        ("`t` and ` alone", "7 and ` alone"),
        ("[a:b:0.5] AND <lora:x:1>", "[a:b:0.5] AND <lora:x:1>"),
    ],
)
def test_formulas_in_back_quotes_become_numbers(text, expected):
    assert prompt_at(text, 7) == expected


def test_formulas_know_the_frame_the_seed_and_further_series():
    values = [0.0, 0.25, 0.5]
    shown = [prompt_at("`i` `s` `beat`", frame, 3, seed=9, names={"beat": np.array(values)}) for frame in range(3)]
    assert shown == ["0 9 0.0", "1 9 0.25", "2 9 0.5"]


@pytest.mark.parametrize(
    ("text", "shown", "avoided"),
    [
        ("cat --neg bad", "cat", "bad"),
        ("cat", "cat", ""),
        ("  cat  --neg ", "cat", ""),
        ("cat --neg a --neg b", "cat", "a  b"),
        ("--neg bad", "", "bad"),
        ("cat --neg (bad:`t/10`)", "cat", "(bad:0.3)"),
    ],
)
def test_what_stands_after_neg_is_to_be_avoided(text, shown, avoided):
    assert Prompts.parse({"0": text}, 9).at(3) == Words(((shown, 1.0),), avoided)


@pytest.mark.parametrize(
    ("prompt", "positive", "negative", "words"),
    [
        ("cat", "", "", Words((("cat", 1.0),), "")),
        ("cat", "best", "bad", Words((("best cat", 1.0),), "bad")),
        ("cat --neg ugly", "best", "bad", Words((("best cat", 1.0),), "ugly  bad")),
        ("cat --neg ugly", "", "", Words((("cat", 1.0),), "ugly")),
        ("cat", "", "--neg bad", Words((("cat", 1.0),), "bad")),
        ("cat", "`t`", "", Words((("1 cat", 1.0),), "")),
    ],
)
def test_words_for_every_prompt_are_merged_as_deforum_does(prompt, positive, negative, words):
    assert Prompts.parse(merged({"0": prompt}, positive, negative), 2).at(1) == words


def test_blending_prompts_turn_into_each_other():
    prompts = Prompts.parse({"0": "cat --neg bad", "4": "dog --neg ugly"}, 8, travel="blend")
    assert prompts.at(0) == Words((("cat", 1.0),), "bad")
    assert prompts.at(1) == Words((("cat", 0.75), ("dog", 0.25)), "bad")
    assert prompts.at(3) == Words((("cat", 0.25), ("dog", 0.75)), "bad")
    assert prompts.at(4) == prompts.at(7) == Words((("dog", 1.0),), "ugly")


def test_blending_goes_on_toward_a_prompt_beyond_the_clip():
    assert Prompts.parse({"0": "cat", "20": "dog"}, 6, travel="blend").at(5).prompt == (("cat", 0.75), ("dog", 0.25))


def test_a_prompt_does_not_blend_with_itself():
    assert Prompts.parse({"0": "cat", "4": "cat --neg bad"}, 6, travel="blend").at(2) == Words((("cat", 1.0),), "")


def test_formulas_run_on_both_sides_of_a_blend():
    prompts = Prompts.parse({"0": "a", "2": "b", "4": "c `1/(t-1)`"}, 6, travel="blend")
    assert prompts.at(3).prompt == (("b", 0.5), ("c 0.5", 0.5))


@given(st.dictionaries(st.integers(-5, 40), st.text("ab `", max_size=5), min_size=1), st.integers(1, 30))
def test_blended_weights_sum_to_one_and_meet_the_held_prompt_at_its_key(keys, frames):
    table = {str(key): text.replace("`", "") for key, text in keys.items()}
    blend, hold = (Prompts.parse(table, frames, travel=travel) for travel in ("blend", "hold"))
    for frame in range(frames):
        mix = blend.at(frame).prompt
        assert sum(weight for _, weight in mix) == pytest.approx(1)
        assert all(weight > 0 for _, weight in mix)
        assert mix[0][0] == hold.at(frame).prompt[0][0]
        if frame in keys:
            assert mix == hold.at(frame).prompt


def test_all_faults_of_a_table_are_found_at_once():
    table = {"0": "`1/t`", "a": "b", "5": "`cos(`", "t": "x", "7": "x" * (LENGTH + 1), "8": "`1`" * 101, "9": "fine"}
    with pytest.raises(ProjectError) as caught:
        Prompts.parse(table, 20)
    said = {fault.field: fault.what for fault in caught.value.faults}
    assert set(said) == {"prompts.0", "prompts.a", "prompts.5", "prompts.t", "prompts.7", "prompts.8"}
    assert "gives inf at frame 0" in said["prompts.0"]
    assert "unknown name 'a'" in said["prompts.a"]
    assert "too long" in said["prompts.7"]


def test_a_formula_counts_only_where_its_prompt_does():
    assert held({"0": "a", "3": "`t/(t-2)`"}, 4) == "aaa3.0"


@pytest.mark.parametrize("table", [{}, {"": "a"}, {"0:": "a"}, {"(" * 100_000: "a"}, {"0": "`" + "(" * 3_000 + "`"}])
def test_what_is_no_table_is_said(table):
    with pytest.raises(ProjectError, match=r"^prompts: 1 fault"):
        Prompts.parse(table, 9)

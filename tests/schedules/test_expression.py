import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ScheduleError
from schedules.expression import DEPTH, EFFORT, FRAME_NAMES, KEY_NAMES, NODES, Expression, Scope
from schedules.syntax import PIECE_LENGTH, Piece, piece_of

FRAMES = np.arange(12)
SCOPE = Scope(12, seed=42)


def values(text, scope=SCOPE):
    return Expression.parse(piece_of(text), scope.names).over(np.arange(scope.frames), scope)


def clamp(value, low, high):
    return min(max(value, low), high)


PYTHON = {
    "sin": math.sin,
    "cos": math.cos,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "hypot": math.hypot,
    "pow": math.pow,
} | {
    "arctan2": math.atan2,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
    "clamp": clamp,
    "pi": math.pi,
    "e": math.e,
    "where": lambda test, yes, no: yes if test else no,
}

LEAVES = st.sampled_from(["t", "i", "s", "max_f", "pi", "e", "1", "3", "0.5", "7.25"])


def grown(inner):
    return st.one_of(
        st.builds("({}{}{})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({}/({}))".format, inner, st.sampled_from(["3", "max_f", "(t+1)", "0.25"])),
        st.builds("({}{}{})".format, inner, st.sampled_from(["%", "//"]), st.sampled_from(["3", "-4", "0.5"])),
        st.builds("{}({})".format, st.sampled_from(["sin", "cos", "abs", "floor", "ceil", "-", "+"]), inner),
        st.builds("{}({},{})".format, st.sampled_from(["min", "max", "hypot", "arctan2"]), inner, inner),
        st.builds("({}{}{})".format, inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("(not {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("where({},{},{})".format, inner, inner, inner),
        st.builds("({}<{}<={})".format, inner, inner, inner),
        st.builds("clamp({},0,{})".format, inner, inner),
    )


@settings(max_examples=80, deadline=None)
@given(st.recursive(LEAVES, grown, max_leaves=8))
def test_an_expression_means_what_it_means_in_python(text):
    scope = {**PYTHON, "s": 42, "max_f": 11}
    expected = [float(eval(text, {"__builtins__": {}}, {**scope, "t": t, "i": t})) for t in range(12)]
    assert values(text) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", [7] * 12),
        ("-1 % 3", [2] * 12),
        ("-7 // 2", [-4] * 12),
        ("t / 2", FRAMES / 2),
        ("2 ** -t", 0.5**FRAMES),
        ("t ** 2", FRAMES**2),
        ("(t > 3) + (t > 6)", (FRAMES > 3) + 1.0 * (FRAMES > 6)),
        ("(t > 2) & (t < 5)", (FRAMES > 2) & (FRAMES < 5)),
        ("(t > 2) ^ (t > 5)", (FRAMES > 2) ^ (FRAMES > 5)),
        ("~(t > 2)", FRAMES <= 2),
        ("t & 5", FRAMES & 5),
        ("t | 5", FRAMES | 5),
        ("t ^ 5", FRAMES ^ 5),
        ("~t", ~FRAMES),
        ("t << 2", FRAMES << 2),
        ("t >> 1", FRAMES >> 1),
        ("(t // 3) & 1", FRAMES // 3 & 1),
        ("(t > 3) & 1", FRAMES > 3),
        ("max(t, 3, 5)", np.maximum(FRAMES, 5)),
        ("clip(t, 2, 4)", np.clip(FRAMES, 2, 4)),
        ("fmod(-t, 3)", np.fmod(-FRAMES, 3)),
        ("log2(t + 1)", np.log2(FRAMES + 1)),
        ("round(t / 4)", np.round(FRAMES / 4)),
        ("sign(t - 3) * trunc(t / 2)", np.sign(FRAMES - 3) * (FRAMES // 2)),
        ("where(1, 2, 3)", [2] * 12),
        ("sin(\n t / 10,\n)", np.sin(FRAMES / 10)),
        ("5. + .5 + 1e-3", [5.501] * 12),
        ("0x10 + 1_000", [1016] * 12),
    ],
)
def test_values_of_the_language(text, expected):
    assert values(text) == pytest.approx(np.asarray(expected, float))


@pytest.mark.parametrize(
    "function",
    [
        *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh"),
        *("log", "log10", "log1p", "exp", "expm1", "sqrt", "abs", "floor", "ceil"),
    ],
)
def test_functions_agree_with_numpy(function):
    inside = (FRAMES + 1) / 13
    assert values(f"{function}((t + 1) / 13)") == pytest.approx(getattr(np, function)(inside))


def test_arccosh_agrees_with_numpy():
    assert values("arccosh(t + 1)") == pytest.approx(np.arccosh(FRAMES + 1))


def test_further_series_are_names():
    bass = np.linspace(0, 1, 12)
    assert values("1 + 0.5*bass", Scope(12, 0, {"bass": bass})) == pytest.approx(1 + 0.5 * bass)


@pytest.mark.parametrize("name", ["t", "pi", "sin", "_zero", "a b", ""])
def test_a_series_cannot_take_a_name_that_is_taken(name):
    with pytest.raises(ScheduleError, match="cannot be named"):
        Scope(3, 0, {name: np.zeros(3)})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("t", "whole"), ("t*2", "whole"), ("abs(t)", "whole"), ("where(t, 1, 2)", "whole")),
        *(("t/1", "real"), ("t*2.", "real"), ("sin(t)", "real"), ("pi", "real"), ("where(t, 1, .5)", "real")),
        *(("t>1", "truth"), ("not t", "truth"), ("t>1 and t<4", "truth")),
    ],
)
def test_kinds_follow_python(text, kind):
    assert Expression.parse(piece_of(text), FRAME_NAMES).kind == kind


@pytest.mark.parametrize(
    ("text", "character", "said"),
    [
        ("sine(t)", 1, "Did you mean 'sin'"),
        ("1 + beat", 5, "unknown name 'beat'"),
        ("sin", 1, "sin is a function"),
        ("2 + t(3)", 5, "t is no function"),
        ("5(3)", 1, "not part of the schedule language"),
        ("max(t)", 1, "max takes 2 or more values, not 1"),
        ("sin(t, 2)", 1, "sin takes 1 value, not 2"),
        ("sin(x=t)", 1, "plain values only"),
        ("max(*t)", 1, "plain values only"),
        ("t is 3", 1, "comparison"),
        ("t, 1", 1, "not part of the schedule language"),
        ("()", 1, "not part of the schedule language"),
        ("2 +", 3, "cannot be read"),
        ("t @ 2", 3, "'@' has no place"),
        ("t × 2", 3, "'×' has no place"),
        ("1j", 1, "no number"),
        ("None", 1, "no number"),
        ("1e400", 1, "too large"),
        ("1 + 1e400", 5, "too large"),
        ("t & 0.5", 1, "& needs whole numbers, not 0.5 at frame 0"),
    ],
)
def test_a_fault_says_what_and_where(text, character, said):
    with pytest.raises(ScheduleError, match=f"at character {character} of") as caught:
        values(text)
    assert said in str(caught.value)


def test_a_fault_points_into_the_whole_schedule():
    source = "0:(1), 5:(2 + beat)"
    with pytest.raises(ScheduleError) as caught:
        Expression.parse(Piece(source, 9, len(source)), FRAME_NAMES)
    assert caught.value.position == source.index("beat")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t / 0", "gives nan at frame 0"),
        ("1 / (t - 5)", "gives inf at frame 5"),
        ("log(3 - t)", "gives -inf at frame 3"),
        ("9**9**9", "gives inf at frame 0"),
        ("(-8)**(1/3)", "gives nan at frame 0"),
    ],
)
def test_a_value_that_is_not_finite_is_named_with_its_frame(text, said):
    with pytest.raises(ScheduleError, match="where") as caught:
        values(text)
    assert said in str(caught.value)


def test_a_guarded_division_is_fine():
    assert values("where(t == 0, 1, sin(t)/t)")[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "(x for x in (1,2))",
        "[x for x in t]",
        "lambda: 1",
        "(lambda t: t)(1)",
        "t.real",
        "t.__class__",
        "(a := 3)",
        "f'{t}'",
        "await t",
        "(yield)",
        "t; t",
        "t # comment",
        "{1: 2}",
        "t[0]",
        "eval(t)",
        "exec('1')",
        "open('x')",
        "\\x41",
        "t\x00",
        "…",
        "(" * 1_000,
        "(" * 60 + ")" * 60,
        "-" * (PIECE_LENGTH - 1) + "1",
        "~" * 900 + "t",
        "not " * 900 + "t",
        "1+" * 1_900 + "1",
        "t**" * 1_300 + "t",
        "t if t else " * 300 + "1",
        "<".join(["t"] * 400),
        " and ".join(["t"] * 400),
        "max(" + ",".join(["t"] * 400) + ")",
        "(" + "(t<t<" * 20 + "t" + "<t)" * 20 + ")" * 40,
        "9" * PIECE_LENGTH,
        "9" * (PIECE_LENGTH + 1),
        "t+" + "9" * (PIECE_LENGTH - 2),
        "1e999999999",
        "1 << 9999999999999999999999",
        "-9223372036854775808 // -1 & 1",
        "a" * PIECE_LENGTH,
        "sin " * 900,
        " " * 90,
    ],
)
def test_hostile_text_is_a_schedule_error(text):
    with pytest.raises(ScheduleError):
        values(text)


@pytest.mark.parametrize("depth", [2, 20, 40])
def test_chains_and_choices_are_computed_once_however_deep(depth):
    chain = "(0<=" * depth + "t" + "<=99)" * depth
    assert values(chain) == pytest.approx(np.ones(12))
    choice = "(" * depth + "t" + " and 5)" * depth
    assert values(choice) == pytest.approx(np.where(FRAMES > 0, 5, 0))


def test_more_numbers_than_numexpr_takes_names_are_no_limit():
    staircase = "".join(f"where(t<{step},{step}**2/4," for step in range(1, 40)) + "0" + ")" * 39
    assert values(staircase) == pytest.approx((FRAMES + 1) ** 2 / 4)
    with pytest.raises(ScheduleError, match="gives inf at frame 0"):
        values("9**9**9" + "+0" * 40)


def test_an_expression_that_numexpr_has_no_room_for_is_said():
    text = "".join(f"({level}.1+{level}.2)-(" for level in range(95)) + "t" + ")" * 95
    with pytest.raises(ScheduleError, match="too many parts"):
        values(text)


def test_the_largest_expressions_allowed_run():
    text = "+".join(["t"] * (DEPTH - 1))
    assert values(text) == pytest.approx(FRAMES * (DEPTH - 1))
    assert Expression.parse(piece_of(text), FRAME_NAMES).effort < EFFORT
    with pytest.raises(ScheduleError, match=f"At most {NODES} parts, nested at most {DEPTH} deep"):
        values(text + "+t+t+t")


def test_positions_do_not_know_the_frame():
    with pytest.raises(ScheduleError, match="unknown name 't'"):
        Expression.parse(piece_of("t"), KEY_NAMES)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ScheduleError
from schedules.syntax import KEYS, LENGTH, PIECE_LENGTH, entries, piece_of, plain_number, unwrapped, with_easing


def written(text):
    return [(entry.position.text, entry.value.text) for entry in entries(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:(1), 30:(2)", [("0", "(1)"), ("30", "(2)")]),
        (" 0 : ( 5 ) ,\n 3 : (7)", [("0", "( 5 )"), ("3", "(7)")]),
        ("0:5", [("0", "5")]),
        ("0:(max(1, t)), 5:(where(t<3, 1, 2))", [("0", "(max(1, t))"), ("5", "(where(t<3, 1, 2))")]),
        ('"max_f-2":(-1)', [('"max_f-2"', "(-1)")]),
        ('0:("a, b: c")', [("0", '("a, b: c")')]),
        ("0:('a\"b'), 1:(c)", [("0", "('a\"b')"), ("1", "(c)")]),
        ("0:(it's), 1:(b)", [("0", "(it's)"), ("1", "(b)")]),
        ("0:[a, b], 1:{c: d, e}", [("0", "[a, b]"), ("1", "{c: d, e}")]),
        ("0:C:\\x.ckpt", [("0", "C:\\x.ckpt")]),
        ("0:`a,b`, 1:c", [("0", "`a,b`"), ("1", "c")]),
        ("0:(1),", [("0", "(1)")]),
        ("0:(1), 3:(2) ,  ", [("0", "(1)"), ("3", "(2)")]),
    ],
)
def test_entries_keep_what_brackets_and_quotes_hold_together(text, expected):
    assert written(text) == expected


@given(st.lists(st.tuples(st.integers(-99, 99), st.text("(),'\":t1 ", max_size=8)), min_size=1, max_size=8))
def test_any_quoted_text_comes_back_whole(keys):
    keys = [(position, text.replace('"', "")) for position, text in keys]
    text = ", ".join(f'{position}:("{value}")' for position, value in keys)
    assert [(int(entry.position.text), unwrapped(entry.value).text) for entry in entries(text)] == keys


@given(st.text("0:(),1'\"` t[}", max_size=30))
def test_any_text_is_entries_or_a_schedule_error_that_points_into_it(text):
    try:
        found = entries(text)
    except ScheduleError as error:
        assert error.position is not None
        assert 0 <= error.position <= len(text)
    else:
        assert all(entry.position.text in text and entry.value.text in text for entry in found)


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("", 0, "a keyframe is missing"),
        ("  ", 2, "a keyframe is missing"),
        ("0", 0, "'0' has no position"),
        ("0:", 2, "a value is missing"),
        (":(1)", 0, "a position is missing"),
        (", 0:(1)", 0, "a keyframe is missing"),
        ("0:(1),, 5:(2)", 6, "a keyframe is missing"),
        ("0:(1), 5", 7, "'5' has no position"),
        ("0:(1, 5:(2)", 2, "'(' is never closed"),
        ("0:(1)), 5:(2)", 5, "')' closes nothing"),
        ("0:(1]", 4, "']' closes nothing"),
        ("0:('a)", 3, "the quote ' is never closed"),
        ("0:" + "(" * 100_000, 66, "more than 64 brackets"),
        ("0:" + "1" * (PIECE_LENGTH + 1), 2, "a value is too long"),
    ],
)
def test_a_fault_names_its_character(text, position, said):
    with pytest.raises(ScheduleError, match=f"at character {position + 1} of") as caught:
        entries(text)
    assert said in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize("text", ["1" * (LENGTH + 1), "0:1," * (KEYS + 2)])
def test_endless_text_is_refused(text):
    with pytest.raises(ScheduleError):
        entries(text)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("(a)", "a"),
        ("((a)&[b])", "(a)&[b]"),
        ("(a)&(b)", "(a)&(b)"),
        (" ( ( a ) ) ", "a"),
        ('("a")', "a"),
        ('" a "', " a "),
        ('"a" "b"', '"a" "b"'),
        ("('(a)')", "(a)"),
        ("()", ""),
        ("a", "a"),
        ("(')')", ")"),
    ],
)
def test_unwrapping_takes_off_only_what_encloses_everything(text, inner):
    assert unwrapped(piece_of(text)).text == inner


@pytest.mark.parametrize(
    ("text", "value", "easing"),
    [
        ("(1) ease_in", "(1)", "ease_in"),
        ("(1)ease_in", "(1)", "ease_in"),
        ("5 hold", "5", "hold"),
        ("'5' hold", "'5'", "hold"),
        ("t ease_in", "t", "ease_in"),
        ("band hold", "band", "hold"),
        ("(1)", "(1)", None),
        ("t", "t", None),
        ("not t", "not t", None),
        ("t > 3 and t", "t > 3 and t", None),
        ("1 if t else s", "1 if t else s", None),
        ("2 * t", "2 * t", None),
        ("(1) or", "(1) or", None),
    ],
)
def test_an_easing_is_the_last_word_after_a_value(text, value, easing):
    before, name = with_easing(piece_of(text))
    assert before.text == value
    assert (name and name.text) == easing


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5.0), ("(5)", 5.0), ("-(5)", -5.0), ("'5'", 5.0), ("(-.5)", -0.5), ("((+2.25))", 2.25), ("0", 0.0)]
    + [
        (text, None)
        for text in ("5.", "( 5 )", "(5 )", "1e-3", "3*2", "- 5", "--5", "", "()", ".", "t", "2(3)", "(1)(2)")
    ],
)
def test_only_plain_spellings_are_plain_numbers(text, number):
    assert plain_number(text) == number

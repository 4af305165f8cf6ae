import pytest

from core.errors import UnknownName, UserError
from diffusion.prompt.styles import load_styles, styled

TABLE = """\ufeffname,prompt,negative_prompt
ink,"{prompt}, ink drawing",color
soft,soft light,
--- more ---
bare,,blurry
"""


@pytest.fixture
def styles(tmp_path):
    path = tmp_path / "styles.csv"
    path.write_text(TABLE, encoding="utf-8")
    return load_styles([path])


def test_styles_are_read_with_byte_order_mark_and_dividers(styles, tmp_path):
    assert list(styles) == ["ink", "soft", "bare"]
    assert styles["ink"].negative == "color"
    assert styles["ink"].source == tmp_path / "styles.csv"


def test_old_files_call_the_prompt_column_text(tmp_path):
    (tmp_path / "old.csv").write_text("name,text\nink,ink drawing\n")
    assert styled("a", "b", ["ink"], load_styles([tmp_path / "old.csv"])) == ("a, ink drawing", "b")


def test_styles_wrap_or_follow_in_the_order_given(styles):
    assert styled("a fox ", "", ["ink", "soft"], styles) == ("a fox , ink drawing, soft light", "color")
    assert styled("a fox", "low", ["soft", "ink"], styles) == ("a fox, soft light, ink drawing", "low, color")


def test_what_is_empty_leaves_no_comma(styles):
    assert styled("", " ", ["soft", "bare"], styles) == ("soft light", "blurry")
    assert styled("a", "b", [], styles) == ("a", "b")


def test_of_two_files_the_later_counts(styles, tmp_path):
    (tmp_path / "own.csv").write_text("name,prompt,negative_prompt\nsoft,very soft,\n")
    assert load_styles([tmp_path / "styles.csv", tmp_path / "own.csv"])["soft"].prompt == "very soft"


def test_an_unknown_style_names_the_nearest(styles):
    with pytest.raises(UnknownName, match="Did you mean 'ink'"):
        styled("", "", ["inc"], styles)


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"name,prompt\n" + b'"' + b"x" * 200_000, b"name\nx\n"]
)
def test_what_is_no_styles_file_is_refused(content, tmp_path):
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.csv"):
        load_styles([tmp_path / "bad.csv"])


def test_a_missing_styles_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv"):
        load_styles([tmp_path / "none.csv"])


def test_styles_cannot_blow_a_prompt_up(tmp_path):
    (tmp_path / "bomb.csv").write_text("name,prompt\nbomb," + "{prompt}" * 100)
    with pytest.raises(UserError, match="characters"):
        styled("a" * 100, "", ["bomb"] * 10, load_styles([tmp_path / "bomb.csv"]))

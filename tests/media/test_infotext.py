import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UserError
from media.infotext import Infotext, from_novelai, parameters, parsed, quoted

WEB_UI = (
    "a lamp, foggy\nNegative prompt: cartoon\n"
    "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 42, Size: 640x384, "
    'Model hash: 0123456789, Model: base15, Clip skip: 2, Lora hashes: "inkA: 0a1b2c3d4e5f", Version: v1.10.1'
)
FIELDS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 640x384"


def test_the_web_uis_text_is_read_and_written_to_the_letter():
    found = parsed(WEB_UI)
    assert (found.prompt, found.negative) == ("a lamp, foggy", "cartoon")
    assert found.fields["Lora hashes"] == "inkA: 0a1b2c3d4e5f"
    assert str(found) == WEB_UI


def test_a_quoted_value_with_commas_is_one_field():
    found = parsed(f'{FIELDS}, Lora hashes: "inkA: 0a1b2c3d4e5f, glow: 998877665544", Version: v1.10.1')
    assert len(found.fields) == 7
    assert found.fields["Lora hashes"] == "inkA: 0a1b2c3d4e5f, glow: 998877665544"


plain = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
words = st.lists(plain.map(str.strip).filter(lambda line: not line.startswith("Negative prompt:")), max_size=3)
fields = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9 /\-]{0,20}[A-Za-z0-9]", fullmatch=True), st.text(), min_size=3
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(words, words, fields)
def test_what_is_written_is_read_back(prompt, negative, values):
    prompt, negative = ("\n".join(part).strip() for part in (prompt, negative))
    values = {key: value for key, value in values.items() if key != value}
    values |= {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7"}
    assert parsed(str(Infotext(prompt, negative, values))) == Infotext(prompt, negative, values)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Euler a", "Euler a"), ("a, b", '"a, b"'), ("a: b", '"a: b"'), ("a\nb", '"a\\nb"'), ("ü: ñ", '"ü: ñ"'),
        ('say "a"', 'say "a"'), ('"a"', '"\\"a\\""'), ("back\\slash", "back\\slash"), ("", ""),
    ],
)  # fmt: skip
def test_values_are_quoted_where_they_must_be(value, text):
    assert quoted(value) == text


def test_a_field_named_as_its_value_is_written_once():
    assert str(Infotext("a", "", {"Steps": "1", "Tiling": "Tiling"})) == "a\nSteps: 1, Tiling"


def test_fewer_than_three_fields_are_a_prompt():
    text = "a street at 16:9, blue: 3"
    assert parsed(text) == Infotext(text)
    assert parsed("") == Infotext()


def test_prompts_may_span_lines_and_look_like_fields():
    found = parsed(f"one: 1, two: 2, three: 3\nfour\nNegative prompt: five\nsix\n{FIELDS}")
    assert found.prompt == "one: 1, two: 2, three: 3\nfour"
    assert found.negative == "five\nsix"
    assert len(found.fields) == 5


def test_a_negative_prompt_without_a_prompt():
    assert parsed(f"Negative prompt: x\n{FIELDS}").negative == "x"


@pytest.mark.parametrize("value", ['"unclosed', '"a" b', '"bad \\x"', "a=b;c"])
def test_values_that_are_no_json_stay_text(value):
    assert parsed(f"{FIELDS}, Odd: {value}, Version: 1").fields["Odd"] == value


def test_windows_line_ends_are_line_ends():
    assert parsed(WEB_UI.replace("\n", "\r\n")) == parsed(WEB_UI)


def test_parameters_split_sizes_and_say_what_is_left_unsaid():
    found = parameters(parsed(f"a\n{FIELDS}, Hires resize: 1280x768"))
    assert (found["Prompt"], found["Size-1"], found["Size-2"]) == ("a", "640", "384")
    assert (found["Hires resize-1"], found["Hires resize-2"]) == ("1280", "768")
    assert (found["Clip skip"], found["RNG"], found["Masked area padding"]) == ("1", "GPU", "32")
    assert "Size" not in found


def test_old_sampler_names_are_split():
    found = parameters(parsed("a\nSteps: 20, Sampler: DPM++ 2M Karras, Seed: 1"))
    assert (found["Sampler"], found["Schedule type"]) == ("DPM++ 2M", "Karras")


def test_an_old_hypernetwork_becomes_a_tag():
    found = parameters(parsed(f"a cat\n{FIELDS}, Hypernet: ink, Hypernet strength: 0.5"))
    assert found["Prompt"] == "a cat<hypernet:ink:0.5>"


@pytest.mark.parametrize(("first", "expected"), [("512x320", ("512", "320")), ("0x0", ("704", "448"))])
def test_an_old_first_pass_size_becomes_a_hires_size(first, expected):
    found = parameters(parsed(f"a\nSteps: 20, Sampler: Euler, Size: 1280x768, First pass size: {first}"))
    assert (found["Size-1"], found["Size-2"]) == expected
    assert (found["Hires resize-1"], found["Hires resize-2"]) == ("1280", "768")


@pytest.mark.parametrize(
    ("version", "prompt", "settings"),
    [
        ("v1.5.2", "[a:b:0.5]", {"Old prompt editing timelines", "Pad conds v0", "Downcast alphas_cumprod"}),
        ("v1.5.2", "a", {"Pad conds v0", "Downcast alphas_cumprod"}),
        ("v1.6.1", "[a:b:0.5]", {"Downcast alphas_cumprod"}),
        ("v1.10.0", "[a:b:0.5]", set()),
        ("driftloop", "[a:b:0.5]", set()),
    ],
)
def test_texts_of_old_versions_ask_for_what_these_did(version, prompt, settings):
    names = {
        "Old prompt editing timelines",
        "Pad conds v0",
        "Downcast alphas_cumprod",
        "Refiner switch by sampling steps",
    }
    found = parameters(parsed(f"{prompt}\nSteps: 20, Sampler: DDIM, Seed: 1, Version: {version}"))
    assert {name for name in names if found.get(name) == "True"} == settings


def test_novelai_pictures_are_understood():
    comment = '{"steps": 28, "sampler": "k_euler_ancestral", "scale": 11.0, "seed": 7, "uc": "{bad}"}'
    found = from_novelai("{{a}} cat (b)", comment, (512, 768))
    assert found.prompt == "((a:1.05):1.05) cat \\(b\\)" and found.negative == "(bad:1.05)"
    assert found.fields["Sampler"] == "Euler a" and found.fields["ENSD"] == "31337"
    assert from_novelai("a", "no json", (1, 1)) is None and from_novelai("a", "[]", (1, 1)) is None


@pytest.mark.parametrize(
    "text", ["a " * 400_000, " " * 800_000 + "x", 'ab:"' * 200_000, "ab:" * 300_000, '\\"ab:' * 160_000]
)
def test_long_texts_are_read_in_time(text):
    start = time.monotonic()
    parsed(text)
    assert time.monotonic() - start < 5


def test_endless_texts_are_refused():
    with pytest.raises(UserError, match="too many"):
        parsed("x" * 1_000_001)

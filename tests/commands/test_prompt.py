"""`render.py prompt` as a user calls it."""

import json

import pytest
from typer.testing import CliRunner

from core.errors import UnknownName, UserError
from render import app

TEXT = "a (cat:1.3) AND [dog:fox:0.5] BREAK sky :0.4 <lora:ink:0.8> # note"


def explained(*arguments):
    result = CliRunner().invoke(app, ["prompt", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_json_tells_parts_spans_weights_tags_and_chunks():
    told = json.loads(explained(TEXT, "--steps", "10", "--json"))
    assert told["tags"] == [{"kind": "lora", "name": "ink", "te": 0.8, "unet": 0.8, "rank": None}]
    first, second = told["parts"]
    assert first["spans"][0]["pieces"] == [{"text": "a ", "weight": 1.0}, {"text": "cat", "weight": 1.3}]
    assert second["weight"] == 0.4
    assert [(span["first"], span["last"], span["text"]) for span in second["spans"]] == [
        (0, 5, "dog BREAK sky"),
        (6, 9, "fox BREAK sky"),
    ]
    assert second["spans"][0]["chunks"] == 2


def test_a_second_order_sampler_asks_twice_a_step():
    assert json.loads(explained("cat", "--steps", "10", "--sampler", "Heun", "--json"))["calls"] == 20


def test_people_read_which_text_stands_when():
    text = explained(TEXT, "--steps", "10")
    assert "calls 1-6" in text
    assert "1.3  cat" in text
    assert "tag: kind lora, name ink" in text


def test_styles_are_applied_first(tmp_path):
    styles = tmp_path / "styles.csv"
    styles.write_text("name,prompt,negative_prompt\nink,ink drawing of {prompt},\n")
    assert json.loads(explained("cat", "--styles", str(styles), "--style", "ink", "--json"))["text"] == (
        "ink drawing of cat"
    )
    with pytest.raises(UnknownName, match="ink"):
        explained("cat", "--styles", str(styles), "--style", "inc")


def test_steps_out_of_range_are_told():
    with pytest.raises(UserError, match="0 steps"):
        explained("cat", "--steps", "0")

import json
from dataclasses import asdict

import pytest

from core.errors import UserError
from diffusion.prompt.explain import PartExplained, Span, explain
from diffusion.prompt.language import ExtraNetwork, Piece, texts_by_step
from tests.diffusion.prompt.toys import tokenizer

TEXT = "[cat:(dog:1.5):2] # note\nAND 3 :0.5 <lora:ink:0.7>"


def test_a_prompt_is_taken_apart():
    found = explain(TEXT, 5)
    assert found.steps == 5
    assert found.networks == (ExtraNetwork("lora", "ink", 0.7, 0.7),)
    cat = Span(0, 2, "cat", (Piece("cat", 1.0),))
    dog = Span(3, 4, "(dog:1.5)", (Piece("dog", 1.5),))
    three = Span(0, 4, "3", (Piece("3", 1.0),))
    assert found.parts == (PartExplained(1.0, (cat, dog)), PartExplained(0.5, (three,)))


@pytest.mark.parametrize("text", ["[a|b] c", "[a:b:0.5]", "[a|[b:c:2]|d]", "plain"])
def test_the_spans_tell_what_the_sampler_sees(text):
    (part,) = explain(text, 6).parts
    assert texts_by_step(text, 6) == tuple(span.text for span in part.spans for _ in range(span.first, span.last + 1))


def test_a_text_that_is_never_used_ends_before_it_begins():
    last = explain("[a|b]", 4).parts[0].spans[-1]
    assert last.last < last.first


def test_a_tokenizer_counts_tokens_and_chunks():
    (part,) = explain("cat BREAK dog cat", 3, tokenizer(positions=48)).parts
    assert [(span.tokens, span.chunks, span.places) for span in part.spans] == [(3, 2, 92)]


def test_an_explanation_is_json():
    read = json.loads(json.dumps(asdict(explain(TEXT, 5, tokenizer())), allow_nan=False))
    assert read["parts"][0]["spans"][1]["pieces"] == [["dog", 1.5]]


def test_weights_that_cannot_be_drawn_are_said():
    with pytest.raises(UserError, match="weight"):
        explain("(" * 10_000 + "a", 5)
    with pytest.raises(UserError, match="weight"):
        explain("a:" + "9" * 400, 5)


def test_absurdly_many_parts_are_said():
    with pytest.raises(UserError, match="16000 prompts"):
        explain(" AND ".join(["a"] * 16_000), 20)

"""Mask expressions: what binds tightest, what brackets do, and where a text is wrong."""

import numpy as np
import pytest

from animator.mask_words import Atom, parsed
from core.errors import ScheduleError

A, B, C = (np.array([[bit >> n & 1 for bit in range(8)]], np.float32) for n in range(3))
MASKS = {"a.png": A, "b.png": B, "c.png": C}


def value(text):
    return parsed(text).over(lambda atom: MASKS[atom.text]).astype(bool)


a, b, c = (mask.astype(bool) for mask in (A, B, C))
LAWS = [
    ("[a.png]", a),
    ("![a.png]", ~a),
    ("!![a.png]", a),
    ("[a.png]&[b.png]", a & b),
    ("[a.png] | [b.png]", a | b),
    ("[a.png]^[b.png]", a ^ b),
    ("[a.png]\\[b.png]", a & ~b),
    ("![a.png]&[b.png]|[c.png]", (~a & b) | c),
    ("[a.png]|[b.png]&[c.png]", a | (b & c)),
    ("[a.png]^[b.png]|[c.png]", a ^ (b | c)),
    ("[a.png]\\[b.png]^[c.png]", a & ~(b ^ c)),
    ("[a.png]\\[b.png]\\[c.png]", (a & ~b) & ~c),
    ("([a.png]|[b.png])&[c.png]", (a | b) & c),
    ("!([a.png]&([b.png]|[c.png]))", ~(a & (b | c))),
]


@pytest.mark.parametrize(("text", "expected"), LAWS)
def test_operators_bind_as_deforum_evaluates_them(text, expected):
    assert np.array_equal(value(text), expected)


def test_gray_masks_are_joined_as_they_are():
    half = np.full((2, 2), 0.25, np.float32)
    assert np.allclose(parsed("!{video_mask}").over(lambda _: half), 0.75)
    assert np.allclose(parsed("{video_mask}|!{video_mask}").over(lambda _: half), 0.75)


def test_atoms_keep_their_kind_and_text():
    atoms = list(parsed("{everywhere} & !([my hat.png] | < a red hat >)").atoms())
    assert atoms == [Atom("name", "everywhere"), Atom("file", "my hat.png"), Atom("words", "a red hat")]


BAD = [
    ("", "a mask is missing"),
    ("{video_mask", "never closed"),
    ("({video_mask}", "never closed"),
    ("{video_mask}}", "belongs to nothing"),
    ("{video_mask} {everywhere}", "belongs to nothing"),
    ("{vidoe_mask}", "video_mask"),
    ("{init_mask}", "no mask named"),
    ("[]", "nothing stands"),
    ("!", "a mask is missing"),
    ("{everywhere}&", "a mask is missing"),
    ("(" * 60 + "{everywhere}" + ")" * 60, "nested"),
    ("!" * 60 + "{everywhere}", "nested"),
    ("x" * 3000, "3000 characters"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_what_is_no_expression_is_told_with_its_place(text, words):
    with pytest.raises(ScheduleError, match=words.replace("(", r"\(")) as caught:
        parsed(text)
    assert "character" in str(caught.value)

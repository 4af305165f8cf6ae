import pytest

from core.errors import UserError
from diffusion.prompt.chunks import Vocabulary, chunked, padded
from diffusion.prompt.language import Piece, parse_attention
from tests.diffusion.prompt.toys import tokenizer


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.of(tokenizer())


def lengths(text, vocabulary):
    return [len(chunk) for chunk in chunked(parse_attention(text), vocabulary)]


def test_a_chunk_holds_the_positions_without_start_and_end(vocabulary):
    assert vocabulary.length == 75
    assert Vocabulary.of(tokenizer(positions=48)).length == 46
    assert Vocabulary.of(tokenizer(), positions=48).length == 46


@pytest.mark.parametrize(("words", "expected"), [(0, [0]), (75, [75]), (76, [75, 1]), (151, [75, 75, 1])])
def test_a_full_chunk_is_followed_by_the_next(words, expected, vocabulary):
    assert lengths("cat " * words, vocabulary) == expected


def test_chunks_keep_tokens_and_weights_in_order(vocabulary):
    tokens = [token for chunk in chunked(parse_attention("cat (dog:1.5)" * 50), vocabulary) for token in chunk]
    cat, dog = (vocabulary.ids([word])[0][0] for word in ("cat", "dog"))
    assert [(token.id, token.weight) for token in tokens] == [(cat, 1.0), (dog, 1.5)] * 50


def test_break_closes_a_chunk(vocabulary):
    assert lengths("cat BREAK dog cat", vocabulary) == [1, 2]
    assert lengths("BREAK cat BREAK", vocabulary) == [0, 1]


def test_text_behind_a_late_comma_moves_on(vocabulary):
    assert lengths("cat " * 60 + ", " + "dog " * 14 + "cat", vocabulary) == [61, 15]
    assert lengths("cat " * 55 + ", " + "dog " * 19 + "cat", vocabulary) == [56, 20]


def test_text_behind_an_early_comma_stays(vocabulary):
    assert lengths("cat " * 54 + ", " + "dog " * 20 + "cat", vocabulary) == [75, 1]


def test_a_chunk_that_fits_keeps_what_follows_its_comma(vocabulary):
    assert lengths("cat " * 60 + ", " + "dog " * 14, vocabulary) == [75]


def test_a_comma_after_a_full_chunk_pulls_nothing_along(vocabulary):
    assert lengths("cat " * 60 + ", " + "dog " * 14 + ", cat", vocabulary) == [75, 2]


def test_vectors_take_the_place_of_their_name(vocabulary):
    names = {tuple(vocabulary.ids(["cat dog"])[0]): ["v1", "v2", "v3"]}
    (chunk,) = chunked([Piece("cat cat dog cat", 1.2)], vocabulary, names)
    assert [token.vector for token in chunk] == [None, "v1", "v2", "v3", None]
    assert [token.id for token in chunk][1:4] == [0, 0, 0]
    assert {token.weight for token in chunk} == {1.2}


def test_the_longest_name_counts(vocabulary):
    cat, dog = (vocabulary.ids([word])[0][0] for word in ("cat", "dog"))
    (chunk,) = chunked([Piece("cat dog cat", 1.0)], vocabulary, {(cat,): ["short"], (cat, dog): ["long"]})
    assert [token.vector for token in chunk] == ["long", "short"]


def test_vectors_are_not_split_between_chunks(vocabulary):
    names = {tuple(vocabulary.ids(["dog"])[0]): ["v"] * 3}
    chunks = chunked([Piece("cat " * 73 + "dog", 1.0)], vocabulary, names)
    assert [len(chunk) for chunk in chunks] == [73, 3]


def test_vectors_move_on_with_what_follows_the_comma(vocabulary):
    names = {tuple(vocabulary.ids(["dog"])[0]): ["v"] * 3}
    chunks = chunked([Piece("cat " * 65 + ", dog " + "cat " * 7, 1.0)], vocabulary, names)
    assert [len(chunk) for chunk in chunks] == [66, 10]
    assert [token.vector for token in chunks[1]] == ["v"] * 3 + [None] * 7


def test_more_vectors_than_places_are_refused(vocabulary):
    names = {tuple(vocabulary.ids(["dog"])[0]): ["v"] * 76}
    with pytest.raises(UserError, match="76 vectors"):
        chunked([Piece("dog", 1.0)], vocabulary, names)


@pytest.mark.parametrize("pad", ["<|endoftext|>", "!"])
def test_padding_gives_what_the_tokenizer_gives(pad):
    words = tokenizer(pad=pad)
    vocabulary = Vocabulary.of(words)
    (chunk,) = chunked(parse_attention("a cat, 3 dogs!"), vocabulary)
    expected = words("a cat, 3 dogs!", padding="max_length").input_ids
    assert [token.id for token in padded(chunk, vocabulary)] == expected

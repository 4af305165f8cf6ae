import pytest

from diffusion.models.tokenizer import clip_tokenizer, clip_vocabulary


@pytest.fixture(scope="module")
def clip():
    return clip_tokenizer(pads_with_zero=False)


def test_vocabulary_has_the_size_the_models_were_trained_with():
    tokens, merges = clip_vocabulary()
    assert (len(tokens), len(set(tokens)), len(merges)) == (49408, 49408, 48894)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A PHOTO  of\na cat", [320, 1125, 539, 320, 2368]),
        ("hello!", [3306, 256]),
    ],
)
def test_known_tokens(clip, text, ids):
    assert clip(text).input_ids == [49406, *ids, 49407]


def test_open_clip_pads_with_zero_and_still_knows_the_exclamation_mark(clip):
    padded = clip_tokenizer(pads_with_zero=True)("hello!", padding="max_length", max_length=6).input_ids
    assert padded == [49406, 3306, 256, 49407, 0, 0]
    assert clip("hello!", padding="max_length", max_length=6).input_ids == [49406, 3306, 256, 49407, 49407, 49407]

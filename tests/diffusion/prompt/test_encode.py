import dataclasses
import logging

import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError
from diffusion.prompt.encode import PromptEncoder
from tests.diffusion.prompt.toys import loaded, sd1, sd2, sdxl, text_part

TEXT = "a cat, 2 dogs!"
LONG = "cat " * 80


def words_in(folder):
    return {path.stem: path for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def model():
    return sd1()


@pytest.fixture(scope="module")
def large():
    return sdxl()


def contexts(model, *texts, clip_skip=1, **options):
    """The context of each text as a positive prompt, all encoded by one encoder."""
    encoder = PromptEncoder(model, **options)
    return [encoder.encode(((text, 1.0),), "", 1, clip_skip=clip_skip).positive[0][0][0].context for text in texts]


def plain(part, text):
    ids = part.tokenizer(text, padding="max_length", truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        return part.encoder(ids, output_hidden_states=True)


def test_a_plain_prompt_is_what_the_text_encoder_says_bit_for_bit(model):
    (context,) = contexts(model, TEXT)
    assert torch.equal(context, plain(model.text[0], TEXT).last_hidden_state)


@pytest.mark.parametrize("skip", [1, 2, 3])
def test_clip_skip_counts_layers_from_the_last(model, skip):
    (context,) = contexts(model, TEXT, clip_skip=skip)
    part = model.text[0]
    with torch.no_grad():
        expected = part.encoder.final_layer_norm(plain(part, TEXT).hidden_states[-skip])
    assert torch.equal(context, expected)


@pytest.mark.parametrize("skip", [0, 4, -1])
def test_a_layer_that_is_not_there_is_refused(model, skip):
    with pytest.raises(UserError, match="1 to 3"):
        contexts(model, TEXT, clip_skip=skip)


def test_sd2_reads_the_second_last_layer_and_pads_with_zero():
    model = sd2()
    (context,) = contexts(model, TEXT)
    part = model.text[0]
    with torch.no_grad():
        expected = part.encoder.final_layer_norm(plain(part, TEXT).hidden_states[-2])
    assert torch.equal(context, expected)


def test_sdxl_joins_both_encoders_and_takes_the_pooled_vector_of_the_first_chunk(large):
    conditioning = PromptEncoder(large).encode(((LONG, 1.0),), "dog", 1, clip_skip=2)
    embedding = conditioning.positive[0][0][0]
    first, second = (plain(part, "cat " * 75) for part in large.text)
    expected = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
    assert embedding.context.shape == (1, 154, 80)
    assert torch.allclose(embedding.context[:, :77], expected, atol=1e-6)
    assert torch.allclose(embedding.pooled, second.text_embeds, atol=1e-6)


def test_an_empty_negative_is_zeros_for_sdxl_only(large, model):
    nothing = PromptEncoder(large).encode(((TEXT, 1.0),), " # no words", 1).negative[0]
    assert not nothing.context.any()
    assert not nothing.pooled.any()
    assert PromptEncoder(large).encode((("", 1.0),), "dog", 1).positive[0][0][0].context.any()
    assert PromptEncoder(model).encode(((TEXT, 1.0),), "", 1).negative[0].context.any()


def test_diffusers_encodes_plain_prompts_to_the_same_bits(model, large):
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    pipe = StableDiffusionPipeline(
        None, model.text[0].encoder, model.text[0].tokenizer, None, None, None, None, requires_safety_checker=False
    )
    positive, negative = pipe.encode_prompt(TEXT, "cpu", 1, True, negative_prompt="dog")
    ours = PromptEncoder(model).encode(((TEXT, 1.0),), "dog", 1)
    assert torch.equal(ours.positive[0][0][0].context, positive)
    assert torch.equal(ours.negative[0].context, negative)

    first, second = large.text
    pipe = StableDiffusionXLPipeline(
        None, first.encoder, second.encoder, first.tokenizer, second.tokenizer, None, None, add_watermarker=False
    )
    expected = pipe.encode_prompt(TEXT, device="cpu", negative_prompt="dog")
    ours = PromptEncoder(large).encode(((TEXT, 1.0),), "dog", 1)
    embedding = ours.positive[0][0][0]
    found = (embedding.context, ours.negative[0].context, embedding.pooled, ours.negative[0].pooled)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_emphasis_keeps_the_mean_of_a_chunk(model):
    weighted, unweighted = contexts(model, "(cat:1.5) dog", "cat dog")
    weights = torch.ones(1, 77, 1)
    weights[0, 1] = 1.5
    scaled = unweighted * weights
    assert torch.allclose(weighted, scaled * unweighted.mean() / scaled.mean(), rtol=1e-5)
    assert weighted.mean() == pytest.approx(unweighted.mean().item(), rel=1e-4)


def test_the_mean_is_kept_in_each_chunk_for_itself(model):
    weighted, other = contexts(model, "(cat:1.5) BREAK dog", "cat BREAK dog")
    assert torch.equal(weighted[:, 77:], other[:, 77:])
    assert not torch.equal(weighted[:, :77], other[:, :77])


def test_a_mean_lost_in_the_spread_is_not_kept():
    model = sd1()
    model.text[0].encoder.final_layer_norm.bias.data.zero_()
    assert torch.equal(*(contexts(model, "(cat:1.5) dog", emphasis=mode)[0] for mode in ("original", "no norm")))


def test_other_modes_of_emphasis(model):
    (unweighted,) = contexts(model, "cat dog")
    (scaled,) = contexts(model, "(cat:1.5) dog", emphasis="no norm")
    assert torch.equal(scaled[0, 1], unweighted[0, 1] * 1.5)
    assert torch.equal(scaled[0, 2:], unweighted[0, 2:])
    assert torch.equal(contexts(model, "(cat:1.5) dog", emphasis="ignore")[0], unweighted)
    literal = plain(model.text[0], "(cat:1.5) dog").last_hidden_state
    assert torch.equal(contexts(model, "(cat:1.5) dog", emphasis="none")[0], literal)


def test_weights_of_one_change_no_bit(model):
    assert torch.equal(*contexts(model, "((cat:1.0) dog:1)", "cat dog"))


def test_pooled_vectors_know_no_emphasis(large):
    encoder = PromptEncoder(large)
    weighted, unweighted = (encoder.encode(((text, 1.0),), "", 1) for text in ("(cat:1.5) dog", "cat dog"))
    assert torch.equal(weighted.positive[0][0][0].pooled, unweighted.positive[0][0][0].pooled)


@pytest.mark.parametrize("text", ["(cat:" + "9" * 39 + ")", "(" * 9000 + "cat" + ")" * 9000])
def test_weights_that_leave_no_numbers_are_refused(model, text):
    with pytest.raises(UserError, match="weight"):
        contexts(model, text)


def test_chunks_stand_side_by_side(model):
    both, first, second = contexts(model, "cat BREAK dog", "cat", "dog")
    assert torch.allclose(both, torch.cat([first, second], dim=1), atol=1e-6)


def test_all_embeddings_of_a_picture_are_equally_long(model):
    conditioning = PromptEncoder(model).encode(((f"{LONG} AND dog", 1.0),), "cat", 2)
    (long, _), (short, _) = conditioning.positive[0]
    (empty,) = contexts(model, "")
    assert long.context.shape == short.context.shape == conditioning.negative[0].context.shape == (1, 154, 32)
    assert torch.equal(short.context[:, 77:], empty)


def test_parts_and_editing_go_by_step(model):
    conditioning = PromptEncoder(model).encode((("[cat:dog:1] AND 3 :-.5 # note", 1.0),), "[a:b:2]", 4)
    cat, dog, three, a, b = contexts(model, "cat", "dog", "3", "a", "b")
    assert [[weight for _, weight in step] for step in conditioning.positive] == [[1.0, -0.5]] * 4
    assert all(
        torch.equal(step[0][0].context, text)
        for step, text in zip(conditioning.positive, (cat, cat, dog, dog), strict=True)
    )
    assert all(torch.equal(step[1][0].context, three) for step in conditioning.positive)
    assert all(torch.equal(step.context, text) for step, text in zip(conditioning.negative, (a, a, a, b), strict=True))


def test_a_negative_knows_no_and(model):
    conditioning = PromptEncoder(model).encode((("cat", 1.0),), "a AND b", 1)
    assert torch.equal(conditioning.negative[0].context, plain(model.text[0], "a AND b").last_hidden_state)


def test_prompts_on_their_way_are_blended(model):
    cat, dog = contexts(model, "cat", "dog")
    (step,) = PromptEncoder(model).encode((("cat", 0.25), ("dog", 0.75)), "", 1).positive
    ((embedding, weight),) = step
    assert weight == 1
    assert torch.allclose(embedding.context, 0.25 * cat + 0.75 * dog, atol=1e-6)


def test_a_blend_ends_at_its_prompts_to_the_bit(model):
    (cat,) = contexts(model, "cat")
    (step,) = PromptEncoder(model).encode((("cat", 1.0), ("dog", 0.0)), "", 1).positive
    assert torch.equal(step[0][0].context, cat)


def test_pooled_vectors_are_blended_too(large):
    encoder = PromptEncoder(large)
    cat, dog, both = (
        encoder.encode(mix, "", 1).positive[0][0][0].pooled
        for mix in ((("cat", 1.0),), (("dog", 1.0),), (("cat", 0.5), ("dog", 0.5)))
    )
    assert torch.allclose(both, (cat + dog) / 2, atol=1e-6)


def test_prompts_with_and_are_composed_on_their_way(model):
    (step,) = PromptEncoder(model).encode((("cat AND 3:2", 0.25), ("dog", 0.75)), "", 1).positive
    expected = contexts(model, "cat", "3", "dog")
    assert [weight for _, weight in step] == [0.25, 0.5, 0.75]
    assert all(torch.equal(embedding.context, text) for (embedding, _), text in zip(step, expected, strict=True))


def test_a_text_does_not_depend_on_what_is_encoded_beside_it(model):
    alone = PromptEncoder(model).encode((("cat (dog:1.3)", 1.0),), "", 1)
    busy = PromptEncoder(model)
    busy.encode(((LONG, 1.0),), "3", 1)
    assert torch.equal(
        alone.positive[0][0][0].context, busy.encode((("cat (dog:1.3)", 1.0),), "3 2", 1).positive[0][0][0].context
    )


def test_a_text_is_encoded_once(model):
    calls = []
    handle = model.text[0].encoder.register_forward_hook(lambda *_: calls.append(1))
    encoder = PromptEncoder(model)
    for frame in range(3):
        encoder.encode((("[cat|dog] AND cat", 1.0),), "3", 8)
        encoder.encode((("cat", 1 - frame / 4), ("dog", frame / 4)), "3", 4)
    handle.remove()
    assert len(calls) == 3


def test_steps_with_equal_texts_share_their_objects(model):
    conditioning = PromptEncoder(model).encode((("cat", 0.5), ("dog", 0.5)), "3", 3)
    assert len({id(step) for step in conditioning.positive}) == 1
    assert len({id(step) for step in conditioning.negative}) == 1


def test_tags_nobody_acted_on_are_said(model):
    with pytest.raises(UserError, match="<lora:ink>"):
        contexts(model, "cat <lora:ink:0.5>")
    PromptEncoder(model).encode((("cat", 1.0),), "<lora:ink:0.5>", 1)


@pytest.mark.parametrize("text", ["cat " * 10_000, " AND ".join("cat" for _ in range(100)), f"cat AND dog:{'9' * 400}"])
def test_absurd_prompts_are_refused(model, text):
    with pytest.raises(UserError):
        contexts(model, text)


def test_context_comes_in_the_type_of_the_model(model):
    (context,) = contexts(dataclasses.replace(model, dtype=torch.bfloat16), "(cat:1.2)")
    assert context.dtype == torch.bfloat16


def test_a_textual_inversion_acts_as_the_word_whose_vectors_it_has(model, tmp_path):
    part = model.text[0]
    dog = part.tokenizer("dog", add_special_tokens=False).input_ids
    rows = part.encoder.get_input_embeddings().weight[dog].detach().clone()
    save_file({"emb_params": rows.repeat(2, 1)}, tmp_path / "My Word.safetensors")
    files = words_in(tmp_path)
    assert torch.equal(*contexts(model, "cat (my word:1.2) cat", "cat (dog dog:1.2) cat", embeddings=files))
    (after,) = contexts(model, "cat my word cat")
    assert torch.equal(after, plain(part, "cat my word cat").last_hidden_state)


def test_a_textual_inversion_for_sdxl_reaches_both_encoders(large, tmp_path):
    ids = [part.tokenizer("dog", add_special_tokens=False).input_ids for part in large.text]
    rows = [part.encoder.get_input_embeddings().weight[dog].detach() for part, dog in zip(large.text, ids, strict=True)]
    save_file({"clip_l": rows[0].contiguous(), "clip_g": rows[1].contiguous()}, tmp_path / "mine.safetensors")
    assert torch.equal(*contexts(large, "cat mine", "cat dog", embeddings=words_in(tmp_path)))


def test_a_textual_inversion_of_another_family_stays_a_word(model, tmp_path, caplog):
    save_file({"emb_params": torch.ones(1, 48)}, tmp_path / "mine.safetensors")
    files = words_in(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(*contexts(model, "cat mine", embeddings=files), *contexts(model, "cat mine"))
    assert "another model family" in caplog.text


def test_embeddings_nobody_calls_are_not_read(model, tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"rubbish")
    contexts(model, "cat", embeddings=words_in(tmp_path))


def test_a_shorter_encoder_makes_shorter_chunks():
    part = text_part()
    part.encoder.config.max_position_embeddings = 12
    (context,) = contexts(loaded(part), "cat " * 11)
    assert context.shape == (1, 24, 32)

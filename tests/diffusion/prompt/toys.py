"""Real tokenizers and text encoders at toy size, made here: no weights, no network."""

import string

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from diffusion.models.loaded import LoadedModel, TextPart

LETTERS = string.ascii_lowercase + string.digits + string.punctuation
WORDS = ("cat", "dog")
START, END = "<|startoftext|>", "<|endoftext|>"


def tokenizer(*, positions: int = 77, pad: str = END) -> CLIPTokenizer:
    """Letters and two whole words; with `pad` "!" the padding is token 0, as OpenCLIP has it."""
    symbols = [*LETTERS, *(letter + "</w>" for letter in LETTERS)]
    symbols.sort(key=lambda symbol: symbol != "!")
    merges = [("a", "t</w>"), ("c", "at</w>"), ("o", "g</w>"), ("d", "og</w>")]
    symbols += ["".join(pair) for pair in merges]
    vocab = {symbol: index for index, symbol in enumerate([*symbols, START, END])}
    return CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=positions)


def text_part(*, width: int = 32, seed: int = 0, penultimate: bool = False, projected: bool = False, pad: str = END):
    words = tokenizer(pad=pad)
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=24,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    torch.manual_seed(seed)
    encoder = (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()
    with torch.no_grad():
        encoder.get_input_embeddings().weight.normal_(std=1.0)
        getattr(encoder, "text_model", encoder).final_layer_norm.bias.fill_(0.2)  # a mean, as trained encoders have
    return TextPart(words, encoder, penultimate, projected)


def loaded(*parts: TextPart, family: str = "sd1") -> LoadedModel:
    """A model of which only the text side is there."""
    return LoadedModel(
        name="toy",
        family=family,
        identity="toy",
        unet=None,
        autoencoder=None,
        text=parts,
        alphas_cumprod=torch.ones(1),
        prediction="epsilon",
        native=(64, 64),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def sd1() -> LoadedModel:
    return loaded(text_part())


def sd2() -> LoadedModel:
    return loaded(text_part(penultimate=True, pad="!"), family="sd2")


def sdxl() -> LoadedModel:
    second = text_part(width=48, seed=1, penultimate=True, projected=True, pad="!")
    return loaded(text_part(penultimate=True), second, family="sdxl")

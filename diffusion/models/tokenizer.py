"""CLIP tokenizers from the merges shipped here, for checkpoints that come as a single file."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

MERGES = Path(__file__).parent / "configs" / "clip" / "merges.txt.gz"
LONGEST = 77  # tokens with start and end


def clip_tokenizer(*, pads_with_zero: bool) -> Any:
    """A transformers CLIPTokenizer with the vocabulary of OpenAI's CLIP.

    Args:
        pads_with_zero: whether short texts are filled up with token 0 (OpenCLIP: SD 2 and SDXL's second encoder)
            instead of the end token.
    """
    from transformers import CLIPTokenizer

    tokens, merges = clip_vocabulary()
    tokenizer = CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)}, merges=list(merges), model_max_length=LONGEST
    )
    if pads_with_zero:
        tokenizer.pad_token = tokens[0]  # set afterwards: given to the constructor, "!" in a text would be padding too
    return tokenizer


@cache
def clip_vocabulary() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """All 49,408 tokens in the order of their numbers, and the 48,894 merges that make the longer ones.

    Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision"; the order is
    that of the tokenizer in github.com/openai/CLIP (MIT).
    """
    lines = gzip.decompress(MERGES.read_bytes()).decode().splitlines()[1:]
    merges = tuple((left, right) for left, _, right in (line.partition(" ") for line in lines))
    letters = _byte_letters()
    ends = tuple(f"{letter}</w>" for letter in letters)
    merged = tuple(left + right for left, right in merges)
    return (*letters, *ends, *merged, "<|startoftext|>", "<|endoftext|>"), merges


def _byte_letters() -> tuple[str, ...]:
    """The letters that stand for the 256 bytes: printable ones for themselves, then stand-ins for the others."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return tuple(chr(byte) for byte in printable) + tuple(chr(256 + index) for index in range(256 - len(printable)))

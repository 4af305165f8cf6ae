"""What a prompt means, spelled out: which text at which step, with which weights. Needs no model."""

from dataclasses import dataclass, replace
from typing import Any

from diffusion.prompt.chunks import Vocabulary, chunked
from diffusion.prompt.language import (
    ExtraNetwork,
    Piece,
    bounded_parts,
    checked,
    editing_schedule,
    extracted,
    parse_attention,
    without_comments,
)


@dataclass(frozen=True, slots=True)
class Span:
    """One text of a part, and the steps it stands for."""

    first: int  # calls of the denoiser from 0; second-order samplers make two a step
    last: int  # inclusive; before `first` if the text is never used
    text: str  # after editing and alternation
    pieces: tuple[Piece, ...]  # with their attention weights; ("BREAK", -1) closes a chunk
    tokens: int | None = None  # with a tokenizer only: of the text itself
    chunks: int | None = None  # with a tokenizer only
    places: int | None = None  # with a tokenizer only: tokens that fit into the chunks


@dataclass(frozen=True, slots=True)
class PartExplained:
    """One of the prompts joined by AND."""

    weight: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prompt taken apart; `dataclasses.asdict` makes it JSON."""

    text: str  # without comments and tags
    steps: int
    networks: tuple[ExtraNetwork, ...]
    parts: tuple[PartExplained, ...]


def explain(text: str, steps: int, tokenizer: Any = None) -> Explanation:
    """The prompt taken apart.

    Args:
        text: as the user wrote it.
        steps: of the sampler, 1 or more.
        tokenizer: a transformers CLIPTokenizer, to count tokens and chunks.

    Raises:
        UserError: for a faulty tag, a weight that is not finite, too many parts, or steps out of range.
    """
    plain, networks = extracted(without_comments(text))
    vocabulary = None if tokenizer is None else Vocabulary.of(tokenizer)
    parts = tuple(PartExplained(part.weight, _spans(part.text, steps, vocabulary)) for part in bounded_parts(plain))
    return Explanation(plain, steps, networks, parts)


def _spans(text: str, steps: int, vocabulary: Vocabulary | None) -> tuple[Span, ...]:
    spans = []
    known: dict[str, Span] = {}
    first = 0
    for end, version in editing_schedule(text, steps):
        if version not in known:
            known[version] = _counted(version, vocabulary)
        last = min(end, steps - 1)
        spans.append(replace(known[version], first=first, last=last))
        first = last + 1
    return tuple(spans)


def _counted(text: str, vocabulary: Vocabulary | None) -> Span:
    pieces = checked(parse_attention(text))
    if vocabulary is None:
        return Span(0, 0, text, pieces)
    chunks = chunked(pieces, vocabulary)
    return Span(0, 0, text, pieces, sum(map(len, chunks)), len(chunks), len(chunks) * vocabulary.length)

"""Tokens with weights, cut into the chunks a text encoder can see at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from diffusion.prompt.language import BREAK, Piece

BACKTRACK = 20  # tokens a full chunk may give back to end at a comma


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What chunking needs to know of a tokenizer."""

    tokenizer: Any  # transformers CLIPTokenizer
    start: int  # token ids
    end: int
    pad: int  # fills a chunk behind the end token: the end token again (CLIP-L) or 0 (OpenCLIP)
    comma: int | None
    length: int  # tokens of a chunk without start and end: 75, or 46 for mini

    @classmethod
    def of(cls, tokenizer: Any, positions: int | None = None) -> "Vocabulary":
        """Args: positions: the encoder's; those the tokenizer names if not given."""
        return cls(
            tokenizer=tokenizer,
            start=tokenizer.bos_token_id,
            end=tokenizer.eos_token_id,
            pad=tokenizer.pad_token_id,
            comma=tokenizer.get_vocab().get(",</w>"),
            length=(positions or tokenizer.model_max_length) - 2,
        )

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, of any length, without start and end."""
        found: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=False, truncation=False, verbose=False
        ).input_ids
        return found


@dataclass(frozen=True, slots=True)
class Token:
    """One place of a chunk."""

    id: int
    weight: float = 1.0
    vector: Any = None  # torch.Tensor of the encoder's width that stands in for the token's embedding


Chunk = tuple[Token, ...]  # at most Vocabulary.length
Inversions = Mapping[tuple[int, ...], Sequence[Any]]  # token ids of a name to the vectors it stands for


def chunked(pieces: Sequence[Piece], vocabulary: Vocabulary, inversions: Inversions | None = None) -> tuple[Chunk, ...]:
    """Pieces as one or more chunks.

    A chunk is closed by BREAK or when it is full; then what follows a comma among its last 20 tokens moves on to the
    next. The vectors of a textual inversion stay together. Where several names match, the longest counts.

    Raises:
        UserError: for a textual inversion with more vectors than a chunk has places.
    """
    chunks: list[list[Token]] = []
    current: list[Token] = []
    for piece, ids in zip(pieces, vocabulary.ids([piece.text for piece in pieces]), strict=True):
        if piece == BREAK:
            chunks.append(current)
            current = []
            continue
        for unit in _units(ids, piece.weight, inversions or {}):
            if len(unit) > vocabulary.length:
                raise UserError(f"a textual inversion has {len(unit)} vectors, a chunk {vocabulary.length} places")
            while len(current) + len(unit) > vocabulary.length:
                cut = _cut(current, unit, vocabulary)
                chunks.append(current[:cut])
                current = current[cut:]
            current.extend(unit)
    if current or not chunks:
        chunks.append(current)
    return tuple(tuple(chunk) for chunk in chunks)


def padded(chunk: Chunk, vocabulary: Vocabulary) -> Chunk:
    """The chunk as the encoder wants it: start, tokens, end, padding; length + 2 in all."""
    filling = (Token(vocabulary.pad),) * (vocabulary.length - len(chunk))
    return (Token(vocabulary.start), *chunk, Token(vocabulary.end), *filling)


def _units(ids: list[int], weight: float, inversions: Inversions) -> Iterator[Chunk]:
    """What cannot be split: single tokens, and all vectors of an inversion."""
    lengths = sorted({len(name) for name in inversions}, reverse=True)
    at = 0
    while at < len(ids):
        names = (tuple(ids[at : at + length]) for length in lengths)
        name = next((name for name in names if name in inversions), None)
        if name is None:
            yield (Token(ids[at], weight),)
            at += 1
        else:
            yield tuple(Token(0, weight, vector) for vector in inversions[name])
            at += len(name)


def _cut(full: list[Token], unit: Chunk, vocabulary: Vocabulary) -> int:
    """Where a chunk that has no room for the unit ends: behind a late comma, else behind its last token."""
    if len(full) == vocabulary.length and vocabulary.comma not in (None, unit[0].id):
        for at in range(len(full), max(0, len(full) - BACKTRACK), -1):
            if full[at - 1].id == vocabulary.comma:
                return at
    return len(full)

"""PromptEncoder: prompts to what guides a picture, with every rule of the prompt language applied."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.errors import UserError, WeightsError
from diffusion.extra_networks import Bundle, ExtraNetworks, Use
from diffusion.models.loaded import LoadedModel, TextPart
from diffusion.prompt.chunks import Chunk, Inversions, Vocabulary, chunked, padded
from diffusion.prompt.conditioning import Conditioning, Embedding
from diffusion.prompt.embeddings import PICTURES, TextualInversion, load_inversion
from diffusion.prompt.language import (
    Part,
    Piece,
    bounded_parts,
    checked,
    extracted,
    parse_attention,
    texts_by_step,
    without_comments,
)
from diffusion.prompt.named import squeezed, wanted
from diffusion.request import Emphasis, PromptMix

log = logging.getLogger(__name__)

Mixed = tuple[tuple[tuple[Part, ...], float], ...]  # of one step: the AND parts of each prompt, and its share

MOST_CHUNKS = 64  # of one text; more is refused before memory is asked for
KEPT_TEXTS = 128  # encoded texts that are remembered
LEAST_MEAN = 0.01  # of the standard deviation: a smaller mean is lost in it (mini has 0.003)


class Reading(NamedTuple):
    """How texts are read."""

    clip_skip: int
    networks: tuple[Use, ...] = ()  # that change the text encoders
    bundles: tuple[Bundle, ...] = ()  # that bring words of their own


class PromptEncoder:
    """Encodes the prompts of one model and remembers the latest."""

    def __init__(
        self,
        model: LoadedModel,
        *,
        embeddings: Mapping[str, Path] | None = None,
        networks: ExtraNetworks | None = None,
        emphasis: Emphasis = "original",
    ) -> None:
        """An encoder for one model.

        Args:
            model: whose tokenizers and text encoders are used.
            embeddings: textual inversion files by the word that calls them. Read when a
                prompt has the word; one of another model family is left to be a plain word, with a warning.
            networks: applies the tags of prompts to the text encoders; tags are refused if not given.
            emphasis: what attention weights do: scale the encoded tokens and keep their mean ("original"), scale
                only ("no norm"), nothing ("ignore"), or are not even parsed ("none").
        """
        self._model = model
        self._files = dict(embeddings or {})
        self._networks = networks
        self._emphasis = emphasis
        self._vocabularies = tuple(
            Vocabulary.of(part.tokenizer, part.encoder.config.max_position_embeddings) for part in model.text
        )
        self._inversion = lru_cache(maxsize=None)(load_inversion)
        self._embedding = lru_cache(maxsize=KEPT_TEXTS)(self._encoded)

    def encode(self, mix: PromptMix, negative: str, steps: int, *, clip_skip: int = 1, before: int = 0) -> Conditioning:
        """All that guides one picture, for each of `steps` calls of the denoiser.

        Ask for twice the steps for a sampler of second order; img2img asks for all steps and uses the first of them.

        Each prompt is stripped of comments, split at AND, and edited by step. Where the mix is one prompt, its parts
        are joined by AND. Where it is several and none has AND, they are blended into one embedding, so that the way
        from one prompt to the next is smooth; else the parts of all are joined by AND, weighted by the mix. Every
        embedding is filled up with encodings of the empty prompt to the same number of tokens. Steps that share
        their texts share the objects.

        The tags of all prompts act on all texts, the negative included; for the UNet the caller applies them.

        Args:
            mix: (text, weight) pairs, weights summing to 1.
            negative: editing works, AND and tags are plain text.
            steps: calls of the denoiser.
            clip_skip: 1 = the layer the model was trained on, 2 = the one before ...; SDXL has no choice.
            before: calls in the pass before, for the second pass of a hires fix; see `editing_schedule`.

        Raises:
            UserError: for steps or clip_skip out of range, tags, weights that are not finite, or absurd lengths.
        """
        assert math.isclose(sum(weight for _, weight in mix), 1, abs_tol=1e-6), mix
        self._check(clip_skip)
        if self._networks is None:
            _refuse_tags(mix)
        prompts = [(_parts_by_step(text, steps, before), weight) for text, weight in mix if weight]
        avoided = texts_by_step(without_comments(negative), steps, before=before)
        per_step: list[Mixed] = [tuple((parts[step], share) for parts, share in prompts) for step in range(steps)]

        texts = {part.text for mixed in per_step for parts, _ in mixed for part in parts}.union(avoided)
        asked = wanted(mix)
        reading = Reading(clip_skip)
        if self._networks:
            reading = Reading(clip_skip, self._networks.uses("text", asked), self._networks.bundles(asked))
        with self._networks.applied("text", asked) if self._networks else nullcontext():
            embeddings = self._equally_long({text: self._embedding(text, reading) for text in texts}, reading)
        joined = {mixed: _joined(mixed, embeddings) for mixed in set(per_step)}
        against = {text: self._against(text, embeddings[text]) for text in set(avoided)}
        return Conditioning(tuple(joined[mixed] for mixed in per_step), tuple(against[text] for text in avoided))

    @property
    def _is_sdxl(self) -> bool:
        """Whether encoders are read the way SDXL was trained: no final norm, no clip skip, a pooled vector."""
        return any(part.projected for part in self._model.text)

    def _check(self, clip_skip: int) -> None:
        """Raises UserError for a layer that is not there."""
        deepest = min(part.encoder.config.num_hidden_layers - part.penultimate for part in self._model.text)
        if not self._is_sdxl and not 1 <= clip_skip <= deepest:
            raise UserError(
                f"clip skip {clip_skip} is out of range", way_out=f"The model {self._model.name} takes 1 to {deepest}"
            )

    def _equally_long(self, embeddings: Mapping[str, Embedding], reading: Reading) -> dict[str, Embedding]:
        """The embeddings, the shorter ones filled up with encodings of the empty prompt."""
        longest = max(embedding.context.shape[1] for embedding in embeddings.values())
        filled = dict(embeddings)
        for text, embedding in embeddings.items():
            if embedding.context.shape[1] < longest:
                empty = self._embedding("", reading).context
                missing = (longest - embedding.context.shape[1]) // empty.shape[1]
                filled[text] = Embedding(torch.cat([embedding.context, *[empty] * missing], dim=1), embedding.pooled)
        return filled

    def _against(self, text: str, embedding: Embedding) -> Embedding:
        """The embedding of a negative prompt; for SDXL, an empty one is all zeros."""
        if text.strip() or embedding.pooled is None:
            return embedding
        return Embedding(torch.zeros_like(embedding.context), torch.zeros_like(embedding.pooled))

    def _encoded(self, text: str, reading: Reading) -> Embedding:
        """One text through all text encoders, its chunks side by side.

        One call a text: in a batch with others its last bits may depend on them, and so on what is remembered.
        """
        pieces = (Piece(text, 1.0),) if self._emphasis == "none" else checked(parse_attention(text))
        words = self._words(pieces, reading)
        contexts: list[Tensor] = []
        pooled: Tensor | None = None
        for index, (part, vocabulary) in enumerate(zip(self._model.text, self._vocabularies, strict=True)):
            chunks = chunked(pieces, vocabulary, _names(words, index, vocabulary))
            if len(chunks) > MOST_CHUNKS:
                raise UserError(f"a prompt of {len(chunks)} chunks", way_out=f"Shorten it to {MOST_CHUNKS} or fewer")
            layer = (1 if self._is_sdxl else reading.clip_skip) + part.penultimate
            rows = [padded(chunk, vocabulary) for chunk in chunks]
            context, projected = _through(part, rows, layer, self._model.device, normed=not self._is_sdxl)
            contexts.append(_emphasised(context, rows, self._emphasis).flatten(0, 1).unsqueeze(0))
            pooled = pooled if projected is None else projected[:1].to(self._model.dtype)
        return Embedding(torch.cat(contexts, dim=-1).to(self._model.dtype), pooled)

    def _words(self, pieces: Sequence[Piece], reading: Reading) -> list[TextualInversion]:
        """The textual inversions whose names stand in the text; those of LoRAs count before files."""
        widths = [part.encoder.config.hidden_size for part in self._model.text]
        written = squeezed(" ".join(piece.text for piece in pieces))
        bundled = [word for bundle in reading.bundles if self._networks for word in self._networks.words(bundle)]
        words = [word for word in bundled if [rows.shape[1] for rows in word.vectors] == widths]
        taken = {word.name for word in words}
        for name in [name for name in self._files if squeezed(name) in written and name not in taken]:
            try:
                word = self._inversion(self._files[name])
            except WeightsError as fault:
                if self._files[name].suffix.lower() not in PICTURES:
                    raise
                log.warning("%s; %r stays a plain word", fault, name)
                continue
            if [rows.shape[1] for rows in word.vectors] == widths:
                words.append(word)
            else:
                log.warning("%s is for another model family; %r stays a plain word", self._files[name], name)
        return words


def _names(words: Sequence[TextualInversion], index: int, vocabulary: Vocabulary) -> Inversions:
    """The vectors for one text encoder by the tokens that call them."""
    if not words:
        return {}
    names = vocabulary.ids([word.name for word in words])
    return {tuple(ids): tuple(word.vectors[index]) for ids, word in zip(names, words, strict=True) if ids}


def _parts_by_step(text: str, steps: int, before: int) -> tuple[tuple[Part, ...], ...]:
    """The AND parts of a prompt at each step."""
    plain, _ = extracted(without_comments(text))
    parts = bounded_parts(plain)
    texts = [texts_by_step(part.text, steps, before=before) for part in parts]
    return tuple(
        tuple(Part(by_step[step], part.weight) for by_step, part in zip(texts, parts, strict=True))
        for step in range(steps)
    )


def _refuse_tags(mix: PromptMix) -> None:
    for network in wanted(mix):
        tag = f"<{network.kind}:{network.name}>"
        raise UserError(f"{tag} cannot be applied here", way_out="Take the tag out of the prompt")


def _joined(mixed: Mixed, embeddings: Mapping[str, Embedding]) -> tuple[tuple[Embedding, float], ...]:
    """One step's prompts as the sampler composes them: one prompt's parts, several prompts' blend, or all parts."""
    if len(mixed) == 1:
        return tuple((embeddings[part.text], part.weight) for part in mixed[0][0])
    if all(len(parts) == 1 for parts, _ in mixed):
        shares = [(parts[0], share) for parts, share in mixed]
        blend = _blended([(embeddings[part.text], share) for part, share in shares])
        return ((blend, sum(part.weight * share for part, share in shares)),)
    return tuple((embeddings[part.text], part.weight * share) for parts, share in mixed for part in parts)


def _blended(shares: Sequence[tuple[Embedding, float]]) -> Embedding:
    """The weighted sum of embeddings of equal shape."""
    pooled = [(embedding.pooled, share) for embedding, share in shares if embedding.pooled is not None]
    context = _weighted_sum([(embedding.context, share) for embedding, share in shares])
    return Embedding(context, _weighted_sum(pooled) if pooled else None)


def _weighted_sum(shares: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Computed in float32, given in the tensors' own dtype."""
    total = torch.stack([tensor.float() * share for tensor, share in shares]).sum(0)
    return total.to(shares[0][0].dtype)


@torch.no_grad()
def _through(
    part: TextPart, rows: Sequence[Chunk], layer: int, device: torch.device, *, normed: bool
) -> tuple[Tensor, Tensor | None]:
    """Chunks through one text encoder.

    Args:
        part: the encoder.
        rows: padded chunks, all of one length.
        layer: whose output is taken, from 1 = last.
        device: the encoder's, when it is called.
        normed: whether the encoder's final layer norm is applied to it.

    Returns:
        Context, chunks x tokens x width, and for a projecting encoder the pooled vectors, chunks x width.
    """
    ids = torch.tensor([[token.id for token in row] for row in rows], device=device)
    with _spliced(part.encoder, rows):
        output = part.encoder(ids, output_hidden_states=True)
    context = output.hidden_states[-layer]
    if normed:
        context = getattr(part.encoder, "text_model", part.encoder).final_layer_norm(context)
    return context, output.text_embeds if part.projected else None


@contextmanager
def _spliced(encoder: Any, rows: Sequence[Chunk]) -> Iterator[None]:
    """While open, the encoder's token embedding gives the vectors of textual inversions where tokens have them."""
    places = [
        (y, x, token.vector) for y, row in enumerate(rows) for x, token in enumerate(row) if token.vector is not None
    ]
    if not places:
        yield
        return

    def replaced(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        output = output.clone()
        for y, x, vector in places:
            output[y, x] = vector.to(output)
        return output

    handle = encoder.get_input_embeddings().register_forward_hook(replaced)
    try:
        yield
    finally:
        handle.remove()


def _emphasised(context: Tensor, rows: Sequence[Chunk], emphasis: Emphasis) -> Tensor:
    """The encoded chunks scaled by their tokens' weights; in "original" each chunk keeps its mean.

    Some encoders give a mean that is lost in the spread. There the factor that keeps it would be noise, of any size
    and sign, and it is left out.

    Source: the formulas of the web UI's emphasis modes, with the mean over one chunk instead of one batch.

    Raises:
        UserError: if the weights leave no finite numbers.
    """
    if emphasis in ("ignore", "none") or all(token.weight == 1 for row in rows for token in row):
        return context
    weights = torch.tensor([[token.weight for token in row] for row in rows], device=context.device)
    plain = context.float()
    scaled = plain * weights.unsqueeze(-1)
    if emphasis == "original":
        mean = plain.mean((1, 2), keepdim=True)
        is_meant = mean.abs() > LEAST_MEAN * plain.std((1, 2), keepdim=True)
        scaled = scaled * torch.where(is_meant, mean / scaled.mean((1, 2), keepdim=True), 1)
    scaled = scaled.to(context.dtype)
    if not scaled.isfinite().all():
        raise UserError("the attention weights of a prompt are too large", way_out="Use weights such as 1.2")
    return scaled

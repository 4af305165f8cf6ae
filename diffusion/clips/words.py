"""Words of a clip: what every frame is to show and not to show, on the way from one text to the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.errors import UserError
from diffusion.clips.order import Interpolation
from diffusion.kit import Kit
from diffusion.prompt.conditioning import Conditioning, Embedding
from diffusion.prompt.language import ExtraNetwork
from diffusion.prompt.named import wanted
from diffusion.request import ImageRequest, PromptMix

PARALLEL = 0.9995  # cosine above which two embeddings are mixed in proportion


@dataclass(frozen=True, slots=True)
class Told:
    """The texts of one frame; one, or two with their weights on the way from the first to the second."""

    prompt: PromptMix
    negative: PromptMix


@dataclass(frozen=True, slots=True)
class Context:
    """What some frames' texts became."""

    tokens: Tensor  # frames x tokens x width
    pooled: Tensor | None  # frames x width; SDXL only


class Words:
    """The embeddings of all texts of a clip, every one of the same number of tokens, by sampling call."""

    def __init__(self, kit: Kit, like: ImageRequest, told: Sequence[Told], calls: int, way: Interpolation) -> None:
        """Encodes every text once.

        Args:
            kit: the model.
            like: a request whose rules and clip skip hold for the whole clip.
            told: of every frame.
            calls: of the UNet in one sampling.
            way: how embeddings go from one text to the next.

        Raises:
            UserError: for prompts with AND, or whose networks differ.
        """
        self._told, self._way = told, way
        self.networks = _networks(told)
        prompts = dict.fromkeys(text for frame in told for text, _ in frame.prompt)
        avoided = dict.fromkeys(text for frame in told for text, _ in frame.negative)
        found = {text: _encoded(kit, like, text, "", calls).positive for text in prompts}
        self._positive = {text: [_only_part(text, parts) for parts in steps] for text, steps in found.items()}
        self._negative = {text: list(_encoded(kit, like, "", text, calls).negative) for text in avoided}
        self._empty = _encoded(kit, like, "", "", 1).positive[0][0][0].context
        every = [*self._positive.values(), *self._negative.values()]
        self._tokens = max(embedding.context.shape[1] for steps in every for embedding in steps)

    def positive(self, frames: Sequence[int], call: int) -> Context:
        """What the frames are to show."""
        return self._context([(self._told[frame].prompt, self._positive) for frame in frames], call)

    def negative(self, frames: Sequence[int], call: int) -> Context:
        """What they are not to show."""
        return self._context([(self._told[frame].negative, self._negative) for frame in frames], call)

    def _context(self, mixes: Sequence[tuple[PromptMix, dict[str, list[Embedding]]]], call: int) -> Context:
        tokens, pooled = [], []
        for mix, embeddings in mixes:
            own = [(embeddings[text][min(call, len(embeddings[text]) - 1)], weight) for text, weight in mix]
            tokens.append(travelled([(self._filled(one), weight) for one, weight in own], self._way))
            parts = [one.pooled * weight for one, weight in own if one.pooled is not None]
            pooled += [torch.stack(parts).sum(0)] if parts else []
        return Context(torch.cat(tokens), torch.cat(pooled) if pooled else None)

    def _filled(self, embedding: Embedding) -> Tensor:
        """The embedding filled up with encodings of the empty prompt, whole chunks of them."""
        missing = (self._tokens - embedding.context.shape[1]) // self._empty.shape[1]
        return torch.cat([embedding.context, *[self._empty] * missing], dim=1) if missing else embedding.context


def travelled(parts: Sequence[tuple[Tensor, float]], way: Interpolation) -> Tensor:
    """Between embeddings, 1 x tokens x width each, by weights that sum to 1.

    Linear, or for two of them along the sphere, as one long vector each.

    Source: Shoemake 1985, "Animating Rotation with Quaternion Curves".
    """
    if len(parts) == 2 and way == "slerp":
        (one, _), (other, share) = parts
        flat, ahead = one.float().flatten(), other.float().flatten()
        cosine = torch.dot(flat, ahead) / (flat.norm() * ahead.norm())
        if abs(float(cosine)) <= PARALLEL:
            angle = torch.acos(cosine)
            mixed = (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other) / torch.sin(angle)
            return mixed.to(one.dtype)
    return torch.stack([part * weight for part, weight in parts]).sum(0)


def _encoded(kit: Kit, like: ImageRequest, prompt: str, negative: str, calls: int) -> Conditioning:
    return kit.conditioning(replace(like, prompt=((prompt, 1.0),), negative=negative), calls)


def _only_part(text: str, parts: tuple[tuple[Embedding, float], ...]) -> Embedding:
    if len(parts) != 1:
        raise UserError(f"AND in the prompt {text[:80]!r}", way_out="Join the words of a clip with commas")
    return parts[0][0]


def _networks(told: Sequence[Told]) -> tuple[ExtraNetwork, ...]:
    """The networks that all prompts ask for.

    Raises:
        UserError: if they do not all ask for the same: the UNet draws frames of several prompts at once.
    """
    kinds = list(_kinds(told))
    if any(kind != kinds[0] for kind in kinds):
        raise UserError(
            "LoRAs that only some prompts of a clip ask for",
            way_out="Write their tags into `positive`, for all prompts",
        )
    return kinds[0]


def _kinds(told: Sequence[Told]) -> Iterator[tuple[ExtraNetwork, ...]]:
    for text in dict.fromkeys(text for frame in told for text, _ in frame.prompt):
        yield wanted(((text, 1.0),))

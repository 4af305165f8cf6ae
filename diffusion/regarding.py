"""Regarding: other pictures that an image looks at while it is drawn, through the UNet's own attention; no weights."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from core.errors import UserError
from diffusion.kit import Kit
from diffusion.request import ImageRequest
from diffusion.sampling.denoiser import Row, UNetCall

LOOKING = "attn1"  # the attention of the picture to itself, in every block


@dataclass(frozen=True, slots=True, eq=False)
class Regarded:
    """What the images of a batch look at; all at equally many pictures."""

    latents: Tensor  # float32, N x K x C x rows x columns, clean
    noise: Tensor  # float32, N x C x rows x columns, unit variance: each image's own
    weights: tuple[float, ...]  # of each image, above 0
    sigma: Callable[[float], float]  # timestep to noise level

    def seen(self, call: UNetCall, unet: Any) -> UNetCall:
        """A UNet that looks at these pictures as well.

        They are drawn along, as noisy as the image is, and give keys and values to its self-attention; a weight w
        counts each as w pictures.

        Source: Khachatryan et al. 2023, "Text2Video-Zero", section 3.3.2 (attention to another frame); Zhang 2023,
        "reference-only" of the ControlNet extension (beside the picture's own).
        """

        def looking(
            latents: Tensor, timesteps: Tensor, context: Tensor, pooled: Tensor | None, rows: tuple[Row, ...]
        ) -> Tensor:
            images = list(dict.fromkeys(row.image for row in rows))
            count = self.latents.shape[1]
            guides = [_guide(rows, image) for image in images for _ in range(count)]
            level = self.sigma(float(timesteps[0]))
            noisy = (self.latents[images] + level * self.noise[images].unsqueeze(1)) / math.sqrt(1 + level * level)
            first = {image: len(rows) + place * count for place, image in enumerate(images)}
            own = list(range(len(rows) + len(guides)))
            looked = [[first[row.image] + n for n in range(count)] for row in rows]
            looked += [[place] * count for place in own[len(rows) :]]
            weights = [self.weights[row.image] for row in (*rows, *(rows[guide] for guide in guides))]
            with _attending(unet, looked, weights):
                found = call(
                    torch.cat([latents, noisy.flatten(0, 1).to(latents.dtype)]),
                    torch.cat([timesteps, timesteps[guides]]),
                    torch.cat([context, context[guides]]),
                    None if pooled is None else torch.cat([pooled, pooled[guides]]),
                    (*rows, *(rows[guide] for guide in guides)),
                )
            return found[: len(rows)]

        return looking


def regarded_by(requests: Sequence[ImageRequest], noise: Tensor, kit: Kit) -> Regarded | None:
    """What the requests of a batch look at; None where they look at nothing.

    Raises:
        UserError: for a weight out of range.
    """
    looks = [request.regard for request in requests if request.regard is not None]
    if not looks:
        return None
    for look in looks:
        if not 0 < look.weight <= 1:
            raise UserError(f"a regard of {look.weight:g}", way_out="Choose above 0, up to 1")
    latents = [
        torch.cat([kit.encoded(image, request.size).float() for image in look.images])
        for look, request in zip(looks, requests, strict=True)
    ]
    training = kit.training
    level = partial(_level, training.log_sigmas)
    return Regarded(torch.stack(latents), noise, tuple(look.weight for look in looks), level)


def _level(log_sigmas: Any, timestep: float) -> float:
    """The noise level at a timestep, whole or not."""
    place = min(max(timestep, 0.0), len(log_sigmas) - 1.0)
    below = min(int(place), len(log_sigmas) - 2)
    share = place - below
    return math.exp((1 - share) * log_sigmas[below] + share * log_sigmas[below + 1])


def _guide(rows: Sequence[Row], image: int) -> int:
    """The row whose words a regarded picture is drawn with: the prompt's, if it is among them."""
    own = [place for place, row in enumerate(rows) if row.image == image]
    return next((place for place in own if not rows[place].is_negative), own[0])


@contextmanager
def _attending(unet: Any, looked: Sequence[Sequence[int]], weights: Sequence[float]) -> Iterator[None]:
    """While open, each row of self-attention takes keys and values from the rows it looks at, besides its own."""
    layers = [module for name, module in unet.named_modules() if name.rpartition(".")[2] == LOOKING]
    look = partial(_widened, looked=looked, weights=weights)
    handles = [layer.register_forward_pre_hook(look, with_kwargs=True) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _widened(
    _layer: Any, arguments: tuple[Any, ...], named: dict[str, Any], looked: Sequence[Sequence[int]],
    weights: Sequence[float],
) -> tuple[tuple[Any, ...], dict[str, Any]]:  # fmt: skip
    """The arguments of a self-attention with further keys and values; R x tokens x width."""
    hidden = arguments[0] if arguments else named["hidden_states"]
    places = torch.tensor(looked, device=hidden.device)
    others = hidden[places].flatten(1, 2)
    tokens, more = hidden.shape[1], others.shape[1]
    bias = hidden.new_tensor([math.log(weight) for weight in weights]).view(-1, 1, 1).expand(-1, 1, more)
    mask = torch.cat([bias.new_zeros(len(hidden), 1, tokens), bias], dim=2)
    return arguments, {**named, "encoder_hidden_states": torch.cat([hidden, others], 1), "attention_mask": mask}

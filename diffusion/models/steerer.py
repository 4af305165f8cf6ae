"""Steerer: a network that looks at a hint and adds to what a UNet sees, whatever kind it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from diffusion.models.image_prompt import Attended


class Moment(NamedTuple):
    """Where a picture in the making stands; R rows of a UNet's batch."""

    latents: Tensor  # R x C x rows x columns, as the UNet sees them
    timesteps: Tensor  # R
    context: Tensor  # R x tokens x width
    facts: Any  # what SDXL is told besides


@dataclass(frozen=True, slots=True)
class Added:
    """What is added inside a UNet."""

    skips: list[Tensor] = field(default_factory=list)  # to the skip connections, shallowest first
    middle: Tensor | None = None
    inner: list[Tensor] = field(default_factory=list)  # at the end of each down block, shallowest first
    attended: list[Attended] = field(default_factory=list)  # beside the words

    def for_unet(self) -> dict[str, Any]:
        """The arguments of a diffusers UNet."""
        found: dict[str, Any] = {}
        if self.middle is not None:
            found |= {"down_block_additional_residuals": self.skips, "mid_block_additional_residual": self.middle}
        if self.inner:
            found |= {"down_intrablock_additional_residuals": list(self.inner)}  # the UNet empties it
        return found


class Steerer(Protocol):
    """One network in eval mode; shared, never changed."""

    @property
    def name(self) -> str:
        """As the user wrote it."""
        ...

    @property
    def network(self) -> Any:
        """The module, on the device or in the main memory."""
        ...

    @property
    def channels(self) -> int:
        """Of the hint: 3, 1 for some adapters, 6 for TemporalNet 2."""
        ...

    @property
    def layers(self) -> int:
        """How many residuals it adds."""
        ...

    @property
    def is_global(self) -> bool:
        """Whether it says nothing of places, as "shuffle"."""
        ...

    def seen(self, hints: Tensor) -> list[Tensor]:
        """What it sees in hints (N x channels x H x W, 0..1) whatever the noise; tensors of N rows. Asked for once."""
        ...

    def residuals(self, seen: Sequence[Tensor], moment: Moment) -> list[Tensor]:
        """What it makes of what it has seen, R rows, at a moment: a tensor a layer, the shallowest first."""
        ...

    def softness(self, layer: int) -> float:
        """How much a layer counts where the prompt counts more; 0..1."""
        ...

    def added(self, residuals: list[Tensor]) -> Added:
        """Where the residuals go."""
        ...


def summed(parts: list[Added]) -> Added:
    """What several networks add together."""
    middles = [part.middle for part in parts if part.middle is not None]
    return Added(
        _layer_sums([part.skips for part in parts if part.skips]),
        torch.stack(middles).sum(0) if middles else None,
        _layer_sums([part.inner for part in parts if part.inner]),
        [one for part in parts for one in part.attended],
    )


def _layer_sums(parts: list[list[Tensor]]) -> list[Tensor]:
    return [torch.stack(layer).sum(0) for layer in zip(*parts, strict=True)]

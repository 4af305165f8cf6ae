"""What text becomes before a UNet sees it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Embedding:
    """One encoded text."""

    context: Tensor  # float, 1 x tokens x width (tokens a multiple of the encoder's chunk)
    pooled: Tensor | None = None  # float, 1 x width; SDXL only


@dataclass(frozen=True, slots=True)
class Conditioning:
    """All that guides one picture, by sampling step (prompt editing changes texts along the way)."""

    positive: tuple[tuple[tuple[Embedding, float], ...], ...]  # per step: (embedding, weight) pairs joined by AND
    negative: tuple[Embedding, ...]  # per step

    def __post_init__(self) -> None:
        """Both sides know the same number of steps."""
        assert len(self.positive) == len(self.negative)

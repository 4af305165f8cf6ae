"""What all trainers share: a folder that survives interruption, the learning rate over a known budget, averages."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError

CHECKPOINT = "checkpoint.pt"
SAVE_EVERY = 60.0  # seconds between two checkpoints
WARM_UP = 0.02  # share of the budget in which the rate rises
HOLD = 0.35  # share of the budget after which it falls
LAST_RATE = 0.03  # of the peak, at the end


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run keeps its checkpoint and its log: outside the repository."""

    path: Path

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the checkpoint; a kill in between leaves the old one whole."""
        self.path.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.path / "unfinished.pt")
        (self.path / "unfinished.pt").replace(self.path / CHECKPOINT)

    def load(self) -> dict[str, Any] | None:
        """The checkpoint, if there is one."""
        file = self.path / CHECKPOINT
        found: dict[str, Any] | None = torch.load(file, "cpu", weights_only=True) if file.is_file() else None
        return found

    def refuse_untrained(self) -> None:
        """Raises UserError if no checkpoint lies there: what would be exported is what training began with."""
        if not (self.path / CHECKPOINT).is_file():
            way_out = "Give the folder of a run that has trained for a minute or more"
            raise UserError("no checkpoint lies there", where=str(self.path), way_out=way_out)

    def log(self, line: str) -> None:
        """Adds a line with the time of day."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


class Clock:
    """Seconds trained, over all resumptions, against a budget."""

    def __init__(self, minutes: float, used: float = 0.0) -> None:
        """Args: minutes: the whole budget; used: seconds already trained."""
        self._budget = minutes * 60
        self._start = time.monotonic() - used
        self._saved = time.monotonic()

    def seconds(self) -> float:
        """Trained so far."""
        return time.monotonic() - self._start

    def progress(self) -> float:
        """Share of the budget that is used, 0..1."""
        return min(1.0, self.seconds() / self._budget)

    def is_up(self) -> bool:
        """Whether the budget is used up."""
        return self.seconds() >= self._budget

    def is_time_to_save(self) -> bool:
        """Whether the budget is used up, or this last held, or the clock started, SAVE_EVERY ago."""
        if due := self.is_up() or time.monotonic() - self._saved >= SAVE_EVERY:
            self._saved = time.monotonic()
        return due


def rate(progress: float, peak: float) -> float:
    """The learning rate after a share of the budget: rising, held, then falling along a cosine."""
    rising = min(1.0, progress / WARM_UP + 0.05)
    falling = max(0.0, (progress - HOLD) / (1 - HOLD))
    return peak * rising * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * falling)))


class Average:
    """Exponential moving average of parameters, young at first so that it forgets the start."""

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float = 0.999) -> None:
        """Starts at the parameters' values."""
        self._parameters = list(parameters)
        self._decay = decay
        self.values = [parameter.detach().clone() for parameter in self._parameters]

    def update(self, step: int) -> None:
        """Moves towards the parameters after a step (counted from 1)."""
        decay = min(self._decay, (1 + step) / (20 + step))
        torch._foreach_lerp_(self.values, [parameter.data for parameter in self._parameters], 1 - decay)

    def restore(self, values: Iterable[Tensor]) -> None:
        """Goes on from saved values."""
        self.values = [value.to(own.device, copy=True) for own, value in zip(self.values, values, strict=True)]

    def swapped(self) -> "Swapped":
        """A context in which the parameters hold the average."""
        return Swapped(self._parameters, self.values)


class Swapped:
    """Parameters that hold other values inside a with-block."""

    def __init__(self, parameters: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
        """Args: parameters: what is changed; values: what they hold inside."""
        self._parameters, self._values = parameters, values
        self._kept: list[Tensor] = []

    def __enter__(self) -> None:
        """Puts the other values in."""
        self._kept = [parameter.detach().clone() for parameter in self._parameters]
        _copy(self._parameters, self._values)

    def __exit__(self, *fault: object) -> None:
        """Puts the parameters' own values back."""
        _copy(self._parameters, self._kept)


def _copy(parameters: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


def in_half(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in float16, contiguous, on the processor, as they go into the repository."""
    return {name: value.detach().half().cpu().contiguous() for name, value in weights.items()}

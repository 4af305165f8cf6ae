"""Overlay: changed weights that stand in for a model's own while a block runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import WeightsError
from diffusion.models.deltas import Parts, bias_change, weight_change
from diffusion.models.lora_names import Target
from diffusion.models.networks import is_finite


class Change(NamedTuple):
    """What one file does to one layer."""

    target: Target
    parts: Parts  # on the processor, as they were stored


class Dose(NamedTuple):
    """A change, and how much of it."""

    change: Change
    multiplier: float
    rank: int | None  # use only that many ranks


@dataclass(frozen=True, slots=True)
class Overlay:
    """Parameters that stand in for others; both stay in memory.

    A model's own parameters are put aside and put back as the objects they are: not one bit of them changes.
    """

    parameters: tuple[tuple[nn.Module, str, nn.Parameter], ...]  # layer, "weight" or "bias", what stands there instead

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While open, the model computes with the changed weights."""
        own = [(layer, name, getattr(layer, name)) for layer, name, _ in self.parameters]
        try:
            for layer, name, parameter in self.parameters:
                weight = layer.weight
                assert isinstance(weight, Tensor)
                if parameter.device != weight.device:  # the model has moved since
                    parameter.data = parameter.data.to(weight.device)
                setattr(layer, name, parameter)
            yield
        finally:
            for layer, name, parameter in own:
                setattr(layer, name, parameter)


@torch.inference_mode(False)  # type: ignore[untyped-decorator]
@torch.no_grad()
def overlaid(doses: Iterable[Dose]) -> Overlay:
    """All changes to a model, added up: W + Σ multiplier · Δ(W), in float32 and then in the model's own type.

    Every change is that of the model's own weights, so their order does not matter.

    Raises:
        WeightsError: where the sum is not finite.
    """
    by_layer: dict[int, list[Dose]] = {}
    for dose in doses:
        by_layer.setdefault(id(dose.change.target.module), []).append(dose)
    return Overlay(tuple(parameter for own in by_layer.values() for parameter in _changed(own)))


def _changed(doses: Sequence[Dose]) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
    """The weight and the bias of one layer, where they change."""
    target = doses[0].change.target
    layer = target.module
    weight, bias = layer.weight, getattr(layer, "bias", None)
    assert isinstance(weight, Tensor), target.name
    exact = weight.float()
    moved = [(_on(change.parts, weight.device), multiplier, rank) for change, multiplier, rank in doses]
    for name, own, changes in (
        (
            "weight",
            exact,
            [weight_change(parts, exact, rank, multiplier=multiplier) for parts, multiplier, rank in moved],
        ),
        ("bias", bias, [_scaled(bias_change(parts), multiplier) for parts, multiplier, _ in moved]),
    ):
        amounts = [change for change in changes if change is not None]
        if amounts:
            yield (
                layer,
                name,
                _parameter(_sum(own, amounts).to(weight.dtype, memory_format=_layout(weight, name)), target),
            )


def _layout(weight: Tensor, name: str) -> torch.memory_format:
    """How the numbers lie in memory: as the model's own."""
    is_last = name == "weight" and weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.preserve_format


def _scaled(change: Tensor | None, multiplier: float) -> Tensor | None:
    return None if change is None else change.mul_(multiplier)


def _sum(own: Tensor | None, amounts: Sequence[Tensor]) -> Tensor:
    """The model's own numbers, if it has any, with all amounts added; in the memory of the first.

    Large memory that is touched for the first time costs more than what is computed in it.
    """
    total = amounts[0]
    for amount in (*amounts[1:], *(() if own is None else (own,))):
        total.add_(amount)
    return total


def _parameter(changed: Tensor, target: Target) -> nn.Parameter:
    if not is_finite(changed):
        raise WeightsError(f"the weights of {target.name} are not finite any more", way_out="Use smaller multipliers")
    return nn.Parameter(changed, requires_grad=False)


def _on(parts: Parts, device: torch.device) -> Mapping[str, Tensor]:
    return {name: part.to(device) for name, part in parts.items()}

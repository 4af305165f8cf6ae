"""Steering: control networks that add to what the UNet sees of a picture in the making."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.devices import resident
from core.errors import UserError
from core.image import Size
from diffusion.models.image_prompt import Attended, ImagePrompt
from diffusion.models.loaded import LoadedModel
from diffusion.models.steerer import Added, Moment, Steerer
from diffusion.request import ControlImage, ControlMode, ImageRequest
from diffusion.sampling.denoiser import Row

log = logging.getLogger(__name__)

LoadControl = Callable[[str, LoadedModel, bool], Steerer | ImagePrompt]  # name, what it steers, whether memory is short


@dataclass(frozen=True, slots=True)
class Unit:
    """One network with what it is shown of every picture of a batch, in the same order."""

    network: Steerer
    seen: tuple[Tensor, ...]  # N rows each: what it sees in its hints
    weights: tuple[float, ...]
    windows: tuple[tuple[float, float], ...]  # shares of the steps, 0..1, at which it begins and ends to act
    modes: tuple[ControlMode, ...]
    layers: tuple[tuple[float, ...], ...]  # factors of the layers; empty: as the mode has them
    masks: Tensor | None  # N x 1 x H x W, 0..1: where it acts

    def added(self, moment: Moment, rows: Sequence[Row], share: float) -> Added | None:
        """What the unit adds to each row, or None where it is idle.

        Args:
            moment: of the picture in the making.
            rows: what each row is.
            share: 0..1, how much of the run is done.
        """
        weights = [self._weight(row, share) for row in rows]
        if not any(weights):
            return None
        images = [row.image for row in rows]
        seen = [one[images].to(moment.latents.device) for one in self.seen]
        residuals = self.network.residuals(seen, moment)
        if self.network.is_global:
            residuals = [one.mean(dim=(2, 3), keepdim=True).expand_as(one) for one in residuals]
        scaled = [one * self._factors(layer, weights, rows, one) for layer, one in enumerate(residuals)]
        if self.masks is not None:
            masks = self.masks[images]
            scaled = [one * functional.interpolate(masks, one.shape[2:], mode="area").to(one.dtype) for one in scaled]
        return self.network.added(scaled)

    def _weight(self, row: Row, share: float) -> float:
        """How much counts for a row: nothing outside its window, nor for a negative prompt if the hint counts more."""
        start, end = self.windows[row.image]
        leans = self.modes[row.image] == "control" or self.network.is_global
        if not start <= share <= end or (row.is_negative and leans):
            return 0.0
        return self.weights[row.image]

    def _factors(self, layer: int, weights: Sequence[float], rows: Sequence[Row], like: Tensor) -> Tensor:
        """What one layer's residual of each row is multiplied with; R x 1 x 1 x 1."""
        found = [weight * self._factor(layer, row.image) for weight, row in zip(weights, rows, strict=True)]
        return like.new_tensor(found).view(-1, 1, 1, 1)

    def _factor(self, layer: int, image: int) -> float:
        """How much a layer counts: as given, else all alike when balanced, else as the network softens it."""
        if self.layers[image]:
            return self.layers[image][layer]
        return 1.0 if self.modes[image] == "balanced" else self.network.softness(layer)


@dataclass(frozen=True, slots=True)
class PromptUnit:
    """One IP-Adapter with the pictures it is shown, in the order of the batch."""

    network: ImagePrompt
    tokens: Tensor  # N x tokens x width, of the pictures
    untold: Tensor  # 1 x tokens x width, of no picture: for negative prompts
    weights: tuple[float, ...]
    windows: tuple[tuple[float, float], ...]
    modes: tuple[ControlMode, ...]
    layers: tuple[tuple[float, ...], ...]  # factors of the cross-attentions; empty: all alike
    masks: Tensor | None  # N x 1 x H x W, 0..1: where it acts

    def added(self, moment: Moment, rows: Sequence[Row], share: float) -> Added | None:
        """As `Unit.added`."""
        weights = [self._weight(row, share) for row in rows]
        if not any(weights):
            return None
        tokens = torch.cat([self.untold if row.is_negative else self.tokens[row.image : row.image + 1] for row in rows])
        plain = (1.0,) * self.network.layers
        factors = [
            [weight * factor for factor in self.layers[row.image] or plain]
            for row, weight in zip(rows, weights, strict=True)
        ]
        like = moment.latents
        masks = None if self.masks is None else self.masks[[row.image for row in rows]]
        return Added(attended=[Attended(self.network, tokens.to(like.dtype), like.new_tensor(factors), masks)])

    def _weight(self, row: Row, share: float) -> float:
        start, end = self.windows[row.image]
        leans = row.is_negative and self.modes[row.image] == "control"
        return 0.0 if leans or not start <= share <= end else self.weights[row.image]


def units(
    requests: Sequence[ImageRequest], canvas: Size, model: LoadedModel, load: LoadControl
) -> tuple[Unit | PromptUnit, ...]:
    """The units of requests that name the same networks in the same order.

    Raises:
        UserError: for numbers out of range, a hint of other channels, or a network of another family.
    """
    found: list[Unit | PromptUnit] = []
    for place, first in enumerate(requests[0].controls):
        own = [request.controls[place] for request in requests]
        network = load(first.model, model, first.low_memory)
        for control in own:
            check_control(control, network)
        masks = _masks(own, requests, canvas, model.device)
        shared = (
            tuple(control.weight for control in own),
            tuple((control.start, control.end) for control in own),
            tuple(control.mode for control in own),
            tuple(control.layers for control in own),
            masks,
        )
        if isinstance(network, ImagePrompt):
            tokens = torch.cat([network.tokens(control.hint.image) for control in own])
            found.append(PromptUnit(network, tokens, network.tokens(None), *shared))
            continue
        hints = [_hint(control, network.channels, r.size, canvas) for control, r in zip(own, requests, strict=True)]
        found.append(Unit(network, _seen(network, hints, model, stays=first.low_memory), *shared))
    return tuple(found)


def tell_idle(steering: Sequence[Unit | PromptUnit], steps: int) -> None:
    """Warns of units whose window holds none of the steps."""
    for unit in steering:
        for start, end in set(unit.windows):
            if not any(start <= step / steps <= end for step in range(steps)):
                _tell_idle(unit.network.name, start, end, steps)


@lru_cache(maxsize=256)  # once, however many frames there are
def _tell_idle(name: str, start: float, end: float, steps: int) -> None:
    log.warning("%s acts from %g to %g of the run, where none of the %d steps lies: no effect", name, start, end, steps)


def check_control(control: ControlImage, network: Steerer | ImagePrompt) -> None:
    """Raises UserError for numbers out of range, or a hint that the network cannot look at."""
    if not 0 <= control.weight <= 2:
        raise UserError(f"a control weight of {control.weight:g}", way_out="Choose 0 to 2")
    if not 0 <= control.start <= control.end <= 1:
        what = f"a control that acts from {control.start:g} to {control.end:g} of the steps"
        raise UserError(what, way_out="Choose a start and an end from 0 to 1, the start first")
    if control.layers and len(control.layers) != network.layers:
        what = f"{len(control.layers)} factors of layers, {network.name} has {network.layers} layers"
        raise UserError(what, way_out="Give one for each, the shallowest first, or none")
    if isinstance(network, ImagePrompt):
        return
    if control.hint.needs_flow and network.channels < control.hint.channels:
        raise UserError(
            f"{network.name} looks at {network.channels} channels, so the flow of TemporalNet 2 would have no effect",
            way_out="Leave version out, or give a network of TemporalNet 2",
        )
    if control.hint.channels < network.channels:
        raise UserError(
            f"{network.name} looks at {network.channels} channels, the hint has {control.hint.channels}",
            way_out="Six are for TemporalNet 2, whose control is temporal with version 2",
        )


def _hint(control: ControlImage, channels: int, size: Size, canvas: Size) -> Tensor:
    """What the network is shown, continued to whole latent cells; float32, 1 x channels x H x W."""
    values = control.hint.fitted(size, control.fit).values()[..., :channels]
    below, right = canvas.height - size.height, canvas.width - size.width
    whole = np.pad(values, ((0, below), (0, right), (0, 0)), mode="symmetric")
    return torch.from_numpy(whole).permute(2, 0, 1).unsqueeze(0).contiguous()


def _seen(network: Steerer, hints: Sequence[Tensor], model: LoadedModel, *, stays: bool) -> tuple[Tensor, ...]:
    """What the network sees in hints, one after the other: many large pictures at once are no faster.

    Args:
        stays: whether all of it stays in the main memory.
    """
    home = hints[0].device if stays else model.device
    with resident(network.network, model.device):
        looks = [[one.to(home) for one in network.seen(hint.to(model.device, model.dtype))] for hint in hints]
    return tuple(torch.cat(layer) for layer in zip(*looks, strict=True))


def _masks(
    controls: Sequence[ControlImage], requests: Sequence[ImageRequest], canvas: Size, device: torch.device
) -> Tensor | None:
    """Where each acts, N x 1 x H x W; None where all act everywhere."""
    if all(control.mask is None for control in controls):
        return None
    masks = torch.ones(len(controls), 1, canvas.height, canvas.width)
    for place, (control, request) in enumerate(zip(controls, requests, strict=True)):
        if control.mask is not None:
            size = (request.size.height, request.size.width)
            whole = torch.from_numpy(control.mask)[None, None]
            fitted = functional.interpolate(whole, size, mode="bilinear", align_corners=False)
            masks[place, :, : size[0], : size[1]] = fitted[0]
    return masks.to(device)

"""Steering: control networks that add to what the UNet sees of a picture in the making."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.devices import resident
from core.errors import UserError
from core.image import Size
from diffusion.models.controlnet import ControlNetwork
from diffusion.models.loaded import LoadedModel
from diffusion.request import ControlImage, ControlMode, ImageRequest
from diffusion.sampling.denoiser import Row

log = logging.getLogger(__name__)
SOFT = 0.825  # from each layer to the one before, where the prompt counts more

LoadControl = Callable[[str, LoadedModel, bool], ControlNetwork]  # name, what it steers, whether memory is short
Added = tuple[list[Tensor], Tensor]  # to the skip connections, shallowest first; to the middle


@dataclass(frozen=True, slots=True)
class Unit:
    """One network with what it is shown of every picture of a batch, in the same order."""

    network: ControlNetwork
    hints: Tensor  # N x channels x H x W, 0..1
    weights: tuple[float, ...]
    windows: tuple[tuple[float, float], ...]  # shares of the steps, 0..1, at which it begins and ends to act
    modes: tuple[ControlMode, ...]
    layers: tuple[tuple[float, ...], ...]  # factors of the layers; empty: as the mode has them
    masks: Tensor | None  # N x 1 x H x W, 0..1: where it acts

    def added(
        self, latents: Tensor, timesteps: Tensor, context: Tensor, facts: Any, rows: Sequence[Row], share: float
    ) -> Added | None:
        """What the unit adds to each row, or None where it is idle.

        Args:
            latents: R x C x rows x columns, as the UNet sees them.
            timesteps: R.
            context: R x tokens x width.
            facts: what SDXL is told besides.
            rows: what each row is.
            share: 0..1, how much of the run is done.
        """
        weights = [self._weight(row, share) for row in rows]
        if not any(weights):
            return None
        images = [row.image for row in rows]
        with resident(self.network.network, latents.device):
            down, middle = self.network.network(
                latents,
                timesteps,
                context,
                controlnet_cond=self.hints[images].to(latents.device, latents.dtype),
                added_cond_kwargs=facts,
                return_dict=False,
            )
        residuals = [*down, middle]
        if self.network.is_global:
            residuals = [one.mean(dim=(2, 3), keepdim=True).expand_as(one) for one in residuals]
        scaled = [one * self._factors(layer, len(residuals), weights, rows, one) for layer, one in enumerate(residuals)]
        if self.masks is not None:
            masks = self.masks[images]
            scaled = [one * functional.interpolate(masks, one.shape[2:], mode="area").to(one.dtype) for one in scaled]
        return scaled[:-1], scaled[-1]

    def _weight(self, row: Row, share: float) -> float:
        """How much counts for a row: nothing outside its window, nor for a negative prompt if the hint counts more."""
        start, end = self.windows[row.image]
        leans = self.modes[row.image] == "control" or self.network.is_global
        if not start <= share <= end or (row.is_negative and leans):
            return 0.0
        return self.weights[row.image]

    def _factors(self, layer: int, layers: int, weights: Sequence[float], rows: Sequence[Row], like: Tensor) -> Tensor:
        """What one layer's residual of each row is multiplied with; R x 1 x 1 x 1."""
        found = [
            weight
            * (own[layer] if (own := self.layers[row.image]) else soft_weight(layer, layers, self.modes[row.image]))
            for weight, row in zip(weights, rows, strict=True)
        ]
        return like.new_tensor(found).view(-1, 1, 1, 1)


def soft_weight(layer: int, layers: int, mode: ControlMode) -> float:
    """How much a layer counts; all the same when balanced, else less the shallower.

    Source: ControlNet's "My prompt is more important": 0.825^(12 - i) for layer i of 13; networks with fewer layers,
    as SDXL's ten, use the first ones of the same row.

    Args:
        layer: from 0, the shallowest.
        layers: how many there are.
        mode: of the unit.
    """
    if mode == "balanced":
        return 1.0
    last = max(layers, 13) - 1 if layers in (10, 13) else layers - 1
    return float(SOFT ** (last - layer))


def summed(parts: Sequence[Added]) -> Added:
    """What several units add together."""
    downs = [torch.stack(layer).sum(0) for layer in zip(*(down for down, _ in parts), strict=True)]
    return downs, torch.stack([middle for _, middle in parts]).sum(0)


def units(requests: Sequence[ImageRequest], canvas: Size, model: LoadedModel, load: LoadControl) -> tuple[Unit, ...]:
    """The units of requests that name the same networks in the same order.

    Raises:
        UserError: for numbers out of range, a hint of other channels, or a network of another family.
    """
    found = []
    for place, first in enumerate(requests[0].controls):
        own = [request.controls[place] for request in requests]
        network = load(first.model, model, first.low_memory)
        for control in own:
            check_control(control, network)
        hints = [_hint(control, network, request.size, canvas) for control, request in zip(own, requests, strict=True)]
        found.append(
            Unit(
                network,
                torch.cat(hints) if first.low_memory else torch.cat(hints).to(model.device),
                tuple(control.weight for control in own),
                tuple((control.start, control.end) for control in own),
                tuple(control.mode for control in own),
                tuple(control.layers for control in own),
                _masks(own, requests, canvas, model.device),
            )
        )
    return tuple(found)


def tell_idle(steering: Sequence[Unit], steps: int) -> None:
    """Warns of units whose window holds none of the steps."""
    for unit in steering:
        for start, end in set(unit.windows):
            if not any(start <= step / steps <= end for step in range(steps)):
                _tell_idle(unit.network.name, start, end, steps)


@lru_cache(maxsize=256)  # once, however many frames there are
def _tell_idle(name: str, start: float, end: float, steps: int) -> None:
    log.warning("%s acts from %g to %g of the run, where none of the %d steps lies: no effect", name, start, end, steps)


def check_control(control: ControlImage, network: ControlNetwork) -> None:
    """Raises UserError for numbers out of range, or a hint that the network cannot look at."""
    if not 0 <= control.weight <= 2:
        raise UserError(f"a control weight of {control.weight:g}", way_out="Choose 0 to 2")
    if not 0 <= control.start <= control.end <= 1:
        what = f"a control that acts from {control.start:g} to {control.end:g} of the steps"
        raise UserError(what, way_out="Choose a start and an end from 0 to 1, the start first")
    if control.layers and len(control.layers) != network.layers:
        what = f"{len(control.layers)} factors of layers, {network.name} has {network.layers} layers"
        raise UserError(what, way_out="Give one for each, the shallowest first, or none")
    if control.hint.channels < network.channels:
        raise UserError(
            f"{network.name} looks at {network.channels} channels, the hint has {control.hint.channels}",
            way_out="Six are for TemporalNet 2, whose control is temporal with version 2",
        )


def _hint(control: ControlImage, network: ControlNetwork, size: Size, canvas: Size) -> Tensor:
    """What the network is shown, continued to whole latent cells; float32, 1 x channels x H x W."""
    values = control.hint.fitted(size, control.fit).values()[..., : network.channels]
    below, right = canvas.height - size.height, canvas.width - size.width
    whole = np.pad(values, ((0, below), (0, right), (0, 0)), mode="symmetric")
    return torch.from_numpy(whole).permute(2, 0, 1).unsqueeze(0).contiguous()


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

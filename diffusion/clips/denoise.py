"""ClipDenoise: all frames of a clip as one denoiser for the samplers, window by window."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from core.errors import UserError
from diffusion.clips.steadiness import paced, steadied
from diffusion.clips.windows import Window, WindowRules, weights, windows
from diffusion.clips.words import Words
from diffusion.models.image_prompt import attending
from diffusion.models.steerer import Added
from diffusion.sampling.denoiser import Denoiser
from diffusion.sampling.guidance import rescaled


class WindowCall(Protocol):
    """A moving UNet, with whatever else it needs bound to it."""

    def __call__(self, latents: Tensor, timestep: float, asked: "Sequence[Asked]") -> Tensor:
        """The raw predictions of windows.

        Args:
            latents: N x F x C x rows x columns, of unit variance; the windows' own, or some of them twice.
            timestep: 0..T-1.
            asked: what each of the N is.
        """
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One window, for the prompts or against the negative ones."""

    window: Window
    is_negative: bool
    tokens: Tensor  # F x tokens x width
    pooled: Tensor | None


@dataclass(frozen=True, slots=True)
class Frames:
    """What differs from frame to frame while sampling."""

    cfg: Tensor  # L
    begins: Tensor  # L: the noise level at which each begins to be drawn; infinity from the start, 0 never
    init: Tensor | None  # L x C x rows x columns: what those show that have not begun


@dataclass(frozen=True, slots=True)
class Manner:
    """How windows are cut, drawn and merged."""

    rules: WindowRules
    closed: bool  # whether the last frame leads to the first
    together: int = 1  # windows in one call of the UNet
    rescale: float = 0.0  # of guidance, 0..1
    steady_above: float = math.inf  # noise level above which every frame is the mean of itself and its neighbours
    paced_above: float = math.inf  # noise level above which a closed clip goes round at an even pace


class ClipDenoise:
    """`(x, sigma) -> x0` of all frames, on the processor; what windows say is merged by their weights in float32."""

    def __init__(
        self,
        unet: WindowCall,
        denoiser: Denoiser,
        words: Words,
        frames: Frames,
        manner: Manner,
        device: torch.device | str = "cpu",
    ) -> None:
        """Denoises a clip.

        Args:
            unet: draws windows.
            denoiser: turns predictions into clean latents; its own UNet is not asked.
            words: of all frames.
            frames: the rest of what they are asked for.
            manner: how windows are cut and merged.
            device: of the UNet.
        """
        self._unet, self._denoiser, self._words, self._frames = unet, denoiser, words, frames
        self._manner, self._device = manner, torch.device(device)
        self._weights = torch.tensor(weights(manner.rules), dtype=torch.float32).view(-1, 1, 1, 1)
        self.calls = 0  # made so far; windows and edited prompts follow from it
        self.drawn = 0  # windows drawn so far, guided ones once

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """The guided clean latents; float32, L x C x rows x columns."""
        return self._estimates(x, sigma, keeps=False)[0]

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """The guided clean latents, and those of the negative prompts alone."""
        guided, negative = self._estimates(x, sigma, keeps=True)
        return guided, negative

    def _estimates(self, x: Tensor, sigma: float, *, keeps: bool) -> tuple[Tensor, Tensor]:
        begun = self._frames.begins >= sigma * (1 - 1e-9)
        found = windows(self.calls, len(x), self._manner.rules, closed=self._manner.closed)
        busy = [window for window in found if bool(begun[list(window)].any())]
        guided, negative = torch.zeros_like(x), torch.zeros_like(x) if keeps else x
        total = torch.zeros(len(x), 1, 1, 1)
        for first in range(0, len(busy), self._manner.together):
            some = busy[first : first + self._manner.together]
            for window, (own, against) in zip(some, self._guided(x, sigma, some, keeps=keeps), strict=True):
                places = torch.tensor(window)
                guided.index_add_(0, places, own * self._weights)
                total.index_add_(0, places, self._weights)
                if keeps:
                    negative.index_add_(0, places, against * self._weights)
        assert bool((total.flatten() > 0)[begun].all()), "a frame in no window"
        self.calls += 1
        self.drawn += len(busy)
        total.clamp_(min=1e-12)
        return self._clean(x, sigma, guided / total, begun), (
            self._clean(x, sigma, negative / total, begun) if keeps else x
        )

    def _clean(self, x: Tensor, sigma: float, predicted: Tensor, begun: Tensor) -> Tensor:
        """Clean latents; frames that have not begun show what they will begin with."""
        clean = self._shown(self._denoiser.x0(x, sigma, predicted), begun)
        if sigma > self._manner.steady_above:
            clean = self._shown(steadied(clean, closed=self._manner.closed), begun)
        if sigma > self._manner.paced_above:
            clean = self._shown(paced(clean), begun)
        return clean

    def _shown(self, clean: Tensor, begun: Tensor) -> Tensor:
        if self._frames.init is None or bool(begun.all()):
            return clean
        return torch.where(begun.view(-1, 1, 1, 1), clean, self._frames.init)

    def _guided(self, x: Tensor, sigma: float, some: Sequence[Window], *, keeps: bool) -> list[tuple[Tensor, Tensor]]:
        """Raw predictions of windows, guided and negative alone; float32, F x C x rows x columns, on the processor."""
        pairs = [(self._asked(window), self._against(window, keeps=keeps)) for window in some]
        rows = [own for own, _ in pairs] + [against for _, against in pairs if against is not None]
        latents = torch.stack([x[list(one.window)] for one in rows])
        scaled = self._denoiser.unet_input(latents.to(self._device), sigma)
        raw = self._unet(scaled, self._denoiser.timestep(sigma), rows).float().cpu()
        negatives, found, rescale = iter(raw[len(pairs) :]), [], self._manner.rescale
        for own, (_, asked) in zip(raw, pairs, strict=False):
            if asked is None:
                found.append((own, own))
                continue
            against = next(negatives)
            guided = torch.lerp(against, own, self._frames.cfg[list(asked.window)].view(-1, 1, 1, 1))
            found.append((rescaled(guided, own, rescale) if rescale else guided, against))
        return found

    def _asked(self, window: Window) -> Asked:
        """A window for its prompts."""
        told = self._words.positive(window, self.calls)
        return Asked(window, False, told.tokens, told.pooled)

    def _against(self, window: Window, *, keeps: bool) -> Asked | None:
        """A window against its negative prompts; None where guidance leaves these no weight."""
        if not keeps and bool((self._frames.cfg[list(window)] == 1).all()):
            return None
        told = self._words.negative(window, self.calls)
        return Asked(window, True, told.tokens, told.pooled)


Steer = Callable[[Tensor, Tensor, Tensor, Tensor | None, Sequence[Asked]], Added]


def moving_call(moving: Any, unet: Any, facts: Tensor, steer: Steer) -> WindowCall:
    """A UNetMotionModel as a window call.

    Args:
        moving: computes with one row a window.
        unet: whose layers it computes with.
        facts: what SDXL is told of a picture: for prompts, and for negative ones.
        steer: sets strengths and gives what control networks add, from latents, times, tokens and pooled vectors of all
            frames.
    """

    def call(latents: Tensor, timestep: float, asked: Sequence[Asked]) -> Tensor:
        times = torch.full((len(asked),), timestep, device=latents.device, dtype=torch.float32)
        tokens, pooled = _joined(asked)
        added = None
        if pooled is not None:
            means = pooled.reshape(len(asked), -1, pooled.shape[-1]).mean(1)
            added = {"text_embeds": means, "time_ids": facts[[int(one.is_negative) for one in asked]]}
        extra = steer(latents, times, tokens, pooled, asked)
        if extra.inner:
            raise UserError("a T2I-Adapter in a clip that moves", way_out="Take a ControlNet for the same control")
        told = {"added_cond_kwargs": added, **extra.for_unet()}
        with attending(unet, extra.attended, latents.flatten(0, 1)):
            output = moving(latents.transpose(1, 2), times, tokens, return_dict=False, **told)
        return cast(Tensor, output[0].transpose(1, 2))

    return call


def still_call(unet: Any, facts: Tensor, steer: Steer) -> WindowCall:
    """A UNet that knows no time as a window call: every frame is drawn for itself; see `moving_call`."""

    def call(latents: Tensor, timestep: float, asked: Sequence[Asked]) -> Tensor:
        rows, frames = latents.flatten(0, 1), latents.shape[1]
        times = torch.full((len(rows),), timestep, device=latents.device, dtype=torch.float32)
        tokens, pooled = _joined(asked)
        added = None
        if pooled is not None:
            kinds = [int(one.is_negative) for one in asked for _ in range(frames)]
            added = {"text_embeds": pooled, "time_ids": facts[kinds]}
        extra = steer(latents, times, tokens, pooled, asked)
        told = {"added_cond_kwargs": added, **extra.for_unet()}
        with attending(unet, extra.attended, rows):
            output = unet(rows, times, tokens, return_dict=False, **told)
        return cast(Tensor, output[0]).reshape(latents.shape)

    return call


def _joined(asked: Sequence[Asked]) -> tuple[Tensor, Tensor | None]:
    """Tokens and pooled vectors of all frames of all windows, one after the other."""
    pooled = [one.pooled for one in asked if one.pooled is not None]
    return torch.cat([one.tokens for one in asked]), torch.cat(pooled) if pooled else None

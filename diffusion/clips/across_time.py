"""Group norms over time: how the first motion modules had the UNet computed around them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from diffusion.clips.denoise import Asked, WindowCall


def across_time(moving: Any, call: WindowCall) -> WindowCall:
    """The call with group norms of the UNet that take their statistics over all frames of a window.

    Source: AnimateDiff's first modules were trained so; its later ones with statistics of each frame.
    """
    norms = [part for name, part in moving.named_modules() if _is_inflated(name, part)]

    @contextmanager
    def inflated(windows: int) -> Iterator[None]:
        own = [norm.forward for norm in norms]
        try:
            for norm in norms:
                norm.forward = _over_frames(norm, windows)
            yield
        finally:
            for norm, forward in zip(norms, own, strict=True):
                norm.forward = forward

    def across(latents: Tensor, timestep: float, asked: Sequence[Asked]) -> Tensor:
        with inflated(len(asked)):
            return call(latents, timestep, asked)

    return across


def _is_inflated(name: str, part: nn.Module) -> bool:
    """Group norms of resnets, and the last one."""
    return isinstance(part, nn.GroupNorm) and (".resnets." in name or name == "conv_norm_out")


def _over_frames(norm: nn.GroupNorm, windows: int) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        clips = x.reshape(windows, -1, *x.shape[1:]).transpose(1, 2)
        return nn.GroupNorm.forward(norm, clips.contiguous()).transpose(1, 2).flatten(0, 1).contiguous()

    return forward

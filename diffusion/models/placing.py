"""Placing: networks on their device, laid out and moved as this machine's memory allows."""

import logging
from collections.abc import Callable

import torch
from diffusers import AutoencoderKL

from core.devices import ModelPool
from core.errors import UserError
from core.tuning import COMPILE_VARIABLE, Tuning
from core.turns import Turns
from diffusion.models.parts import ModelParts

log = logging.getLogger(__name__)
KIND = "turns"


def placed(parts: ModelParts, device: torch.device, tuning: Tuning, pool: ModelPool) -> Callable[[], None] | None:
    """Brings a model's networks to their device, or makes them come when they are called.

    Returns:
        What makes the autoencoder come, whose halves are called by themselves; None if it is there.

    Raises:
        UserError: for choices that do not go together.
    """
    for network in (parts.unet, parts.vae):
        network.to(memory_format=torch.channels_last)  # the same numbers, quicker convolutions
    if tuning.memory == "low" and isinstance(parts.vae, AutoencoderKL):
        parts.vae.enable_tiling()  # acts on pictures larger than those it was trained on
    if tuning.memory == "balanced" and device.type == "cpu":
        log.warning("on a processor there is nothing to move: --memory balanced changes nothing")
    takes_turns = tuning.memory != "high" and device.type != "cpu"
    if tuning.compiles:
        if takes_turns:
            way_out = "Use --memory high, or leave the UNet as it is"
            raise UserError("a compiled UNet does not come and go", where="--compile", way_out=way_out)
        _compile(parts, device, tuning.compiles)
    encoders = [part.encoder for part in parts.text]
    if not takes_turns:
        for network in (parts.unet, parts.vae, *encoders):
            network.to(device)
        return None
    turns = pool.get(KIND, str(device), None, lambda: Turns(device))
    unet = parts.unet
    turns.join(unet, (*unet.down_blocks, unet.mid_block, *unet.up_blocks) if tuning.memory == "low" else ())
    for encoder in encoders:
        turns.join(encoder)
    return turns.join(parts.vae)


def _compile(parts: ModelParts, device: torch.device, backend: str) -> None:
    """Has the UNet compiled at its first call, if this machine can; else it stays as it is, with a warning."""
    reason = why_not_compiled(device, backend)
    if reason:
        log.warning("this machine cannot compile models (%s); drawing without", reason)
        return
    torch._dynamo.config.suppress_errors = True  # what cannot be compiled after all runs as it is
    parts.unet.compile(backend=backend)


def why_not_compiled(device: torch.device, backend: str) -> str:
    """Why torch.compile does not work here; empty if it does.

    Raises:
        UserError: for a back-end that does not exist.
    """
    known = [*torch.compiler.list_backends(), "eager", "aot_eager"]
    if backend not in known:
        raise UserError(f"no back-end named {backend!r}", where=COMPILE_VARIABLE, way_out=f"Known: {', '.join(known)}")
    try:
        with torch._dynamo.config.patch(suppress_errors=False):
            torch.compile(lambda x: x.sin() + 1, backend=backend)(torch.zeros(2, device=device))
    except (RuntimeError, OSError, ImportError) as fault:
        return " ".join(str(fault).split())[:200] or type(fault).__name__
    return ""

"""Tuning: how models are run on this machine. No part of a project: it is chosen by options and environment."""

import os
from dataclasses import dataclass
from typing import Literal, get_args

from core.errors import UnknownName

Memory = Literal["low", "balanced", "high"]
Precision = Literal["float32", "bfloat16"]
UNetPrecision = Literal["automatic", "float32", "float16", "bfloat16"]
MEMORY_VARIABLE = "DRIFTLOOP_MEMORY"
COMPILE_VARIABLE = "DRIFTLOOP_COMPILE"  # the name of a back-end of torch.compile
PRECISION_VARIABLE = "DRIFTLOOP_PRECISION"
VAE_VARIABLE = "DRIFTLOOP_VAE_PRECISION"
INDUCTOR = "inductor"  # the back-end that is meant where nothing else is said


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a user may choose for speed and memory."""

    memory: Memory = "high"  # of the device: high keeps all networks there, balanced one at a time, low parts of one
    compiles: str = ""  # back-end of torch.compile for the UNet; empty: it is not compiled
    precision: UNetPrecision = "automatic"  # of UNet and text encoders: float16 on accelerators, float32 on processors
    vae: Precision = "float32"  # what autoencoders compute in; bfloat16 is quicker on accelerators, and coarser


def tuning() -> Tuning:
    """What options and environment say.

    Raises:
        UnknownName: for a word that means nothing.
    """
    memory = os.environ.get(MEMORY_VARIABLE) or "high"
    precision = os.environ.get(PRECISION_VARIABLE) or "automatic"
    vae = os.environ.get(VAE_VARIABLE) or "float32"
    for variable, kind, name, known in (
        (MEMORY_VARIABLE, "use of memory", memory, get_args(Memory)),
        (PRECISION_VARIABLE, "precision", precision, get_args(UNetPrecision)),
        (VAE_VARIABLE, "precision", vae, get_args(Precision)),
    ):
        if name not in known:
            raise UnknownName(kind, name, known, where=variable)
    compiles = os.environ.get(COMPILE_VARIABLE, "")
    return Tuning(memory, compiles, precision, vae)  # type: ignore[arg-type]  # checked above

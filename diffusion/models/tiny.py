"""TAESD: the tiny autoencoder for previews, from the two files it was first published as."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import WeightsError
from diffusion.models.networks import Tensors, emptied, filled
from diffusion.models.weights_file import open_weights

FIRST_OF_ENCODER, FIRST_OF_DECODER = "0.weight", "1.weight"  # a decoder begins with a layer without weights
SIDES = {FIRST_OF_ENCODER: ("encoder", 0), FIRST_OF_DECODER: ("decoder", 1)}  # diffusers counts layers from there
PART = "the tiny autoencoder"


def is_tiny(names: Iterable[str]) -> bool:
    """Whether tensors of these names are of a TAESD: its encoder, its decoder, or both under diffusers' names."""
    names = {*names}
    return names >= {"0.weight", "1.conv.0.weight"} or names >= {"1.weight", "3.conv.0.weight"} or _is_whole(names)


def load_tiny(files: Iterable[Path], dtype: torch.dtype) -> Any:
    """A diffusers AutoencoderTiny from a file for each half, or one for both; without an encoder it only decodes.

    Raises:
        WeightsError: for anything missing or damaged.
    """
    from diffusers import AutoencoderTiny

    files = tuple(files)
    tensors: dict[str, Tensor] = {}
    for file in map(open_weights, files):
        tensors |= _renamed(file.read(file.shapes))
    first = tensors.get("decoder.layers.0.weight")
    if first is None or first.ndim != 4:
        way_out = f"Put the decoder beside {files[0].name}"
        raise WeightsError("holds no decoder of a TAESD", where=str(files[0]), way_out=way_out)
    network = emptied(AutoencoderTiny.from_config, {"latent_channels": first.shape[1]}, PART)
    if not any(name.startswith("encoder.") for name in tensors):
        network.encoder = Blind(files[0])
    return filled(network, tensors, dtype, part=PART)


class Blind(nn.Module):
    """In the place of an encoder that is not there."""

    def __init__(self, decoder: Path) -> None:
        """Args: decoder: the file that has no encoder beside it."""
        super().__init__()
        self.decoder = decoder

    def forward(self, _pictures: Tensor) -> Tensor:
        """Raises WeightsError."""
        beside = self.decoder.name.replace("decoder", "encoder")
        raise WeightsError(
            "image to image needs its encoder", where=str(self.decoder), way_out=f"Put {beside} beside it"
        )


def _renamed(tensors: Tensors) -> Tensors:
    """Tensors of one file under diffusers' names."""
    if _is_whole(tensors):
        return tensors
    side, start = next((found for name, found in SIDES.items() if name in tensors), ("", 0))
    return {
        f"{side}.layers.{int(number) - start}.{rest}": tensor
        for (number, _, rest), tensor in ((name.partition("."), tensor) for name, tensor in tensors.items())
        if number.isdecimal()
    }


def _is_whole(names: Iterable[str]) -> bool:
    return "decoder.layers.0.weight" in names

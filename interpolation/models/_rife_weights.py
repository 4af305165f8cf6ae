"""Weights of RIFE 4.x networks: which sizes a file has is read from its shapes."""

import re
from pathlib import Path

from safetensors.torch import save_file

from interpolation.models._rife_network import FLOWS, MASK, Encoder, RifeNetwork, RifeSizes
from interpolation.models._weights import Tensors, filled, tensors_in

SEES = 7  # channels that the first block takes in releases without an encoder: two pictures, and the time
_OURS = re.compile(r"(block\d+|encode)\..+")  # what is left needs training only, or was never used


def loaded(path: Path) -> RifeNetwork:
    """The network in a file, in float32 on the processor, in eval mode.

    Args:
        path: .safetensors, or a .pkl, .pt or .pth with a state dict.

    Raises:
        WeightsError: for a file that is missing, damaged, or no RIFE 4.x.
    """
    tensors = of_the_network(tensors_in(path))
    return filled(lambda: RifeNetwork(sizes_of(tensors)), tensors, path, "RIFE 4.x")


def write_half(source: Path, target: Path) -> None:
    """Writes the weights that pictures are made with as safetensors, in float16: half as large, 77 dB from the whole.

    Raises:
        WeightsError: as `loaded`.
        OSError: if the file cannot be written.
    """
    network = loaded(source)
    halves = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(halves, target, {"format": "RIFE 4.x"})


def of_the_network(tensors: Tensors) -> Tensors:
    """The tensors that pictures are made with, by the names of the releases."""
    bare = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in bare.items() if _OURS.fullmatch(name)}


def sizes_of(tensors: Tensors) -> RifeSizes:
    """The sizes of the network that tensors belong to.

    Raises:
        KeyError: if a tensor is missing that every RIFE 4.x has.
    """
    blocks = len({name.partition(".")[0] for name in tensors if name.startswith("block")})
    widths = tuple(len(tensors[f"block{n}.conv0.1.0.weight"]) for n in range(max(1, blocks)))
    slopes = "block0.conv0.0.1.weight" in tensors
    last = tensors["block0.lastconv.weight" if slopes else "block0.lastconv.0.weight"]
    outs = last.shape[1] if slopes else last.shape[1] // 4
    encoder, hidden, features = _encoder(tensors)
    second = tensors["block1.conv0.0.0.weight"].shape[1]
    told = second - FLOWS - MASK - SEES - 2 * features
    return RifeSizes(widths, encoder, hidden, features, outs, told, slopes)


def _encoder(tensors: Tensors) -> tuple[Encoder, int, int]:
    """Its kind, the channels inside, the channels it gives."""
    for kind, first, last in (("four", "cnn0", "cnn3"), ("pair", "0", "1")):
        if f"encode.{first}.weight" in tensors:
            return kind, len(tensors[f"encode.{first}.weight"]), tensors[f"encode.{last}.weight"].shape[1]  # type: ignore[return-value]
    return "", 0, 0

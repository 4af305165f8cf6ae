"""What the networks share: where their weights lie, and how they come out of a file."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import WeightsError

Tensors = Mapping[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


def filled(make: Callable[[], Network], tensors: Tensors, path: Path, name: str) -> Network:
    """A network with these weights, in float32 on the processor, in eval mode.

    Args:
        make: gives the network, of the sizes that the tensors have; raises KeyError if one is missing.
        tensors: all of its weights and nothing else.
        path: of their file, for messages.
        name: of the kind of network, likewise.

    Raises:
        WeightsError: if the tensors are of something else, or not finite.
    """
    try:
        network = make()
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (KeyError, RuntimeError, ValueError) as fault:
        first = str(fault).strip().splitlines()[0][:120] if str(fault).strip() else type(fault).__name__
        way_out = f"Give weights of {name}: docs/guide/interpolation.md says which"
        raise WeightsError(f"holds no {name} network ({first})", where=str(path), way_out=way_out) from fault
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise WeightsError(
            "NaN or infinity in the weights", where=str(path), way_out="The file is damaged: get it again"
        )
    return network.eval().requires_grad_(False)


def tensors_in(path: Path) -> Tensors:
    """All tensors of a file: .safetensors, a pickled state dict, or a TorchScript program, whose code is not run.

    Raises:
        WeightsError: if it is missing, damaged, or holds anything else.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(load_file(path))
        if _is_script(path):
            script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
            return dict(script.state_dict())
        found: object = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, SafetensorError, ValueError, EOFError, KeyError, ImportError) as fault:
        raise WeightsError(f"cannot be read ({' '.join(str(fault).split())[:120]})", where=str(path)) from fault
    except Exception as fault:  # of unpicklers, whose errors have no common type
        raise WeightsError(f"is no file of weights ({type(fault).__name__})", where=str(path)) from fault
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError("holds no state dict", where=str(path), way_out="Give a file of weights")
    return found


def _is_script(path: Path) -> bool:
    """Whether a file is a TorchScript archive."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())

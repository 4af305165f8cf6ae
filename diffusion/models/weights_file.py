"""WeightsFile: one file of tensors, opened without running or reading more of it than is asked for."""

import pickle
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from core.errors import WeightsError
from diffusion.models.family import Shapes
from diffusion.models.header import damaged, disguised, read_header

GROUPS = ("image_proj", "ip_adapter")  # of tensors, in pickled IP-Adapters; safetensors names them with a point
PICKLES = frozenset({".ckpt", ".pt", ".pth", ".bin"})


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """What a file of tensors holds, and how to read from it."""

    path: Path
    shapes: Shapes
    metadata: Mapping[str, str]  # of safetensors; untrusted text
    read: Callable[[Iterable[str]], dict[str, Tensor]]  # tensors by key, on the processor, as they were stored


def open_weights(path: Path) -> WeightsFile:
    """The contents of a .safetensors file or of a pickled one (.ckpt .pt .pth .bin).

    `read_header` checks safetensors files; torch's restricted unpickler reads pickles and runs no code from them.

    Raises:
        WeightsError: for a file that is missing, damaged, of another kind or dangerous.
    """
    kind = path.suffix.lower()
    if kind == ".safetensors":
        return _safetensors(path)
    if kind in PICKLES:
        return _pickled(path)
    raise WeightsError(
        f"{path.suffix or 'a file without suffix'} is no kind of model file",
        where=str(path),
        way_out=f"Give a .safetensors file, or one of {', '.join(sorted(PICKLES))}",
    )


def _safetensors(path: Path) -> WeightsFile:
    """A safetensors file; only its header is read now."""
    header = read_header(path)

    def read(keys: Iterable[str]) -> dict[str, Tensor]:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in keys}

    return WeightsFile(path, header.shapes, header.metadata, read)


def _pickled(path: Path) -> WeightsFile:
    """A pickled checkpoint: its `state_dict`, or the file itself where it is one."""
    tensors = unpickled(path)
    while isinstance(tensors, Mapping) and isinstance(tensors.get("state_dict"), Mapping):
        tensors = tensors["state_dict"]
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"a pickled {type(tensors).__name__} instead of named tensors", where=str(path))
    found = {key: tensor for key, tensor in tensors.items() if isinstance(key, str) and isinstance(tensor, Tensor)}
    for group in (group for group in GROUPS if isinstance(tensors.get(group), Mapping)):
        inner = tensors[group].items()
        found |= {f"{group}.{key}": tensor for key, tensor in inner if isinstance(tensor, Tensor)}
    shapes = {key: tuple(tensor.shape) for key, tensor in found.items()}
    return WeightsFile(path, shapes, {}, lambda keys: {key: found[key] for key in keys})


def unpickled(path: Path) -> Any:
    """What torch's restricted unpickler makes of a file; tensors stay on disk where the format allows it."""
    try:
        with torch.serialization.safe_globals(_harmless()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as fault:
        if disguised(path):
            raise damaged(path, fault) from fault
        raise WeightsError(
            f"the pickle wants more than tensors ({_unwanted(fault)})",
            where=str(path),
            way_out="It may run code when loaded. Get the model as .safetensors from a source you trust",
        ) from fault
    except Exception as fault:  # a damaged pickle fails with whatever its last instruction led to
        raise damaged(path, fault) from fault


class _Ignored:
    """Stands in for the training callback that the first public checkpoints carry along."""


def _harmless() -> list[Any]:
    """What old public checkpoints hold besides tensors: numpy numbers, and the name of a training callback."""
    return [
        (_Ignored, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
        (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
        (np._core.multiarray.scalar, "numpy._core.multiarray.scalar"),  # type: ignore[attr-defined]
        np.dtype,
        *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?")),
    ]


def _unwanted(fault: pickle.UnpicklingError) -> str:
    """What a refused pickle asked for, without the library's advice to load it all the same."""
    named = re.search(r"GLOBAL (\S+)", str(fault))
    return named[1] if named else "instructions that are not allowed"

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
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]
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

    Headers of safetensors files are checked by that library: at most 100 MB, every tensor inside the file, the file
    neither longer nor shorter. Pickles are read by torch's restricted unpickler, which runs no code from the file.

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
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as fault:
        raise _damaged(path, fault) from fault

    def read(keys: Iterable[str]) -> dict[str, Tensor]:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in keys}

    return WeightsFile(path, shapes, metadata, read)


def _pickled(path: Path) -> WeightsFile:
    """A pickled checkpoint: its `state_dict`, or the file itself where it is one."""
    tensors = unpickled(path)
    while isinstance(tensors, Mapping) and isinstance(tensors.get("state_dict"), Mapping):
        tensors = tensors["state_dict"]
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"a pickled {type(tensors).__name__} instead of named tensors", where=str(path))
    found = {key: tensor for key, tensor in tensors.items() if isinstance(key, str) and isinstance(tensor, Tensor)}
    shapes = {key: tuple(tensor.shape) for key, tensor in found.items()}
    return WeightsFile(path, shapes, {}, lambda keys: {key: found[key] for key in keys})


def unpickled(path: Path) -> Any:
    """What torch's restricted unpickler makes of a file; tensors stay on disk where the format allows it."""
    try:
        with torch.serialization.safe_globals(_harmless()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as fault:
        raise WeightsError(
            f"the pickle wants more than tensors ({_unwanted(fault)})",
            where=str(path),
            way_out="It may run code when loaded. Get the model as .safetensors from a source you trust",
        ) from fault
    except Exception as fault:  # a damaged pickle fails with whatever its last instruction led to
        raise _damaged(path, fault) from fault


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


def _damaged(path: Path, fault: Exception) -> WeightsError:
    """The error for a file that cannot be read."""
    return WeightsError(
        f"cannot be read as {path.suffix} weights ({_reason(fault)})",
        where=str(path),
        way_out="The file may be cut off or of another kind: compare its size with the source's, or get it again",
    )


def _unwanted(fault: pickle.UnpicklingError) -> str:
    """What a refused pickle asked for, without the library's advice to load it all the same."""
    named = re.search(r"GLOBAL (\S+)", str(fault))
    return named[1] if named else "instructions that are not allowed"


def _reason(fault: Exception) -> str:
    """The gist of another library's message, on one line."""
    return " ".join(str(fault).split())[:160] or type(fault).__name__

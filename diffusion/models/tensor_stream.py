"""Files of tensors read and written one tensor at a time: memory holds one, whatever the size of the file."""

import json
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import WeightsError
from diffusion.models.weights_file import open_weights

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a file, without its numbers."""

    key: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Bytes."""
        return int(torch.Size(self.shape).numel()) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class TensorStream:
    """A file of tensors of which one at a time is read."""

    path: Path
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    read: Callable[[str], Tensor]  # a copy, on the processor, as it was stored


@contextmanager
def opened(path: Path) -> Iterator[TensorStream]:
    """The tensors of a checkpoint, checked as `open_weights` does.

    Raises:
        WeightsError: for a file that is missing, damaged, of another kind or dangerous.
    """
    file = open_weights(path)
    if path.suffix.lower() != ".safetensors":
        tensors = file.read(file.shapes)
        entries = {key: Entry(key, tuple(tensor.shape), tensor.dtype) for key, tensor in tensors.items()}
        yield TensorStream(path, entries, {}, lambda key: tensors[key].clone())
        return
    with path.open("rb") as raw:
        header = _header(raw)
        start = raw.tell()
        _check_dtypes(path, header)
        entries = {key: Entry(key, tuple(told["shape"]), DTYPES[told["dtype"]]) for key, told in header.items()}

        def read(key: str) -> Tensor:
            first, last = header[key]["data_offsets"]
            raw.seek(start + first)
            if first == last:
                return torch.empty(entries[key].shape, dtype=entries[key].dtype)
            numbers = bytearray(raw.read(last - first))
            return torch.frombuffer(numbers, dtype=entries[key].dtype).reshape(entries[key].shape)

        yield TensorStream(path, entries, file.metadata, read)


def write_safetensors(
    path: Path, entries: Sequence[Entry], tensors: Iterable[Tensor], metadata: Mapping[str, str]
) -> None:
    """Writes a .safetensors file; it gets its name when it is whole.

    Args:
        entries: of all tensors, in order.
        tensors: one an entry, made when its turn comes.

    Raises:
        WeightsError: if the file cannot be written.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    place = 0
    for entry in entries:
        shown = {"dtype": NAMES[entry.dtype], "shape": list(entry.shape)}
        header[entry.key] = {**shown, "data_offsets": [place, place + entry.size]}
        place += entry.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors:
                file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as fault:
        raise WeightsError(f"cannot be written ({fault.strerror})", where=str(path)) from fault
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _header(raw: Any) -> dict[str, Any]:
    """The header of a safetensors file whose form has been checked; the file stands behind it."""
    (length,) = struct.unpack("<Q", raw.read(8))
    header: dict[str, Any] = json.loads(raw.read(length))
    header.pop("__metadata__", None)
    return header


def _check_dtypes(path: Path, header: Mapping[str, Any]) -> None:
    """Raises WeightsError for numbers that cannot be mixed."""
    unknown = {told["dtype"] for told in header.values()} - set(DTYPES)
    if unknown:
        way_out = "Give a checkpoint in float32, float16 or bfloat16"
        raise WeightsError(f"holds numbers of the kind {', '.join(sorted(unknown))}", where=str(path), way_out=way_out)

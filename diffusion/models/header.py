"""Header: the names and shapes of the tensors in a .safetensors file, read without the tensors; imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from core.errors import WeightsError
from diffusion.models.family import Shapes


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself."""

    shapes: Shapes
    metadata: Mapping[str, str]  # untrusted text


def read_header(path: Path) -> Header:
    """The header of a .safetensors file.

    The library checks it: at most 100 MB, every tensor inside the file, the file neither longer nor shorter.

    Raises:
        WeightsError: for a file that is missing or damaged.
    """
    try:
        with safe_open(path, framework="np") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            return Header(shapes, dict(file.metadata() or {}))
    except (SafetensorError, OSError) as fault:
        raise damaged(path, fault) from fault


def damaged(path: Path, fault: Exception) -> WeightsError:
    """The error for a file that cannot be read."""
    return WeightsError(
        f"cannot be read as {path.suffix} weights ({_reason(fault)})",
        where=str(path),
        way_out="The file may be cut off or of another kind: compare its size with the source's, or get it again",
    )


def _reason(fault: Exception) -> str:
    """The gist of another library's message, on one line."""
    return " ".join(str(fault).split())[:160] or type(fault).__name__

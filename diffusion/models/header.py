"""Header: the names and shapes of the tensors in a .safetensors file, read without the tensors; imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from core.errors import WeightsError
from diffusion.models.family import Shapes

LONGEST_SIGN = 64  # bytes
PAGE = "a web page", "The download went wrong: get the file itself"
POINTER = "a Git LFS pointer to it", "Get the file itself: git lfs pull, or download it"
ARCHIVE = "an archive", "Unpack it"
PICKLE = "a pickled one", "Rename it to .ckpt"
SAFETENSORS = "a .safetensors one", "Rename it"
SIGNS = (  # how files begin
    *((sign, PAGE) for sign in (b"<!doctype", b"<!DOCTYPE", b"<html", b"<?xml")),
    (b"version https://git-lfs", POINTER),
    *((sign, ARCHIVE) for sign in (b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")),
    *((sign, PICKLE) for sign in (b"PK\x03\x04", b"\x80\x02")),
)


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
    """The error for a file that cannot be read, or is another kind of file than its name says."""
    if other := disguised(path):
        what, way_out = other
        return WeightsError(f"is no {path.suffix} file, but {what}", where=str(path), way_out=way_out)
    return WeightsError(
        f"cannot be read as {path.suffix} weights ({_reason(fault)})",
        where=str(path),
        way_out="The file may be cut off or of another kind: compare its size with the source's, or get it again",
    )


def disguised(path: Path) -> tuple[str, str] | None:
    """What a file is whose content is of another kind than its name, and what to do; None if nothing can be said."""
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_SIGN)
    except OSError:
        return None
    is_header = start[8:9] == b"{" and not start[4:8].strip(b"\0")  # behind a length that fits into four bytes
    found = SAFETENSORS if is_header else next((told for sign, told in SIGNS if start.startswith(sign)), None)
    return None if found == (SAFETENSORS if path.suffix.lower() == ".safetensors" else PICKLE) else found


def _reason(fault: Exception) -> str:
    """The gist of another library's message, on one line."""
    return " ".join(str(fault).split())[:160] or type(fault).__name__

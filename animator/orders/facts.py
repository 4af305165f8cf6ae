"""What infotexts say of the model and the networks that an order draws with: names and short hashes."""

import hashlib
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from animator.orders.order import Order
from animator.orders.units import told
from core.checksum import checksum
from core.errors import WeightsError
from core.hashing import CHUNK
from diffusion.models.files import lora_files, model_identity, model_path
from diffusion.prompt.named import network_file, tags

MODEL_DIGITS, LORA_DIGITS = 10, 12  # hex digits
STATED = "sshs_model_hash"  # in the header of LoRA files: their hash without the header


def facts(order: Order) -> dict[str, str]:
    """Fields of the infotext: "Model hash", "Model", and "Lora hashes" where the prompt names any.

    Raises:
        WeightsError: for a model or network that is not there.
        UserError: for a tag that is wrong.
    """
    path = model_path(order.model)
    found = {"Model hash": model_identity(path)[:MODEL_DIGITS], "Model": path.stem}
    names = dict.fromkeys(name for kind, name in tags(order.prompt) if kind != "hypernet")
    hashes = {name: lora_hash(network_file("lora", name)) for name in names}
    if hashes:
        found["Lora hashes"] = ", ".join(f"{name}: {digits}" for name, digits in hashes.items())
    return found | told(order)


def lora_hash(path: Path) -> str:
    """The short hash of a LoRA: as its header states it, else of its tensors, else of the whole file.

    Raises:
        WeightsError: if it cannot be read.
    """
    try:
        return checksum(lora_files(path))[:LORA_DIGITS] if path.is_dir() else _lora_hash(path, path.stat().st_mtime_ns)
    except OSError as fault:
        raise WeightsError(f"cannot be read ({fault.strerror})", where=str(path)) from fault


@lru_cache(maxsize=256)
def _lora_hash(path: Path, changed: int) -> str:
    """The short hash of a file last changed at a time."""
    if path.suffix.lower() != ".safetensors":
        return checksum((path,))[:LORA_DIGITS]
    stated = _metadata(path).get(STATED, "")
    if stated:
        return stated[:LORA_DIGITS]
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(8 + struct.unpack("<Q", file.read(8))[0])
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()[:LORA_DIGITS]


def _metadata(path: Path) -> Mapping[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return file.metadata() or {}
    except SafetensorError as fault:
        raise WeightsError(f"is no safetensors file ({fault})", where=str(path)) from fault

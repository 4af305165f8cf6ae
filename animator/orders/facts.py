"""What infotexts say of the model and the networks that an order draws with: names and short hashes."""

import hashlib
import re
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from animator.orders.order import Order
from animator.orders.units import told
from core.checksum import checksum
from core.errors import WeightsError
from core.hashing import CHUNK
from diffusion.models.files import lora_files, model_identity, model_path, vae_identity, vae_path
from diffusion.prompt.named import NamedFiles, network_file, tags

MODEL_DIGITS, LORA_DIGITS = 10, 12  # hex digits
STATED = "sshs_model_hash"  # in the header of LoRA files: their hash without the header


def facts(order: Order) -> dict[str, str]:
    """Fields of the infotext: the model, an autoencoder that is not the model's own, networks, embeddings.

    Raises:
        WeightsError: for a model or network that is not there.
        UserError: for a tag that is wrong.
    """
    path = model_path(order.model)
    found = {"Model hash": model_identity(path)[:MODEL_DIGITS], "Model": path.stem}
    vae = vae_path(order.vae, path)
    if vae is not None:
        found |= {"VAE hash": vae_identity(vae)[:MODEL_DIGITS], "VAE": vae.name}
    prompts = [order.prompt, *(text for text, _ in (order.hires and order.hires.prompt) or ())]
    named = [tag for text in prompts for tag in tags(text)]
    names = dict.fromkeys(name for kind, name in named if kind != "hypernet")
    found |= _listed("Lora hashes", {name: lora_hash(network_file("lora", name)) for name in names})
    words = embeddings_in(" ".join((*prompts, order.negative, (order.hires and order.hires.negative) or "")))
    hashes = {name: checksum((file,))[:LORA_DIGITS] for name, file in words.items()}
    return {**found, **_listed("TI hashes", hashes), **({"TI": ", ".join(hashes)} if hashes else {}), **told(order)}


def _listed(field: str, hashes: Mapping[str, str]) -> dict[str, str]:
    """One field with names and hashes; none where there are none."""
    return {field: ", ".join(f"{name}: {digits}" for name, digits in hashes.items())} if hashes else {}


def hashes_in(text: str) -> dict[str, str]:
    """Names and hashes of "Lora hashes" or "TI hashes"."""
    pairs = (part.rpartition(":") for part in text.split(","))
    return {name.strip(): digits.strip().lower() for name, _, digits in pairs if name.strip() and digits.strip()}


def embeddings_in(text: str) -> dict[str, Path]:
    """The files of the embeddings whose names stand in a text as words, by name, in the order they stand there."""
    text = text.lower()
    found = {name: path for name, path in NamedFiles().embeddings.items() if name.lower() in text}
    named = sorted(
        (name for name in found if _stands_alone(name.lower(), text)), key=lambda name: text.find(name.lower())
    )
    return {name: found[name] for name in named}


def _stands_alone(name: str, text: str) -> bool:
    """Whether no letter before or after makes it a part of a longer word."""
    before = r"(?<![^\W\d_])" if name[0].isalpha() else ""
    after = r"(?![^\W\d_])" if name[-1].isalpha() else ""
    return re.search(before + re.escape(name) + after, text) is not None


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
    stated = stated_hash(path)
    if stated:
        return stated[:LORA_DIGITS]
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(8 + struct.unpack("<Q", file.read(8))[0])
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()[:LORA_DIGITS]


def stated_hash(path: Path) -> str:
    """The hash that stands in the header of a LoRA; empty where there is none.

    Raises:
        WeightsError: for a file that is no safetensors file though it says so.
    """
    return _metadata(path).get(STATED, "") if path.suffix.lower() == ".safetensors" else ""


def _metadata(path: Path) -> Mapping[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return file.metadata() or {}
    except SafetensorError as fault:
        raise WeightsError(f"is no safetensors file ({fault})", where=str(path)) from fault

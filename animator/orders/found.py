"""Files that an infotext names, found again: by name if their hash is the one it tells, else by that hash."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from animator.orders.facts import LORA_DIGITS, embeddings_in, hashes_in, lora_hash, stated_hash
from animator.orders.order import Order
from core.checksum import checksum
from core.errors import UserError
from core.weights import LORA, listed
from diffusion.models.files import NONE, model_identity, model_path, vae_identity, vae_path
from diffusion.prompt.named import network_file
from media.infotext import Infotext

OURS = "driftloop"  # how our versions begin


def found_again(infotext: Infotext, order: Order, overridden: set[str]) -> tuple[Order, list[str]]:
    """The order with the very files that a picture was made with, as far as they are here, and what is to be said.

    Args:
        infotext: of the picture.
        order: that it describes.
        overridden: settings that the user has given another value.
    """
    notes: list[str] = []
    fields = infotext.fields
    if "model" not in overridden:
        model, note = _by_hash("model", order.model, fields.get("Model hash", ""), _model_hash)
        order, notes = replace(order, model=model), [*notes, *note]
    if "vae" not in overridden and "VAE" in fields:
        vae, note = _by_hash("VAE", order.vae, fields.get("VAE hash", ""), _vae_hash)
        order, notes = replace(order, vae=vae), [*notes, *note]
    elif "vae" not in overridden and fields.get("Version", "").startswith(OURS):
        order = replace(order, vae=NONE)  # which is what it was made with, or it would be told
    loras = hashes_in(fields.get("Lora hashes", ""))
    order, note = _with_loras(order, loras)
    words = embeddings_in(f"{order.prompt} {order.negative}")
    return order, [*notes, *note, *_other_embeddings(hashes_in(fields.get("TI hashes", "")), words)]


def _by_hash(kind: str, name: str, digits: str, hash_of: Callable[[str], str]) -> tuple[str, list[str]]:
    """The name whose file has the hash, or the name itself and what to say of that."""
    found = _quietly(hash_of, name)
    if not digits or found.startswith(digits):
        return name, []
    for by_hash in (f"{name} [{digits}]", digits):
        if _quietly(hash_of, by_hash).startswith(digits):
            return by_hash, []
    return name, [f"it was made with a {kind} {name} of hash {digits}; this one has {found[:10]}"] if found else []


def _quietly(hash_of: Callable[[str], str], name: str) -> str:
    """A hash, empty where there is no such file."""
    try:
        return hash_of(name)
    except UserError:
        return ""


def _model_hash(name: str) -> str:
    return model_identity(model_path(name))


def _vae_hash(name: str) -> str:
    path = vae_path(name, Path("checkpoint"))
    return "" if path is None else vae_identity(path)


def _with_loras(order: Order, hashes: dict[str, str]) -> tuple[Order, list[str]]:
    """The order with LoRAs of other names put in where these have the hashes."""
    notes: list[str] = []
    for name, digits in hashes.items():
        found = _quietly(lambda name: lora_hash(network_file("lora", name)), name)
        if found[: len(digits)] == digits[: len(found)] and found:
            continue
        other = next(_loras_of(digits), None)
        if other is not None:
            order = replace(order, prompt=_renamed(order.prompt, name, other))
            notes.append(f"the LoRA {name} of hash {digits} is called {other} here")
        elif found:
            notes.append(f"it was made with a LoRA {name} of hash {digits}; this one has {found}")
    return order, notes


def _loras_of(digits: str) -> Iterator[str]:
    """LoRAs whose header states a hash; files without are not read, there may be hundreds of them."""
    for file in listed(LORA):
        stated = _quietly(lambda _, path=file.path: stated_hash(path), "")  # type: ignore[misc]
        if stated and stated[:LORA_DIGITS].startswith(digits[:LORA_DIGITS]):
            yield file.stem


def _renamed(prompt: str, old: str, new: str) -> str:
    return re.sub(rf"<(lora|lyco):\s*{re.escape(old)}\s*(?=[:>])", lambda tag: f"<{tag[1]}:{new}", prompt)


def _other_embeddings(hashes: dict[str, str], words: dict[str, Path]) -> Iterator[str]:
    """Embeddings that are not here, or are others."""
    known = {name.lower(): path for name, path in words.items()}
    for name, digits in hashes.items():
        path = known.get(name.lower())
        if path is None:
            yield f"the embedding {name} of hash {digits} is not here; its name is taken as plain words"
        elif not (found := checksum((path,))).startswith(digits):
            yield f"it was made with an embedding {name} of hash {digits}; this one has {found[:LORA_DIGITS]}"

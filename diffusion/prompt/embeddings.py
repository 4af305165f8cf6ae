"""Textual inversions: learned words in small files, read without running anything that stands in them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file
from torch import Tensor

from core.errors import WeightsError
from core.hashing import file_fingerprint
from diffusion.prompt.hidden import hidden_data

PICTURES = (".png", ".webp", ".avif", ".jxl")
LARGEST_FILE = 64 << 20  # bytes; real ones have some tens of kilobytes
MOST_PIXELS = 1 << 24
PNG_TEXT = "sd-ti-embedding"
PICKLED = (torch.nn.modules.container.ParameterDict,)  # old files keep their tensors in one; plain data otherwise


@dataclass(frozen=True, slots=True)
class TextualInversion:
    """The vectors one word stands for."""

    name: str  # file stem; the word in the prompt
    vectors: tuple[Tensor, ...]  # float32, n x width; one a text encoder, in the model's order (SDXL: CLIP-L, bigG)
    identity: str  # checksum of the file


def load_inversion(path: Path) -> TextualInversion:
    """A textual inversion from any of its file forms.

    Read are the web UI's `.pt`, diffusers' `.bin`, `.safetensors` (one tensor, or `clip_l` and `clip_g` for SDXL),
    PNG with the text chunk `sd-ti-embedding`, and pictures that hide it in their pixels (`hidden.py`).

    Raises:
        WeightsError: for a file that is missing, damaged, too large, would run code, or is no textual inversion.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WeightsError(f"more than {LARGEST_FILE >> 20} MB is no textual inversion", where=str(path))
        vectors = tuple(_rows(value) for value in _values(_content(path)))
        if len({len(rows) for rows in vectors}) > 1:
            raise WeightsError("its parts for the two text encoders differ in the number of vectors")
        identity = file_fingerprint(path)
    except WeightsError as fault:
        raise WeightsError(fault.what, where=str(path), way_out=fault.way_out) from fault
    except Exception as fault:  # damaged files make the readers raise nearly anything
        raise WeightsError(f"cannot be read as a textual inversion ({str(fault)[:200]})", where=str(path)) from fault
    return TextualInversion(path.stem, vectors, identity)


def bundled_inversions(tensors: Mapping[str, Tensor], path: Path) -> tuple[TextualInversion, ...]:
    """The textual inversions in the file of a LoRA.

    Args:
        tensors: by keys such as `bundle_emb.NAME.string_to_param.*` or `bundle_emb.NAME.clip_l`.
        path: of the file, for messages.

    Raises:
        WeightsError: for tensors that are no textual inversion.
    """
    contents: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        _, name, part = (*key.split(".", 2), "", "")[:3]
        contents.setdefault(name, {})[part.removeprefix("string_to_param.")] = tensor
    try:
        return tuple(
            TextualInversion(name, tuple(_rows(value) for value in _values(content)), "")
            for name, content in contents.items()
        )
    except WeightsError as fault:
        raise WeightsError(f"its embeddings: {fault.what}", where=str(path)) from fault


def _content(path: Path) -> Any:
    """What stands in a file: a mapping, if it is a textual inversion."""
    if path.suffix.lower() == ".safetensors":
        return load_file(path)
    if path.suffix.lower() in PICTURES:
        return json.loads(_pictured(path))
    with torch.serialization.safe_globals(list(PICKLED)):
        return torch.load(path, map_location="cpu", weights_only=True)


def _pictured(path: Path) -> bytes:
    """The JSON that a picture carries: in a text chunk, else in the low bits of its pixels."""
    with Image.open(path) as picture:
        text = picture.text.get(PNG_TEXT) if isinstance(picture, PngImagePlugin.PngImageFile) else None
        if text is not None:
            return base64.b64decode(text)
        if picture.width * picture.height > MOST_PIXELS:
            raise WeightsError(f"a picture of {picture.width} x {picture.height} pixels is no textual inversion")
        found = hidden_data(np.array(picture.convert("RGB")))
    if found is None:
        raise WeightsError(
            f"a picture without the text chunk {PNG_TEXT}, and nothing hidden in its pixels",
            way_out="Use the .pt or .safetensors file",
        )
    return found


def _values(content: Any) -> tuple[Any, ...]:
    """The tensors of an embedding file, one a text encoder."""
    if not isinstance(content, Mapping):
        raise WeightsError(f"holds a {type(content).__name__} and no textual inversion")
    if "string_to_param" in content:
        params = content["string_to_param"]
        content = getattr(params, "_parameters", params)
    if {"clip_l", "clip_g"} <= set(content):
        return content["clip_l"], content["clip_g"]
    if "emb_params" in content:
        return (content["emb_params"],)
    if len(content) != 1:
        raise WeightsError(
            f"holds {len(content)} entries ({', '.join(map(str, content))[:80]}) where one word is expected"
        )
    return tuple(content.values())


def _rows(value: Any) -> Tensor:
    """A tensor or nested lists as float32, n x width."""
    if isinstance(value, Mapping) and set(value) == {"TORCHTENSOR"}:
        value = value["TORCHTENSOR"]
    rows = torch.as_tensor(value).detach()
    rows = rows.unsqueeze(0) if rows.dim() == 1 else rows
    if rows.dim() != 2 or not rows.is_floating_point() or not rows.numel():
        raise WeightsError(f"holds a {rows.dtype} tensor of shape {tuple(rows.shape)} where vectors are expected")
    if not rows.isfinite().all():
        raise WeightsError("holds numbers that are not finite")
    return rows.float().contiguous().clone()

"""LoRA and LyCORIS files: small files that change the weights of a model."""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import WeightsError
from diffusion.models.deltas import SCALARS, Parts, bias_change, family_of, weight_change
from diffusion.models.family import Family
from diffusion.models.lora_names import Layer, Target, parsed
from diffusion.models.networks import is_finite
from diffusion.models.overlay import Change
from diffusion.models.weights_file import WeightsFile, open_weights

log = logging.getLogger(__name__)
PEFT_SETTINGS = "lora_adapter_metadata"  # in the header of files by diffusers
BUNDLED = "bundle_emb."  # what the keys of embeddings in a LoRA's file begin with
LONGEST_SETTINGS = 1 << 20  # characters
TEXT_WIDTHS: dict[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}  # of what the UNet's attention reads


@dataclass(frozen=True, slots=True)
class LoraFile:
    """What a LoRA file holds; only its header was read."""

    file: WeightsFile
    layers: Mapping[Layer, Mapping[str, str]]  # for each layer the keys of its parts
    words: tuple[str, ...]  # keys of embeddings that lie in the same file
    others: tuple[str, ...]  # keys of no known scheme

    @property
    def families(self) -> tuple[str, ...]:
        """How its changes are written: "LoRA", "LoHa" ...; sorted."""
        found = (family_of(parts) for parts in self.layers.values())
        return tuple(sorted({family.name for family in found if family is not None}))

    @property
    def model(self) -> Family | None:
        """The family of models it was made for, as its shapes or else its header tell; None if neither does."""
        for layer, parts in self.layers.items():
            key = parts.get("down") or parts.get("hada_w1_b") or parts.get("b1")
            if key and layer.network == "unet" and layer.name.endswith(("attn2_to_k", "attn2_to_v")):
                return TEXT_WIDTHS.get(self.file.shapes[key][1])
        if any(layer.network in ("te2", "text_encoder_2") for layer in self.layers):
            return "sdxl"
        stated = self.file.metadata.get("ss_base_model_version", "")
        return "sdxl" if stated.startswith("sdxl") else "sd2" if stated.startswith("sd_v2") else None


def open_lora(path: Path) -> LoraFile:
    """A LoRA or LyCORIS file with kohya's, diffusers' or peft's names.

    Raises:
        WeightsError: for a file that is missing, damaged, dangerous, or no LoRA.
    """
    file = open_weights(path)
    layers: dict[Layer, dict[str, str]] = {}
    words = tuple(key for key in file.shapes if key.startswith(BUNDLED))
    others: list[str] = []
    for key in [key for key in file.shapes if not key.startswith(BUNDLED)]:
        named = parsed(key)
        if named is None:
            others.append(key)
        else:
            layers.setdefault(named[0], {})[named[1]] = key
    known = {layer: parts for layer, parts in layers.items() if family_of(parts) or bias_only(parts)}
    others += [key for layer, parts in layers.items() if layer not in known for key in parts.values()]
    if not known:
        raise WeightsError(
            f"holds no LoRA that is known ({len(file.shapes)} tensors: {', '.join(others[:2])[:160] or 'none'})",
            where=str(path),
            way_out="Give a file of LoRA, LoCon, LoHa, LoKr, IA3, GLoRA, OFT, DoRA or full changes for UNet or CLIP",
        )
    return LoraFile(file, known, words, tuple(others))


def bias_only(parts: Mapping[str, object]) -> bool:
    """Whether a layer's parts change its bias and nothing else."""
    return parts.keys() <= {"diff_b", "b_norm", "alpha"} and bool(parts.keys() - {"alpha"})


def load_lora(path: Path, targets: Mapping[Layer, Target]) -> tuple[Change, ...]:
    """What a file does to the layers of a model.

    Shapes are compared before a tensor is read. Layers that the model lacks are left out with a warning.

    Args:
        path: the file.
        targets: layers of the model by the names of files.

    Raises:
        WeightsError: for a file that is damaged or no LoRA, or that is made for another family of models.
    """
    lora = open_lora(path)
    fitting = {layer: parts for layer, parts in lora.layers.items() if layer in targets}
    if not fitting:
        raise _foreign(lora, f"none of its {len(lora.layers)} layers is in this model")
    file = lora.file
    small = file.read(key for parts in fitting.values() for part, key in parts.items() if part in SCALARS)
    for layer, parts in fitting.items():
        _check(lora, targets[layer], {part: small.get(key, _sketch(file, key)) for part, key in parts.items()})
    unused = len(lora.others) + sum(len(parts) for layer, parts in lora.layers.items() if layer not in targets)
    if unused:
        log.warning("%s: %d of %d tensors are for nothing in this model and left out", path, unused, len(file.shapes))
    tensors = file.read(key for parts in fitting.values() for key in parts.values())
    broken = [key for key, tensor in tensors.items() if not is_finite(tensor)]
    if broken:
        raise WeightsError(f"NaN or infinity in {broken[0]}", where=str(path), way_out="The file is damaged")
    strengths = _peft_strengths(lora)
    return tuple(
        Change(targets[layer], {part: tensors[key] for part, key in parts.items()} | strengths.get(layer, {}))
        for layer, parts in fitting.items()
    )


def _sketch(file: WeightsFile, key: str) -> Tensor:
    """A tensor's shape without its numbers."""
    return torch.empty(file.shapes[key], device="meta")


def _check(lora: LoraFile, target: Target, parts: Parts) -> None:
    """Raises WeightsError if the parts of a layer do not fit the model's."""
    weight = target.module.weight
    assert isinstance(weight, nn.Parameter), target.name
    try:
        weight_change(parts, torch.empty(weight.shape, device="meta"))
        bias = bias_change(parts)
        if bias is not None and bias.shape != weight.shape[:1]:
            raise WeightsError(f"a bias of {tuple(bias.shape)} for {len(weight)} outputs")
        if bias is not None and not hasattr(target.module, "bias"):
            raise WeightsError("a bias for a layer that has none")
    except WeightsError as fault:
        raise _foreign(lora, f"{target.name}: {fault.what}") from fault


def _foreign(lora: LoraFile, what: str) -> WeightsError:
    """The error for a file that does not fit, saying what it was made for as far as that is known."""
    made_for = lora.model or lora.file.metadata.get("ss_base_model_version", "")[:40] or "another family"
    return WeightsError(
        f"does not fit this model ({what}); it is made for {made_for}",
        where=str(lora.file.path),
        way_out="Use it with a model of the family it was trained on",
    )


def _peft_strengths(lora: LoraFile) -> dict[Layer, dict[str, Tensor]]:
    """The strength of each layer where peft's settings in the header give one.

    Raises:
        WeightsError: if they cannot be read.
    """
    text = lora.file.metadata.get(PEFT_SETTINGS)
    if text is None:
        return {}
    try:
        if len(text) > LONGEST_SETTINGS:
            raise ValueError(f"{len(text)} characters")
        settings = json.loads(text)
        return {
            layer: {"scale": torch.tensor(_peft_strength(settings, layer, lora.file.shapes[parts["down"]][0]))}
            for layer, parts in lora.layers.items()
            if "down" in parts and "alpha" not in parts and f"{layer.network}.lora_alpha" in settings
        }
    except (ValueError, TypeError, ArithmeticError, RecursionError) as fault:
        raise WeightsError(
            f"{PEFT_SETTINGS} in its header makes no sense ({fault})", where=str(lora.file.path)
        ) from fault


def _peft_strength(settings: Mapping[str, Any], layer: Layer, rank: int) -> float:
    """alpha / rank, or alpha / √rank where the file asks for it (rsLoRA, Kalajdzievski 2023)."""
    own = dict(settings.get(f"{layer.network}.alpha_pattern") or {})
    named = (value for name, value in own.items() if f"_{layer.name}".endswith(f"_{name.replace('.', '_')}"))
    alpha = float(next(named, settings[f"{layer.network}.lora_alpha"]))
    return alpha / (math.sqrt(rank) if settings.get(f"{layer.network}.use_rslora") else rank)

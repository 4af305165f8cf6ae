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
from diffusion.models.deltas import RANKED, SCALARS, Parts, bias_change, family_of, weight_change
from diffusion.models.family import TEXT_WIDTHS, Family
from diffusion.models.lora_names import Layer, Target, parsed
from diffusion.models.networks import is_finite
from diffusion.models.overlay import Change
from diffusion.models.peft_folder import open_adapter
from diffusion.models.weights_file import WeightsFile, open_weights

log = logging.getLogger(__name__)
PEFT_SETTINGS = "lora_adapter_metadata"  # in the header of files by diffusers
BUNDLED = "bundle_emb."  # what the keys of embeddings in a LoRA's file begin with
HAS_RANKS = {*RANKED, "lokr_w1"}  # parts of the layers that peft's alpha is for
LONGEST_SETTINGS = 1 << 20  # characters


@dataclass(frozen=True, slots=True)
class LoraFile:
    """What a LoRA file holds; only its header was read."""

    file: WeightsFile
    layers: Mapping[Layer, Mapping[str, str]]  # for each layer the keys of its parts
    words: tuple[str, ...]  # keys of embeddings that lie in the same file
    others: tuple[str, ...]  # keys of no known scheme
    settings: Mapping[str, Any]  # of peft, as in "unet.lora_alpha"; untrusted

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
    """A LoRA or LyCORIS file with kohya's, diffusers' or peft's names, or a folder of peft's.

    Raises:
        WeightsError: for a file that is missing, damaged, dangerous, or no LoRA.
    """
    file, settings = open_adapter(path) if path.is_dir() else _with_settings(open_weights(path))
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
    return LoraFile(file, known, words, tuple(others), settings)


def _with_settings(file: WeightsFile) -> tuple[WeightsFile, dict[str, Any]]:
    """The file, and the settings of peft in its header, if there are any."""
    text = file.metadata.get(PEFT_SETTINGS, "{}")
    try:
        if len(text) > LONGEST_SETTINGS:
            raise ValueError(f"{len(text)} characters")
        return file, dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as fault:
        raise _senseless(file, fault) from fault


def _senseless(file: WeightsFile, fault: Exception) -> WeightsError:
    return WeightsError(f"{PEFT_SETTINGS} makes no sense ({fault})", where=str(file.path))


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
    lora, fitting = checked_lora(path, targets)
    file = lora.file
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


def checked_lora(path: Path, targets: Mapping[Layer, Target]) -> tuple[LoraFile, Mapping[Layer, Mapping[str, str]]]:
    """A file, and those of its layers that the model has; their shapes are compared, their tensors not read.

    Layers that are alike in all their shapes are looked at once: most of a model's are.

    Raises:
        WeightsError: for a file that is damaged or no LoRA, or that is made for another family of models.
    """
    lora = open_lora(path)
    fitting = {layer: parts for layer, parts in lora.layers.items() if layer in targets}
    if not fitting:
        raise _foreign(lora, f"none of its {len(lora.layers)} layers is in this model")
    file = lora.file
    small = file.read(key for parts in fitting.values() for part, key in parts.items() if part in SCALARS)
    seen: set[tuple[object, ...]] = set()
    for layer, parts in fitting.items():
        module = targets[layer].module
        turned = bool(small[parts["on_input"]].any()) if "on_input" in parts else None  # tells which side is meant
        shapes = frozenset((part, file.shapes[key]) for part, key in parts.items())
        kind = module.weight.shape, hasattr(module, "bias"), turned, shapes
        if kind not in seen:
            _check(lora, targets[layer], {part: small.get(key, _sketch(file, key)) for part, key in parts.items()})
            seen.add(kind)
    return lora, fitting


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
    """The strength of each layer where peft's settings give one.

    Raises:
        WeightsError: if they make no sense.
    """
    try:
        return {
            layer: {"scale": torch.tensor(_peft_strength(lora, layer, parts))}
            for layer, parts in lora.layers.items()
            if "alpha" not in parts and parts.keys() & HAS_RANKS and f"{layer.network}.lora_alpha" in lora.settings
        }
    except (ValueError, TypeError, ArithmeticError) as fault:
        raise _senseless(lora.file, fault) from fault


def _peft_strength(lora: LoraFile, layer: Layer, parts: Mapping[str, str]) -> float:
    """alpha / rank, or alpha / √rank where the file asks for it (rsLoRA, Kalajdzievski 2023)."""
    ranked = next((lora.file.shapes[parts[name]][0] for name in RANKED if name in parts), None)
    rank = int(_peft_setting(lora, layer, "r", "rank_pattern")) if ranked is None else ranked
    alpha = _peft_setting(lora, layer, "lora_alpha", "alpha_pattern")
    return alpha / (math.sqrt(rank) if lora.settings.get(f"{layer.network}.use_rslora") else rank)


def _peft_setting(lora: LoraFile, layer: Layer, name: str, pattern: str) -> float:
    """A number for all layers of a network, or the one of the layer itself."""
    own = dict(lora.settings.get(f"{layer.network}.{pattern}") or {})
    named = (value for ending, value in own.items() if f"_{layer.name}".endswith(f"_{ending.replace('.', '_')}"))
    return float(next(named, lora.settings.get(f"{layer.network}.{name}", 0)))

"""Networks made from their settings and tensors, every tensor checked: there, of the right shape, finite."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn

from core.errors import WeightsError
from diffusion.models.autoencoder import PatchAutoencoder

Settings = Mapping[str, Any]  # a config.json
Tensors = Mapping[str, Tensor]

OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}  # until diffusers 0.12


def made_unet(settings: Settings, tensors: Tensors, dtype: torch.dtype) -> Any:
    """A diffusers UNet2DConditionModel on the processor.

    Raises:
        WeightsError: if settings and tensors do not make one.
    """
    return filled(empty_unet(settings), tensors, dtype, part="the UNet")


def empty_unet(settings: Settings) -> nn.Module:
    """A diffusers UNet2DConditionModel without numbers.

    Raises:
        WeightsError: if the settings do not make one.
    """
    from diffusers import UNet2DConditionModel

    _check_class(settings, "UNet2DConditionModel")
    return emptied(UNet2DConditionModel.from_config, settings, "the UNet")


def made_autoencoder(settings: Settings, tensors: Tensors, dtype: torch.dtype) -> Any:
    """A diffusers AutoencoderKL or AutoencoderTiny, or our own PatchAutoencoder, on the processor.

    Raises:
        WeightsError: if settings and tensors do not make one.
    """
    from diffusers import AutoencoderKL, AutoencoderTiny

    kinds = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny, "PatchAutoencoder": PatchAutoencoder}
    kind = kinds[_check_class(settings, *kinds)]
    named = {_new_attention_name(key): tensor for key, tensor in tensors.items()}
    return filled(emptied(kind.from_config, settings, "the autoencoder"), named, dtype, part="the autoencoder")


def made_text_encoder(settings: Settings, tensors: Tensors, dtype: torch.dtype) -> Any:
    """A transformers CLIPTextModel, or CLIPTextModelWithProjection where the settings say so, on the processor.

    Raises:
        WeightsError: if settings and tensors do not make one.
    """
    model = empty_text_encoder(settings)
    # transformers has moved the prefix in and out of the file format
    bare = {key.removeprefix("text_model."): tensor for key, tensor in tensors.items()}
    if hasattr(model, "text_model"):
        bare = {key if key.startswith("text_projection") else f"text_model.{key}": bare[key] for key in bare}
    return filled(model, bare, dtype, part="the text encoder")


def empty_text_encoder(settings: Settings) -> nn.Module:
    """What `made_text_encoder` makes, without numbers.

    Raises:
        WeightsError: if the settings do not make one.
    """
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    kinds = {"CLIPTextModel": CLIPTextModel, "CLIPTextModelWithProjection": CLIPTextModelWithProjection}
    name = (settings.get("architectures") or ["CLIPTextModel"])[0]
    kind = kinds[_check_class({"_class_name": name}, *kinds)]
    return emptied(lambda given: kind(CLIPTextConfig(**given)), settings, "the text encoder")


def filled(model: nn.Module, tensors: Tensors, dtype: torch.dtype, *, part: str) -> nn.Module:
    """The model with its tensors in place, in eval mode and never to be trained.

    Args:
        model: without memory for its parameters.
        tensors: by the model's names; more than it needs are left aside.
        part: which network it is; used in messages.

    Raises:
        WeightsError: for tensors that are missing, of another shape, or not finite.
    """
    wanted = model.state_dict()
    missing = [key for key in wanted if key not in tensors]
    if missing:
        raise WeightsError(f"{part} lacks {_listed(missing)}")
    misfits = [key for key in wanted if wanted[key].shape != tensors[key].shape]
    if misfits:
        key = misfits[0]
        raise WeightsError(
            f"{part} has {len(misfits)} tensors of another shape: "
            f"{key} is {tuple(tensors[key].shape)}, expected {tuple(wanted[key].shape)}"
        )
    cast_tensors = {key: tensors[key].to(dtype) for key in wanted}
    broken = [key for key, tensor in cast_tensors.items() if not is_finite(tensor)]
    if broken:
        raise WeightsError(
            f"{part} has NaN or infinity in {_listed(broken)}", way_out="The file is damaged: get it again"
        )
    model.load_state_dict(cast_tensors, assign=True)
    return model.eval().requires_grad_(False)


def is_finite(tensor: Tensor) -> bool:
    """Whether no element is NaN or infinite; no copy, and one pass unless something is amiss."""
    if tensor.numel() == 0 or torch.isfinite(tensor.sum(dtype=torch.promote_types(tensor.dtype, torch.float32))):
        return True
    smallest, largest = torch.aminmax(tensor)
    return bool(torch.isfinite(smallest) and torch.isfinite(largest))


def emptied(make: Any, settings: Settings, part: str) -> nn.Module:
    """A network without memory for its parameters, and no time spent on filling them at random."""
    from transformers.initialization import no_init_weights

    try:
        with init_empty_weights(), no_init_weights():
            return cast(nn.Module, make(dict(settings)))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError, RuntimeError) as fault:
        raise WeightsError(f"the settings of {part} make no network ({' '.join(str(fault).split())[:160]})") from fault


def _check_class(settings: Settings, *known: str) -> str:
    """The class that settings name.

    Raises:
        WeightsError: if it is none of the known ones.
    """
    name = settings.get("_class_name")
    if name not in known:
        raise WeightsError(f"a network of class {name!r}", way_out=f"Known: {', '.join(known)}")
    return str(name)


def _new_attention_name(key: str) -> str:
    """An autoencoder's tensor name as diffusers writes it today."""
    if ".attentions." not in key:
        return key
    return ".".join(OLD_ATTENTION.get(word, word) for word in key.split("."))


def _listed(keys: list[str]) -> str:
    """The first names and how many there are."""
    return f"{len(keys)} tensors ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})"

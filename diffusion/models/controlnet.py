"""Control networks: diffusers folders and original single files, checked against the model they steer."""

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.devices import ModelPool, resident
from core.errors import WeightsError
from diffusion.models.adapter import CLASS as ADAPTER
from diffusion.models.adapter import is_adapter, made_adapter, original_settings, renamed
from diffusion.models.control_files import control_identity, control_path
from diffusion.models.control_lora import hint_widths, is_control_lora, whole
from diffusion.models.files import weights_files
from diffusion.models.image_prompt import ImagePrompt, is_image_prompt, made_image_prompt
from diffusion.models.loaded import LoadedModel
from diffusion.models.networks import Settings, Tensors, emptied, filled
from diffusion.models.settings import read_settings
from diffusion.models.steerer import Added, Moment, Steerer
from diffusion.models.weights_file import WeightsFile, open_weights

log = logging.getLogger(__name__)
KIND = "control network"
OTHER_FILES = (  # (part of a tensor's name, what the file is)
    ("lora_up", "a LoRA"),
    ("model.diffusion_model.", "a checkpoint"),
)
SHAPE = ("in_channels", "block_out_channels", "cross_attention_dim", "layers_per_block", "addition_embed_type")


Network = Steerer | ImagePrompt
SOFT = 0.825  # from each layer to the one before, where the prompt counts more


class Eyes(nn.Module):
    """Stands where a ControlNet looks at its hint, which it would do anew at every step: takes what was seen once."""

    def __init__(self, network: nn.Module, *, is_bgr: bool) -> None:
        """Args: network: the layers that look; is_bgr: whether they want blue first."""
        super().__init__()
        self.network, self._is_bgr = network, is_bgr

    def looked(self, hints: Tensor) -> Tensor:
        """What is seen in hints, N x channels x H x W, 0..1."""
        found: Tensor = self.network(hints.flip(1) if self._is_bgr else hints)
        return found

    def forward(self, seen: Tensor) -> Tensor:
        """That itself."""
        return seen


@dataclass(frozen=True, slots=True)
class ControlNetwork:
    """One ControlNet in eval mode; shared, never changed."""

    name: str  # as the user wrote it
    identity: str  # checksum of its weights
    network: Any  # diffusers ControlNetModel
    channels: int  # of the hint: 3, or 6 for TemporalNet 2
    layers: int  # of what it adds, with the middle
    is_global: bool  # whether it says nothing of places, as "shuffle"

    def seen(self, hints: Tensor) -> list[Tensor]:
        """One tensor on the grid of the latents."""
        return [self.network.controlnet_cond_embedding.looked(hints)]

    def residuals(self, seen: Sequence[Tensor], moment: Moment) -> list[Tensor]:
        """To the skip connections, the shallowest first, then to the middle."""
        with resident(self.network, moment.latents.device):
            down, middle = self.network(
                moment.latents,
                moment.timesteps,
                moment.context,
                controlnet_cond=seen[0],
                added_cond_kwargs=moment.facts,
                return_dict=False,
            )
        return [*down, middle]

    def softness(self, layer: int) -> float:
        """Less the shallower the layer.

        Source: ControlNet's "My prompt is more important": 0.825^(12 - i) for layer i of 13; networks with fewer
        layers, as SDXL's ten, use the first ones of the same row.
        """
        last = max(self.layers, 13) - 1 if self.layers in (10, 13) else self.layers - 1
        return float(SOFT ** (last - layer))

    def added(self, residuals: list[Tensor]) -> Added:
        """To the skip connections and the middle."""
        return Added(residuals[:-1], residuals[-1])


def load_control(name: str, model: LoadedModel, pool: ModelPool, *, low_memory: bool = False) -> Network:
    """The ControlNet, ControlLoRA, T2I-Adapter or IP-Adapter, loaded the first time it is asked for.

    Args:
        name: a diffusers folder, a .safetensors or .pth file, a name in the models folders, or a hub id.
        model: what it is to steer.
        pool: keeps it.
        low_memory: whether it stays in the main memory until it is asked.

    Raises:
        WeightsError: if there is no such network, or it is damaged or made for another family of models.
    """
    path = control_path(name)
    options = (model.identity, model.dtype, low_memory)
    return pool.get(KIND, str(path), options, lambda: _loaded(name, path, model, stays=low_memory))


def _loaded(name: str, path: Path, model: LoadedModel, *, stays: bool) -> Network:
    """The network from its files, on the model's device unless it stays in the main memory."""
    try:
        if path.is_file() and is_image_prompt((file := open_weights(path)).shapes):
            return _prompting(name, made_image_prompt(name, control_identity(path), file, model), model, stays=stays)
        settings, tensors = _folder(path) if path.is_dir() else _single(path, model)
        make = made_adapter if settings.get("_class_name") == ADAPTER else _made_controlnet
        found = make(name, control_identity(path), settings, tensors, model)
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or name, way_out=fault.way_out) from fault
    if stays and model.device.type == "cpu":
        log.warning("%s: low memory has no effect where everything is in the main memory anyway", name)
    if not stays:
        found.network.to(model.device)
    return found


def _prompting(name: str, found: ImagePrompt, model: LoadedModel, *, stays: bool) -> ImagePrompt:
    """An image prompt on the model's device; it is small beside its CLIP, which looks once a picture."""
    if stays:
        log.warning("%s: low memory has no effect on an IP-Adapter", name)
    for part in (found.encoder, found.projection):
        part.to(model.device)
    return found


def _made_controlnet(
    name: str, identity: str, settings: Settings, tensors: Tensors, model: LoadedModel
) -> ControlNetwork:
    """A ControlNet on the processor."""
    _check_family(settings, model)
    network = _made(settings, tensors, model.dtype)
    config = network.config
    factor = 2 ** (len(config.conditioning_embedding_out_channels) - 1)
    if factor != model.autoencoder.factor:
        raise WeightsError(
            f"looks at hints of {factor} pixels a latent cell, {model.name} has {model.autoencoder.factor}"
        )
    is_global = bool(config.global_pool_conditions) or "shuffle" in Path(name).name.lower()
    layers = len(network.controlnet_down_blocks) + 1
    is_bgr = config.controlnet_conditioning_channel_order == "bgr"
    network.controlnet_cond_embedding = Eyes(network.controlnet_cond_embedding, is_bgr=is_bgr)
    network.register_to_config(controlnet_conditioning_channel_order="rgb")
    return ControlNetwork(name, identity, network, config.conditioning_channels, layers, is_global)


def _folder(path: Path) -> tuple[Settings, Tensors]:
    """Settings and tensors of a diffusers folder."""
    tensors: dict[str, torch.Tensor] = {}
    for file in map(open_weights, weights_files(path)):
        tensors |= file.read(file.shapes)
    return read_settings(path / "config.json"), tensors


def _single(path: Path, model: LoadedModel) -> tuple[Settings, Tensors]:
    """Settings and tensors of one file; what the file does not tell is as in the model's UNet."""
    from diffusers import ControlNetModel
    from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

    file = open_weights(path)
    if is_adapter(file.shapes):
        return _adapter(file)
    if not any("input_hint_block" in key or "controlnet_cond_embedding" in key for key in file.shapes):
        raise WeightsError(f"holds {_other(file.shapes)}", way_out="Give a ControlNet, a T2I-Adapter or an IP-Adapter")
    known = inspect.signature(ControlNetModel.__init__).parameters
    settings = {key: value for key, value in model.unet.config.items() if key in known}
    if is_control_lora(file):
        settings |= {**hint_widths(file), "_class_name": "ControlNetModel"}
        names = emptied(ControlNetModel.from_config, settings, "the ControlNet").state_dict()
        return settings, whole(file, names, model.unet)
    tensors = file.read(file.shapes)
    first = next((key for key in tensors if key.endswith("time_embed.0.weight")), None)
    if first is not None:
        context = next((t.shape[1] for key, t in tensors.items() if key.endswith("attn2.to_k.weight")), None)
        width = tensors[first].shape[1]
        if (width, context) != (settings["block_out_channels"][0], settings["cross_attention_dim"]):
            raise WeightsError(_misfit(model), way_out="Give one made for this family")
        try:
            tensors = convert_controlnet_checkpoint(tensors, settings)
        except (KeyError, IndexError, AttributeError, ValueError, RuntimeError, TypeError) as fault:
            raise WeightsError(f"the tensors are not named as in ControlNet ({type(fault).__name__})") from fault
    settings |= _hint_settings({key: t for key, t in tensors.items() if t is not None})
    return {**settings, "_class_name": "ControlNetModel"}, {k: t for k, t in tensors.items() if t is not None}


def _adapter(file: WeightsFile) -> tuple[Settings, Tensors]:
    """Settings and tensors of a T2I-Adapter."""
    bare = {key.removeprefix("module."): shape for key, shape in file.shapes.items()}
    if any(key.startswith("adapter.") for key in bare):
        raise WeightsError("is a part of a diffusers folder", way_out="Give the folder, which holds its settings too")
    settings = original_settings(bare)
    tensors = {key.removeprefix("module."): value for key, value in file.read(file.shapes).items()}
    return settings, renamed(tensors, settings)


def _hint_settings(tensors: Tensors) -> dict[str, Any]:
    """What the layers that look at the hint tell of themselves."""
    prefix = "controlnet_cond_embedding."
    first = tensors.get(f"{prefix}conv_in.weight")
    if first is None or first.ndim != 4:
        raise WeightsError("lacks the layers that look at the hint")
    widths = [first.shape[0]]
    while (block := tensors.get(f"{prefix}blocks.{2 * len(widths) - 1}.weight")) is not None:
        widths.append(block.shape[0])
    return {"conditioning_channels": first.shape[1], "conditioning_embedding_out_channels": tuple(widths)}


def _check_family(settings: Settings, model: LoadedModel) -> None:
    """Raises WeightsError for settings of a network whose results would not fit the model's UNet."""
    if settings.get("_class_name") != "ControlNetModel":
        raise WeightsError(
            f"holds a {settings.get('_class_name')}", way_out="Give a ControlNet, a T2I-Adapter or an IP-Adapter"
        )
    for key in SHAPE:
        own, theirs = settings.get(key), model.unet.config.get(key)
        if key in settings and (list(own) if isinstance(own, tuple | list) else own) != (
            list(theirs) if isinstance(theirs, tuple | list) else theirs
        ):
            raise WeightsError(_misfit(model), way_out="Give one made for this family")


def _made(settings: Settings, tensors: Tensors, dtype: torch.dtype) -> Any:
    """The network with its tensors, every one checked."""
    from diffusers import ControlNetModel

    network = emptied(ControlNetModel.from_config, settings, "the ControlNet")
    return filled(network, tensors, dtype, part="the ControlNet")


def _misfit(model: LoadedModel) -> str:
    return f"this ControlNet is made for another family of models than {model.name} ({model.family})"


def _other(shapes: Any) -> str:
    """What a file that is no ControlNet holds."""
    for part, kind in OTHER_FILES:
        if any(part in key for key in shapes):
            return kind
    return f"{len(shapes)} tensors that make no ControlNet"

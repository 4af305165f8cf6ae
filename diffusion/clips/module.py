"""Motion modules: diffusers folders and original single files, and a UNet set in motion by one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.devices import ModelPool
from core.errors import WeightsError
from diffusion.clips.families import Traits, channels, layers
from diffusion.clips.motion_files import motion_identity, traits_of
from diffusion.clips.names import PART, diffusers_name, renamed
from diffusion.models.files import weights_files
from diffusion.models.loaded import LoadedModel
from diffusion.models.networks import emptied, is_finite
from diffusion.models.settings import read_settings
from diffusion.models.weights_file import open_weights

KIND = "motion module"
HEADS = 8  # of temporal attention, where a file does not tell
SHARED = ("resnets", "attentions", "downsamplers", "upsamplers")  # parts of a block that a moving UNet borrows
BORROWED = ("conv_in", "time_proj", "time_embedding", "add_time_proj", "add_embedding", "encoder_hid_proj")
LAST = ("conv_norm_out", "conv_act", "conv_out")


@dataclass(frozen=True, slots=True)
class MotionModule:
    """One motion module: its tensors by diffusers' names and what they are."""

    name: str  # its path
    identity: str  # checksum of its files
    tensors: Mapping[str, Tensor]
    traits: Traits
    heads: int
    norm_groups: int | None  # None: as the UNet


def load_motion(path: Path, pool: ModelPool) -> MotionModule:
    """The module in a diffusers folder or an original file, read the first time it is asked for.

    Raises:
        WeightsError: if it is damaged or something else.
    """
    module: MotionModule = pool.get(KIND, str(path), None, lambda: _read(path))
    return module


def _read(path: Path) -> MotionModule:
    try:
        settings = read_settings(path / "config.json") if path.is_dir() else {}
        if settings and settings.get("_class_name") != "MotionAdapter":
            raise WeightsError(f"holds a {settings.get('_class_name')}", way_out="Give a MotionAdapter")
        traits = traits_of(path)
        tensors: dict[str, Tensor] = {}
        for file in map(open_weights, weights_files(path) if path.is_dir() else (path,)):
            named = {key: name for key in file.shapes if (name := diffusers_name(key)) is not None}
            tensors |= {named[key]: tensor for key, tensor in file.read(named).items()}
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or str(path), way_out=fault.way_out) from fault
    heads, groups = settings.get("motion_num_attention_heads", HEADS), settings.get("motion_norm_num_groups")
    return MotionModule(
        str(path),
        motion_identity(path),
        tensors,
        traits,
        heads if isinstance(heads, int) else HEADS,
        groups if isinstance(groups, int) else None,
    )


def check_fit(module: MotionModule, model: LoadedModel) -> None:
    """Raises WeightsError for a module that was made for another family of models."""
    shapes = {key: tuple(tensor.shape) for key, tensor in module.tensors.items()}
    config, own = model.unet.config, channels(shapes)
    if module.traits.base not in (None, model.family):
        raise WeightsError(
            f"{module.traits.name} sets models of the family {module.traits.base} in motion, "
            f"{model.name} is of {model.family}",
            where=module.name,
            way_out="Choose a model or a motion module of the other's family",
        )
    expected = (tuple(config.block_out_channels), config.layers_per_block)
    if (own, layers(shapes)) != expected:
        raise WeightsError(
            f"made for a UNet of {own} channels, {layers(shapes)} layers a block; {model.name} has "
            f"{expected[0]}, {expected[1]}",
            where=module.name,
            way_out="Choose a model or a motion module of the other's family",
        )


def moving_unet(model: LoadedModel, module: MotionModule) -> Any:
    """diffusers' UNetMotionModel that computes with the very layers of the model's UNet, and the module's between.

    Nothing is copied: a LoRA laid over the UNet acts here, too.

    Raises:
        WeightsError: for a module that does not fit.
    """
    from diffusers import UNetMotionModel

    check_fit(module, model)
    moving = emptied(UNetMotionModel.from_config, _settings(model.unet.config, module), "the moving UNet")
    unet = model.unet
    for name in (*BORROWED, *LAST):
        if hasattr(unet, name) and hasattr(moving, name):
            setattr(moving, name, getattr(unet, name))
    pairs = [
        *zip(moving.down_blocks, unet.down_blocks, strict=True),  # type: ignore[arg-type]
        *zip(moving.up_blocks, unet.up_blocks, strict=True),  # type: ignore[arg-type]
        (moving.mid_block, unet.mid_block),
    ]
    for block, own in pairs:
        for name in SHARED:
            if getattr(own, name, None) is not None:
                setattr(block, name, getattr(own, name))
    _fill(moving, module, model)
    return moving.eval().requires_grad_(False)


def _settings(config: Mapping[str, Any], module: MotionModule) -> dict[str, Any]:
    """Settings of the moving UNet; whatever else the UNet's settings hold does not touch its blocks' own layers."""
    import inspect

    from diffusers import UNetMotionModel

    known = inspect.signature(UNetMotionModel.__init__).parameters
    settings = {key: value for key, value in config.items() if key in known}
    for side in ("down", "up"):
        settings[f"{side}_block_types"] = moving_blocks(config, side)
    settings["num_attention_heads"] = config.get("num_attention_heads") or config["attention_head_dim"]
    settings["motion_num_attention_heads"] = module.heads
    settings["motion_max_seq_length"] = module.traits.positions
    settings["use_motion_mid_block"] = any(key.startswith("mid_block.") for key in module.tensors)
    return {**settings, "_class_name": "UNetMotionModel"}


def moving_blocks(config: Mapping[str, Any], side: str) -> list[str]:
    """The classes of the blocks that move, on the way down or up, by a UNet's settings."""
    name = side.capitalize()
    kinds = config[f"{side}_block_types"]
    return [f"CrossAttn{name}BlockMotion" if "CrossAttn" in kind else f"{name}BlockMotion" for kind in kinds]


def _fill(moving: Any, module: MotionModule, model: LoadedModel) -> None:
    """Puts the module's tensors into their places; position tables are computed, not read.

    Raises:
        WeightsError: for tensors that are missing, of another shape, or not finite.
    """
    for name, network in motion_transformers(moving):
        for key, place in network.state_dict().items():
            whole = f"{name}.{key}"
            if key.endswith("pos_embed.pe"):
                continue
            tensor = module.tensors.get(whole)
            if tensor is None or tensor.shape != place.shape:
                found = "lacks it" if tensor is None else f"has {tuple(tensor.shape)}"
                raise WeightsError(f"{whole} of {tuple(place.shape)}: the file {found}", where=module.name)
            if not is_finite(tensor):
                raise WeightsError(f"{whole} has NaN or infinity", where=module.name, way_out="Get the file again")
            owner, _, leaf = key.rpartition(".")
            own = network.get_submodule(owner)
            setattr(own, leaf, nn.Parameter(tensor.to(model.device, model.dtype), requires_grad=False))
        network.to(model.device, model.dtype)


def motion_transformers(moving: Any) -> list[tuple[str, nn.Module]]:
    """The module's parts in a moving UNet, by name."""
    return [(name, part) for name, part in moving.named_modules() if re.fullmatch(r".+\.motion_modules\.\d+", name)]


class Strengths:
    """How strong a module and its motion LoRAs are at each frame of the window that is being drawn.

    Hooks on a moving UNet; `set` is called before each call of it.
    """

    def __init__(self, moving: Any, loras: "Sequence[MotionLora]" = ()) -> None:
        """Args: moving: from `moving_unet`; loras: laid over it."""
        self._scale: Tensor | None = None  # N x F
        self._doses: dict[int, Tensor] = {}  # N x F, by the LoRA's place
        for _, part in motion_transformers(moving):
            part.register_forward_hook(self._scaled)
        layers_by_name = dict(moving.named_modules())
        for place, lora in enumerate(loras):
            for name, (down, up) in lora.layers.items():
                layer = layers_by_name.get(name)
                if not isinstance(layer, nn.Linear) or (layer.out_features, layer.in_features) != (
                    len(up),
                    len(down.T),
                ):
                    raise WeightsError(f"changes {name}, which does not fit this motion module", where=lora.name)
                layer.register_forward_hook(self._dosed(place, down, up))

    def set(self, scale: Tensor, doses: Sequence[Tensor]) -> None:
        """The numbers of the frames of N windows: of the module, and of each LoRA; N x F each."""
        self._scale = None if bool((scale == 1).all()) else scale
        self._doses = {place: dose for place, dose in enumerate(doses) if bool((dose != 0).any())}

    def _scaled(self, _part: Any, inputs: Any, output: Tensor) -> Tensor:
        if self._scale is None:
            return output
        still: Tensor = inputs[0]
        return torch.lerp(still, output, self._scale.to(output).view(-1, 1, 1, 1))

    def _dosed(self, place: int, down: Tensor, up: Tensor) -> Any:
        def hook(_layer: Any, inputs: Any, output: Tensor) -> Tensor:
            if place not in self._doses:
                return output
            change: Tensor = inputs[0] @ down.to(output).T @ up.to(output).T  # N * cells x F x width
            dose = self._doses[place].to(output)
            return output + dose.repeat_interleave(len(output) // len(dose), 0).unsqueeze(-1) * change

        return hook


@dataclass(frozen=True, slots=True)
class MotionLora:
    """A LoRA of a motion module: a camera move, as a rule."""

    name: str
    layers: Mapping[str, tuple[Tensor, Tensor]]  # (down, up with its strength in it) by the linear layer's name


DOWN = re.compile(r"(?:\.processor)?\.(to_q|to_k|to_v|to_out)(?:\.0)?(?:_lora|\.lora)[._](?:down|A)\.weight$")


def load_motion_lora(name: str, path: Path) -> MotionLora:
    """A motion LoRA in AnimateDiff's, diffusers' or peft's names.

    Raises:
        WeightsError: for a file that is damaged or something else.
    """
    file = open_weights(path)
    tensors = file.read(file.shapes)
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for key, down in tensors.items():
        if (place := DOWN.search(key)) is None:
            continue
        end = place[0].replace("lora_A", "lora_B").replace("down", "up")
        up = tensors.get(key[: place.start()] + end)
        stem = renamed(f"{key[: place.start()]}.").rstrip(".")
        layer = f"{stem}.{place[1]}" + (".0" if place[1] == "to_out" else "")
        if up is None or PART.fullmatch(layer) is None or up.shape[1] != len(down):
            raise WeightsError(f"{key} is no layer of a motion LoRA", where=str(path))
        alpha = tensors.get(key.replace("lora_down.weight", "alpha"))
        factor = 1.0 if alpha is None or "lora_down.weight" not in key else float(alpha) / len(down)
        found[layer] = (down.float(), up.float() * factor)
    if not found or not all(is_finite(part) for pair in found.values() for part in pair):
        raise WeightsError("holds no motion LoRA that can be used", where=str(path))
    return MotionLora(name, found)

"""What the keys of LoRA and LyCORIS files mean: which layer of which network, and which part of its change.

kohya's names are the module names of diffusers (for SDXL also those of the original UNet) with underscores for dots;
those of diffusers and peft keep the dots. Both come down to one `Layer`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from torch import nn

KOHYA = re.compile(r"lora_(unet|te1|te2|te)_(.+)")
PROCESSOR = re.compile(r"\.processor\.(to_[a-z]+)_lora\.")  # as diffusers wrote attention LoRAs until 0.20
TEXT_PROCESSOR = re.compile(r"\.self_attn\.to_(q|k|v|out)_lora\.")  # likewise, of text encoders
Side = Literal["unet", "text"]
NETWORKS = ("unet", "text_encoder", "text_encoder_2")
TEXT_PREFIX = "text_model_"  # in some files and not in others

PARTS = {  # how the end of a key is spelled: which part of a layer's change it is
    **dict.fromkeys(("lora_up.weight", "lora.up.weight", "lora_linear_layer.up.weight"), "up"),
    **dict.fromkeys(("lora_B.weight", "lora_B.default.weight"), "up"),
    **dict.fromkeys(("lora_down.weight", "lora.down.weight", "lora_linear_layer.down.weight"), "down"),
    **dict.fromkeys(("lora_A.weight", "lora_A.default.weight"), "down"),
    "lora_mid.weight": "mid",
    **{name: name for name in ("alpha", "scale", "dora_scale", "weight", "on_input", "diff", "diff_b")},
    **{name: name for name in ("w_norm", "b_norm", "oft_blocks", "oft_diag", "rescale")},
    **{name: name for name in ("bias_indices", "bias_values", "bias_size")},
    **{f"{name}.weight": name for name in ("a1", "a2", "b1", "b2")},
    **{f"hada_{name}": f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{name}": f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
}
LONGEST_FIRST = sorted(PARTS, key=len, reverse=True)

ORIGINAL_LAYERS = {  # of a UNet, by the start of their name in diffusers
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "conv_norm_out": "out.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.resnets.1": "middle_block.2",
}
ORIGINAL_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")


class Layer(NamedTuple):
    """A layer as a file names it."""

    network: str  # "unet", "te", "te1", "te2", "text_encoder" or "text_encoder_2"
    name: str  # with underscores for dots, without "text_model"


class Target(NamedTuple):
    """A layer of a model."""

    module: nn.Module  # has a parameter `weight`
    name: str  # with its network, for messages
    side: Side


def parsed(key: str) -> tuple[Layer, str] | None:
    """The layer and the part that a key of a file stands for; None if it follows no known scheme.

    parsed("lora_unet_mid_block_attentions_0.alpha")    Layer("unet", "mid_block_attentions_0"), "alpha"
    """
    key = PROCESSOR.sub(lambda found: f".{found[1]}{'.0' if found[1] == 'to_out' else ''}.lora.", key)
    key = TEXT_PROCESSOR.sub(r".self_attn.\1_proj.lora.", key)
    for ending in LONGEST_FIRST:
        if key.endswith(f".{ending}"):
            return _layer(key.removesuffix(f".{ending}")), PARTS[ending]
    return None


def _layer(stem: str) -> Layer:
    """The layer of a key without its part."""
    kohya = KOHYA.fullmatch(stem)
    if kohya:
        return Layer(kohya[1], kohya[2].removeprefix(TEXT_PREFIX))
    stem = stem.removeprefix("base_model.model.")
    network, _, name = stem.partition(".")
    if network not in NETWORKS:
        network, name = ("text_encoder" if stem.startswith("text_model.") else "unet"), stem
    return Layer(network, name.replace(".", "_").removeprefix(TEXT_PREFIX))


def targets(unet: Any, encoders: Sequence[nn.Module]) -> dict[Layer, Target]:
    """Every layer of a UNet and its text encoders by all the names that files have for it."""
    texts = (("te", "text_encoder"),) if len(encoders) == 1 else (("te1", "text_encoder"), ("te2", "text_encoder_2"))
    found = dict(unet_targets(unet))
    for names, encoder in zip(texts, encoders, strict=True):
        for name, module in _weighted(encoder):
            bare = name.replace(".", "_").removeprefix(TEXT_PREFIX)
            found |= {Layer(network, bare): Target(module, f"{names[-1]}.{name}", "text") for network in names}
    return found


def unet_targets(unet: Any) -> Iterator[tuple[Layer, Target]]:
    """Layers of a UNet under their diffusers names and, where they have one, under their original names."""
    layers = dict(_weighted(unet))
    rows = unet.config.layers_per_block
    for name, module in layers.items():
        target = Target(module, f"unet.{name}", "unet")
        yield Layer("unet", name.replace(".", "_")), target
        original = original_name(name, layers, rows) if isinstance(rows, int) else None
        if original is not None:
            yield Layer("unet", original.replace(".", "_")), target


def _weighted(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a network that hold weights themselves."""
    for name, module in network.named_modules():
        if isinstance(getattr(module, "weight", None), nn.Parameter):
            yield name, module


def original_name(name: str, layers: Mapping[str, object], rows: int) -> str | None:
    """A UNet layer's name in the code bases of Stability AI; None for layers that they do not have.

        original_name("down_blocks.1.attentions.0.proj_in", layers, 2)    "input_blocks.4.1.proj_in"

    Args:
        name: in diffusers.
        layers: all of the UNet.
        rows: resnets in one of its down blocks.

    Source: the block order of openaimodel.py in CompVis/stable-diffusion; one list of inputs, one of outputs.
    """
    for start, original in ORIGINAL_LAYERS.items():
        if name == start or name.startswith(f"{start}."):
            rest = name.removeprefix(start).removeprefix(".")
            return f"{original}.{ORIGINAL_RESNET.get(rest, rest)}".rstrip(".")
    found = BLOCK.fullmatch(name)
    if found is None:
        return None
    side, block, kind, number, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    first = block * (rows + 1)
    if kind == "downsamplers":
        return f"input_blocks.{first + rows + 1}.0.op"
    if kind == "upsamplers":
        attends = any(layer.startswith(f"up_blocks.{block}.attentions.") for layer in layers)
        return f"output_blocks.{first + rows}.{2 if attends else 1}.{rest}"
    row = f"input_blocks.{first + 1 + number}" if side == "down" else f"output_blocks.{first + number}"
    return f"{row}.1.{rest}" if kind == "attentions" else f"{row}.0.{ORIGINAL_RESNET.get(rest, rest)}"

"""ControlLoRA: a ControlNet as the low-rank difference of its layers from those of the UNet it steers.

Source: the file layout of Stability AI's control-lora: under the original names, `NAME.up` and `NAME.down` for a layer
that differs, the full tensors of what a UNet does not have.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from core.errors import WeightsError
from diffusion.models.lora_names import original_name
from diffusion.models.weights_file import WeightsFile

MARK = "lora_controlnet"  # a tensor that is there to tell what the file is
HINT_LAST = 14  # number of the last layer that looks at the hint, in the original naming


def is_control_lora(file: WeightsFile) -> bool:
    """Whether a file is one."""
    return MARK in file.shapes or any(key.startswith("input_blocks.") and key.endswith(".up") for key in file.shapes)


def hint_widths(file: WeightsFile) -> dict[str, Any]:
    """What the layers that look at the hint tell of the network's settings.

    Raises:
        WeightsError: if they are not there.
    """
    first = file.shapes.get("input_hint_block.0.weight")
    if first is None or len(first) != 4:
        raise WeightsError("lacks the layers that look at the hint")
    widths, block = [first[0]], 2
    while (shape := file.shapes.get(f"input_hint_block.{block}.weight")) is not None and block < HINT_LAST:
        if block % 4 == 0:  # each pair of layers ends in the wider one
            widths.append(shape[0])
        block += 2
    return {"conditioning_channels": first[1], "conditioning_embedding_out_channels": tuple(widths)}


def whole(file: WeightsFile, wanted: Mapping[str, Any], unet: Any) -> dict[str, Tensor]:
    """All tensors of the ControlNet, by their names in diffusers.

    Args:
        file: a ControlLoRA.
        wanted: the names that the ControlNet has.
        unet: of the model that it steers, and that its differences are from.

    Raises:
        WeightsError: if a difference does not fit the UNet.
    """
    own, rows = unet.state_dict(), unet.config.layers_per_block
    given = file.read(file.shapes)
    found: dict[str, Tensor] = {}
    for key in wanted:
        module, _, part = key.rpartition(".")
        name = _control_name(module) or original_name(module, {}, rows)
        if name is None:
            continue
        if f"{name}.{part}" in given:
            found[key] = given[f"{name}.{part}"]
        elif key in own:
            base = own[key].float().cpu()
            up, down = given.get(f"{name}.up"), given.get(f"{name}.down")
            found[key] = base if part != "weight" or up is None or down is None else base + _product(up, down, base)
    return found


def _product(up: Tensor, down: Tensor, base: Tensor) -> Tensor:
    """The difference of one layer."""
    try:
        return (up.float().flatten(1) @ down.float().flatten(1)).reshape(base.shape)
    except RuntimeError as fault:
        raise WeightsError(
            f"a difference of {tuple(up.shape)} and {tuple(down.shape)} does not fit a layer of {tuple(base.shape)}",
            way_out="It is made for another family of models",
        ) from fault


def _control_name(module: str) -> str | None:
    """The original name of a layer that a UNet does not have; None for all others."""
    head, _, rest = module.partition(".")
    if head == "controlnet_down_blocks":
        return f"zero_convs.{rest}.0"
    if head == "controlnet_mid_block":
        return "middle_block_out.0"
    if head != "controlnet_cond_embedding":
        return None
    block = re.fullmatch(r"blocks\.(\d+)", rest)
    if block:
        return f"input_hint_block.{2 * (int(block[1]) + 1)}"
    return f"input_hint_block.{0 if rest == 'conv_in' else HINT_LAST}"

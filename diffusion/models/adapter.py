"""T2I-Adapters: small networks that look at the hint once, whatever the noise; folders and original single files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from torch import Tensor
from torch.nn import functional

from core.errors import WeightsError
from diffusion.models.family import Shapes
from diffusion.models.loaded import LoadedModel
from diffusion.models.networks import Settings, Tensors, emptied, filled
from diffusion.models.steerer import Added, Moment

CLASS = "T2IAdapter"
SOFT = (0.25, 0.62, 0.825, 1.0)  # of its layers, where the prompt counts more; the web UI's
FINE, COARSE = 8, 16  # pixels of the hint for a cell of SD 1.x and SDXL adapters
PER_BLOCK = {"full_adapter": 2, "full_adapter_xl": 2}  # resnets of a block in the original files
_PART = re.compile(r"body\.(\d+)\.(.+)")


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter in eval mode; shared, never changed."""

    name: str  # as the user wrote it
    identity: str  # checksum of its weights
    network: Any  # diffusers T2IAdapter
    channels: int  # of the hint: 3, or 1 for lines and depth
    layers: int
    is_global: bool = False

    def seen(self, hints: Tensor) -> list[Tensor]:
        """One tensor for each block of the UNet. Hints are continued to whole cells."""
        factor = self.network.downscale_factor
        below, right = (-side % factor for side in hints.shape[2:])
        return list(self.network(functional.pad(hints, (0, right, 0, below), mode="replicate")))

    def residuals(self, seen: Sequence[Tensor], moment: Moment) -> list[Tensor]:
        """What it has seen: the same at every step."""
        return list(seen)

    def softness(self, layer: int) -> float:
        """As the web UI has it for four layers."""
        return SOFT[layer - self.layers] if self.layers <= len(SOFT) else 1.0

    def added(self, residuals: list[Tensor]) -> Added:
        """Inside the down blocks."""
        return Added(inner=residuals)


def made_adapter(name: str, identity: str, settings: Settings, tensors: Tensors, model: LoadedModel) -> Adapter:
    """The adapter, on the processor.

    Raises:
        WeightsError: if it is made for another family, or tensors are missing or damaged.
    """
    from diffusers import T2IAdapter

    widths = list(settings.get("channels", ()))
    widths += widths[-1:] if settings.get("adapter_type") == "light_adapter" else []
    own = list(model.unet.config.block_out_channels)
    is_xl = model.unet.config.addition_embed_type == "text_time"
    if widths[: len(own)] != own or (settings.get("adapter_type") == "full_adapter_xl") != is_xl:
        what = f"this T2I-Adapter is made for another family of models than {model.name} ({model.family})"
        raise WeightsError(what, way_out="Give one made for this family")
    network = filled(emptied(T2IAdapter.from_config, settings, "the adapter"), tensors, model.dtype, part="the adapter")
    return Adapter(name, identity, network, int(settings["in_channels"]), len(widths))


def is_adapter(shapes: Shapes) -> bool:
    """Whether a file holds a T2I-Adapter, in the original naming or that of diffusers."""
    return any(re.match(r"(adapter\.)?body\.0\.", key) for key in shapes)


def original_settings(shapes: Shapes) -> dict[str, Any]:
    """The settings of a single file in the original naming, told from its shapes.

    Raises:
        WeightsError: if they make no adapter.
    """
    numbers = sorted({int(found[1]) for key in shapes if (found := _PART.fullmatch(key))})
    if "conv_in.weight" not in shapes:
        widths = [shapes[key][0] for n in numbers if (key := f"body.{n}.out_conv.weight") in shapes]
        first = shapes.get("body.0.in_conv.weight")
        if first is None or len(widths) < 2:
            raise WeightsError("its tensors are not named as in a T2I-Adapter")
        rows = len({key.split(".")[3] for key in shapes if key.startswith("body.0.body.")})
        return _settings(first[1], widths[:-1], rows, "light_adapter", FINE)
    rows = PER_BLOCK["full_adapter"]
    widths = [shapes[f"body.{n}.block2.weight"][0] for n in numbers[::rows] if f"body.{n}.block2.weight" in shapes]
    seen = shapes["conv_in.weight"][1]
    if seen in (COARSE**2, 3 * COARSE**2):
        return _settings(seen, widths, rows, "full_adapter_xl", COARSE)
    return _settings(seen, widths, rows, "full_adapter", FINE)


def _settings(seen: int, widths: list[int], rows: int, kind: str, factor: int) -> dict[str, Any]:
    channels = seen // factor**2
    if channels not in (1, 3) and isqrt(seen // 3) ** 2 * 3 == seen:  # of another latent cell than the public ones
        channels, factor = 3, isqrt(seen // 3)
    return {
        "_class_name": CLASS,
        "in_channels": channels,
        "channels": widths,
        "num_res_blocks": rows,
        "downscale_factor": factor,
        "adapter_type": kind,
    }


def renamed(tensors: Tensors, settings: Settings) -> dict[str, Tensor]:
    """Tensors of an original file, `body.5.block1.weight` and the like, by their names in diffusers.

    Args:
        tensors: of the file.
        settings: as `original_settings` gives them.
    """
    rows, is_light = settings["num_res_blocks"], settings["adapter_type"] == "light_adapter"
    name = _light_name if is_light else lambda place, rest: _full_name(place, rest, rows)
    found = ((_PART.fullmatch(key), key, value) for key, value in tensors.items())
    return {f"adapter.{name(int(part[1]), part[2]) if part else key}": value for part, key, value in found}


def _light_name(place: int, rest: str) -> str:
    """A light adapter keeps the rows of a block in a body of their own."""
    row = rest.removeprefix("body.")
    return f"body.{place}.{rest if row == rest else f'resnets.{row}'}"


def _full_name(place: int, rest: str, rows: int) -> str:
    """A full adapter counts rows through all blocks."""
    block, row = divmod(place, rows)
    return f"body.{block}.{rest if rest.startswith('in_conv') else f'resnets.{row}.{rest}'}"

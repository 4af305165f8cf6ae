"""How different two pictures look: LPIPS on AlexNet, where its weights are at hand."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.devices import ModelPool, chosen_device
from core.errors import MediaError, WeightsError
from core.image import Image, Size, to_float
from core.weights import model_folders

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER = "lpips"  # in a models folder: one file with everything, or the trunk's and the heads'
ENDINGS = (".safetensors", ".pth", ".pt")
NO_WEIGHTS = "AlexNet's features and the heads of LPIPS belong into a folder `lpips` of a models folder"
SMALLEST = 32  # pixels of a side; smaller pictures leave nothing of the trunk's last maps
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of levels -1..1, by channel
LAYERS = ((0, 64, 11, 4, 2), (3, 192, 5, 1, 2), (6, 384, 3, 1, 1), (8, 256, 3, 1, 1), (10, 256, 3, 1, 1))
POOLED = (0, 1)  # layers after which maps are halved
_TRUNK = re.compile(r"(?:net\.slice\d\.|features\.)(\d+)\.(weight|bias)")
_HEAD = re.compile(r"(?:lin|lins\.)(\d)\.model\.1\.weight")


@dataclass(frozen=True, slots=True)
class Lpips:
    """A distance that people agree with: 0 for the same picture, about 0.1 for a slight, 0.5 for a great difference.

    Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018; AlexNet.
    """

    files: tuple[Path, ...]
    pool: ModelPool

    def distance(self, one: Image, other: Image) -> float:
        """Of two pictures of one size, each side SMALLEST or more.

        Raises:
            MediaError: if they are smaller.
            WeightsError: if the files hold no such network.
        """
        import torch

        if min(one.shape[:2]) < SMALLEST:
            raise MediaError(f"{Size.of(one)} is too small for LPIPS", way_out=f"Sides of {SMALLEST} pixels or more")
        trunk, heads = self.pool.get("metric", "lpips", self.files, lambda: _loaded(self.files))
        device = heads[0].device
        pair = np.stack([to_float(one), to_float(other)])
        x = torch.from_numpy(pair).permute(0, 3, 1, 2).to(device) * 2 - 1
        x = (x - x.new_tensor(SHIFT)[:, None, None]) / x.new_tensor(SCALE)[:, None, None]
        total = 0.0
        with torch.inference_mode():
            for n, (conv, head) in enumerate(zip(trunk, heads, strict=True)):
                x = torch.relu(conv(x))
                maps = x / (x.norm(dim=1, keepdim=True) + 1e-10)
                total += float(((maps[0] - maps[1]) ** 2 * head).sum(0).mean())
                x = torch.max_pool2d(x, 3, 2) if n in POOLED else x
        return total


def found() -> tuple[Path, ...]:
    """The weights in the first models folder that has a folder `lpips`; none if there is none."""
    for folder in model_folders():
        files = tuple(sorted(file for file in (folder / FOLDER).glob("*") if file.suffix in ENDINGS))
        if files:
            return files
    return ()


def _loaded(files: tuple[Path, ...]) -> "tuple[list[nn.Module], list[Tensor]]":
    """The trunk's convolutions and each one's weights by channel."""
    from torch import nn

    from interpolation.models._weights import tensors_in

    held: dict[str, Tensor] = {}
    for file in files:
        for name, tensor in tensors_in(file).items():
            if match := _TRUNK.fullmatch(name):
                held[f"{match[1]}.{match[2]}"] = tensor.float()
            elif match := _HEAD.fullmatch(name):
                held[f"head {match[1]}"] = tensor.float()
    device = chosen_device()
    trunk: list[nn.Module] = []
    heads: list[Tensor] = []
    channels = [3, *(width for _, width, *_ in LAYERS)]
    try:
        for n, ((before, after), (place, _, side, stride, edge)) in enumerate(
            zip(pairwise(channels), LAYERS, strict=True)
        ):
            conv = nn.Conv2d(before, after, side, stride, edge)
            conv.load_state_dict({kind: held[f"{place}.{kind}"] for kind in ("weight", "bias")})
            trunk.append(conv.to(device).eval().requires_grad_(False))
            heads.append(held[f"head {n}"].reshape(after, 1, 1).to(device))
    except (KeyError, RuntimeError) as fault:
        way_out = "Needed are AlexNet's features and the heads of LPIPS, in one file or two"
        raise WeightsError(f"no LPIPS on AlexNet ({fault})", where=str(files[0].parent), way_out=way_out) from fault
    return trunk, heads

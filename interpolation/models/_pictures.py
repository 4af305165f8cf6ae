"""What the networks share: pictures in, the picture between them out, and the file that a name stands for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import WeightsError
from core.image import Image, rounded, to_float
from core.weights import local_path

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "model.safetensors"  # in a folder


def weights_file(name: str, *, purpose: str, way_out: str) -> Path:
    """The file that a path or a name in the models folders stands for.

    Raises:
        WeightsError: if there is none; `way_out` says where such weights come from.
    """
    try:
        path = local_path(name, purpose=f"{purpose} weights")
    except WeightsError as fault:
        raise WeightsError(f"no {purpose} weights {name!r}", way_out=way_out) from fault
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise WeightsError(f"there is no {WEIGHTS}", where=str(path), way_out="Give the file of the weights")
    return file


def between_by(
    network: "nn.Module", make: "Callable[[Tensor, Tensor, Tensor], Tensor]", pair: tuple[Image, Image],
    time: float, stride: int,
) -> Image:  # fmt: skip
    """The picture that a network makes of two, which are continued by their edges to a size it can take.

    Args:
        network: says device and dtype.
        make: takes both pictures as 1 x 3 x H x W, 0..1, and the time as 1 x 1; gives such a picture.
        pair: uint8, H x W x 3, RGB.
        time: between 0 (the first) and 1 (the second).
        stride: sides that the network takes are multiples of it, pixels.
    """
    import torch

    height, width = pair[0].shape[:2]
    parameter = next(network.parameters())
    fill = ((0, -height % stride), (0, -width % stride), (0, 0))
    one, other = (
        torch.from_numpy(to_float(np.pad(image, fill, mode="edge"))).permute(2, 0, 1)[None].to(parameter)
        for image in pair
    )
    with torch.inference_mode():
        made = make(one, other, torch.full((1, 1), time).to(parameter))
    return rounded(made[0].permute(1, 2, 0).float().cpu().numpy()[:height, :width] * 255)

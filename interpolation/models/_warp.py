"""What the networks share: reading tensors at moved places."""

import torch
from torch import Tensor
from torch.nn import functional


def warped(values: Tensor, flow: Tensor) -> Tensor:
    """Values moved by a flow: output(p) = values(p + flow(p)), bilinear, the edge goes on outside.

    Args:
        values: N x C x H x W.
        flow: N x 2 x H x W, (dx, dy) in pixels.
    """
    height, width = values.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + 0.5
    grid = torch.stack([(x + flow[:, 0]) * (2 / width) - 1, (y + flow[:, 1]) * (2 / height) - 1], -1)
    return functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)

"""The network of the mini depth model."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

FARTHEST = 100.0  # the largest depth the network can give; the smallest is 1


def in_float(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights stored in half precision, in the precision they are computed with."""
    return {name: values.float() for name, values in weights.items()}


class _Residual(nn.Module):
    """x + conv(silu(conv(silu(norm(x)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.second(functional.silu(self.first(functional.silu(self.norm(x)))))
        return x + changed


class DepthNetwork(nn.Module):
    """A small U of convolutions: pictures N x 3 x H x W in 0..1 to N x 1 x H/2 x W/2, log depth over log FARTHEST.

    Sides are multiples of 16. About a million parameters.
    """

    def __init__(self) -> None:
        """Random weights; `build` loads trained ones."""
        super().__init__()
        self.stem = nn.Conv2d(12, 24, 3, padding=1)
        self.down_1 = nn.Sequential(nn.Conv2d(24, 40, 3, stride=2, padding=1), _Residual(40))
        self.down_2 = nn.Sequential(nn.Conv2d(40, 80, 3, stride=2, padding=1), _Residual(80))
        self.down_3 = nn.Sequential(nn.Conv2d(80, 128, 3, stride=2, padding=1), _Residual(128), _Residual(128))
        self.up_2 = nn.Conv2d(128, 80, 1)
        self.join_2 = _Residual(80)
        self.up_1 = nn.Conv2d(80, 40, 1)
        self.join_1 = _Residual(40)
        self.up_0 = nn.Conv2d(40, 24, 1)
        self.head = nn.Sequential(nn.Conv2d(24, 24, 3, padding=1), nn.SiLU(), nn.Conv2d(24, 1, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """0 is distance 1, 1 is distance FARTHEST."""
        fine = functional.silu(self.stem(functional.pixel_unshuffle(pictures * 2 - 1, 2)))
        half = self.down_1(fine)
        quarter = self.down_2(half)
        joined = self.join_2(quarter + _twice(self.up_2(self.down_3(quarter))))
        joined = self.join_1(half + _twice(self.up_1(joined)))
        return torch.sigmoid(self.head(fine + _twice(self.up_0(joined))))


def _twice(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

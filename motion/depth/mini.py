"""Small depth model of our own, trained on drawn scenes; needs no download."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from core.devices import ModelPool, chosen_device
from core.errors import WeightsError
from core.hashing import file_fingerprint
from core.image import DepthMap, Image, to_float
from core.weights import local_path

FARTHEST = 100.0  # the largest depth the network can give; the smallest is 1
SHORT_SIDE = 96  # pixels of the picture the network looks at
_STRIDE = 16  # sides of that picture are multiples of it
_SMALLEST_SHARE = 1 / 8  # a picture longer than 8 times its height is looked at with less height
WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the mini depth model."""

    model: str = "mini/depth"  # folder with model.safetensors: a path, or a name in the models folders


@dataclass(frozen=True, slots=True)
class MiniDepth:
    """Depth of each picture by itself on one fixed scale, so that it does not breathe from frame to frame."""

    network: "DepthNetwork"
    identity: str

    def estimate(self, image: Image, frame: int) -> DepthMap:
        """float32, H x W, 1 (near) to 100 (sky); the same picture gives the same depth.

        Args:
            image: uint8, H x W x 3, RGB.
            frame: not used.
        """
        height, width = image.shape[:2]
        seen = cv2.resize(image, looked_at(width, height), interpolation=cv2.INTER_AREA)
        device = next(self.network.parameters()).device
        picture = torch.from_numpy(to_float(seen)).permute(2, 0, 1)[None].to(device)
        with torch.inference_mode():
            share = self.network(picture)[0, 0].float().cpu().numpy()
        full = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.exp(np.clip(full, 0, 1) * np.float32(math.log(FARTHEST))), np.float32)


def build(options: Options, pool: ModelPool) -> MiniDepth:
    """The estimator with its weights loaded.

    Raises:
        WeightsError: if the weights are missing or of another network.
    """
    return pool.get("depth", "mini", options, lambda: _loaded(local_path(options.model, purpose="depth model")))


def looked_at(width: int, height: int) -> tuple[int, int]:
    """Width and height of the picture the network looks at: about SHORT_SIDE on the short side."""
    scale = SHORT_SIDE / max(min(width, height), max(width, height) * _SMALLEST_SHARE)
    return _rounded(width * scale), _rounded(height * scale)


def _rounded(side: float) -> int:
    """The nearest multiple of the stride, at least one."""
    return max(1, round(side / _STRIDE)) * _STRIDE


def _loaded(folder: Path) -> MiniDepth:
    """The estimator from a folder."""
    file = folder / WEIGHTS if folder.is_dir() else folder
    if not file.is_file():
        raise WeightsError(f"{file} does not exist", way_out="Train it with: python -m training.mini depth")
    network = DepthNetwork()
    try:
        network.load_state_dict(in_float(load_file(file)))
    except (RuntimeError, ValueError) as fault:
        raise WeightsError(f"{file} holds no weights of the mini depth model") from fault
    return MiniDepth(network.eval().to(chosen_device()), f"mini {file_fingerprint(file)}")


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

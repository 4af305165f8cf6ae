"""Small depth model of our own, trained on drawn scenes; needs no download."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.devices import ModelPool, chosen_device, in_one_thread
from core.errors import WeightsError
from core.hashing import file_fingerprint
from core.image import DepthMap, Image, to_float
from core.weights import local_path

if TYPE_CHECKING:
    from motion.depth._network import DepthNetwork

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

    file: Path  # of the weights; they are loaded when the first picture comes
    identity: str
    pool: ModelPool

    def estimate(self, image: Image, frame: int) -> DepthMap:
        """float32, H x W, 1 (near) to 100 (sky); the same picture gives the same depth.

        Args:
            image: uint8, H x W x 3, RGB.
            frame: not used.

        Raises:
            WeightsError: if the weights are of another network.
        """
        import torch

        from motion.depth._network import FARTHEST

        network = self.pool.get("depth", "mini", self.identity, lambda: _loaded(self.file))
        height, width = image.shape[:2]
        seen = cv2.resize(image, looked_at(width, height), interpolation=cv2.INTER_AREA)
        device = next(network.parameters()).device
        picture = torch.from_numpy(to_float(seen)).permute(2, 0, 1)[None].to(device)
        with torch.inference_mode(), in_one_thread():
            share = network(picture)[0, 0].float().cpu().numpy()
        full = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.exp(np.clip(full, 0, 1) * np.float32(math.log(FARTHEST))), np.float32)


def build(options: Options, pool: ModelPool) -> MiniDepth:
    """The estimator; its weights are there, and loaded when they are needed.

    Raises:
        WeightsError: if the weights are missing.
    """
    path = local_path(options.model, purpose="depth model")
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise WeightsError(f"{file} does not exist", way_out="Train it with: python -m training.mini depth")
    return MiniDepth(file, f"mini {file_fingerprint(file)}", pool)


def looked_at(width: int, height: int) -> tuple[int, int]:
    """Width and height of the picture the network looks at: about SHORT_SIDE on the short side."""
    scale = SHORT_SIDE / max(min(width, height), max(width, height) * _SMALLEST_SHARE)
    return _rounded(width * scale), _rounded(height * scale)


def _rounded(side: float) -> int:
    """The nearest multiple of the stride, at least one."""
    return max(1, round(side / _STRIDE)) * _STRIDE


def _loaded(file: Path) -> "DepthNetwork":
    """The network in a file of weights."""
    from safetensors.torch import load_file

    from motion.depth._network import DepthNetwork, in_float

    network = DepthNetwork()
    try:
        network.load_state_dict(in_float(load_file(file)))
    except (RuntimeError, ValueError) as fault:
        raise WeightsError(f"{file} holds no weights of the mini depth model") from fault
    return network.eval().to(chosen_device())

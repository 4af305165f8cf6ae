"""RAFT: the most exact, slow without a GPU; weights of torchvision from a file of yours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.devices import ModelPool, chosen_device
from core.errors import MissingLibrary, UserError, WeightsError
from core.hashing import file_fingerprint, fingerprint
from core.image import FlowField, Image, to_float
from core.weights import local_path
from motion.flow import refuse_unequal

STRIDE, SMALLEST = 8, 128  # pixels; sides the network takes are multiples of 8, and its coarsest look needs 128
_LARGE_ONLY = "mask_predictor.convrelu.0.weight"  # the small network has no such weights


@dataclass(frozen=True, slots=True)
class Options:
    """Which weights, and how long it looks."""

    model: str = "raft"  # file with the weights: a path, or a name in the models folders; large or small is seen
    updates: int = 12  # 1 to 64; rounds of refinement


@dataclass(frozen=True, slots=True)
class Raft:
    """All-pairs correlation, refined round by round, in float32.

    Source: Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    """

    file: Path  # of the weights; they are loaded when the first pictures come
    updates: int
    identity: str
    pool: ModelPool

    def flow(self, source: Image, target: Image) -> FlowField:
        """See `FlowEstimator.flow`.

        Raises:
            WeightsError: if the file holds other weights.
        """
        import torch

        refuse_unequal(source, target)
        network = self.pool.get("flow", "raft", self.identity, lambda: _loaded(self.file))
        device = next(network.parameters()).device
        height, width = source.shape[:2]
        pictures = [torch.from_numpy(_padded(image)).permute(2, 0, 1)[None].to(device) for image in (target, source)]
        with torch.inference_mode():
            found = network(*pictures, num_flow_updates=self.updates)[-1][0].permute(1, 2, 0).cpu().numpy()
        return np.ascontiguousarray(found[:height, :width], np.float32)


def build(options: Options, pool: ModelPool) -> Raft:
    """The estimator; its weights are there, and loaded when they are needed.

    Raises:
        UserError: for a number of updates out of range.
        WeightsError: if there is no such file.
    """
    if not 1 <= options.updates <= 64:
        raise UserError(f"{options.updates} updates", where="updates", way_out="Allowed: 1 .. 64")
    file = local_path(options.model, purpose="flow model")
    if not file.is_file():
        raise WeightsError(f"{file} is no file", way_out="Give a file of torchvision's RAFT weights")
    return Raft(file, options.updates, fingerprint("raft", options.updates, file_fingerprint(file)), pool)


def _padded(image: Image) -> NDArray[np.float32]:
    """Levels -1..1, continued by their edges to sides the network takes."""
    height, width = image.shape[:2]
    down, right = (max(SMALLEST, -(-side // STRIDE) * STRIDE) - side for side in (height, width))
    return np.pad(to_float(image) * 2 - 1, ((0, down), (0, right), (0, 0)), mode="edge")


def _loaded(file: Path) -> Any:
    """The network in a file, large or small as its weights are.

    Raises:
        MissingLibrary: without torchvision.
        WeightsError: if these are no RAFT weights.
    """
    try:
        from torchvision.models import optical_flow
    except ImportError as fault:
        raise MissingLibrary("the flow estimator raft", "torchvision", "controls") from fault
    weights = _read(file)
    network = optical_flow.raft_large() if _LARGE_ONLY in weights else optical_flow.raft_small()
    try:
        network.load_state_dict(weights)
    except RuntimeError as fault:
        raise WeightsError("holds no RAFT weights of torchvision", where=str(file)) from fault
    return network.float().eval().to(chosen_device())


def _read(file: Path) -> dict[str, Any]:
    """The tensors of a file, no code run."""
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as fault:
        raise WeightsError("cannot be read as weights", where=str(file)) from fault
    if not isinstance(found, dict):
        raise WeightsError("holds no table of weights", where=str(file))
    return found

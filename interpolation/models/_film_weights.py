"""Weights of FILM networks: ours, and the released ones under their published names."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.errors import WeightsError
from interpolation.models._film_network import FilmNetwork, FilmSizes

Tensors = Mapping[str, Tensor]
_PREDICTOR = re.compile(r"predict_flow\._predictors\.(\d+)\._convs\.(\d+)\.0\.(.+)")
_FUSION = re.compile(r"fuse\.convs\.(\d+)\.(\d+)\.0\.(.+)")
_RENAMED = (
    (re.compile(r"extract\.extract_sublevels\.convs\.(\d+)\.(\d+)\.0\.(.+)"), r"features.stages.\1.\2.\3"),
    (re.compile(r"predict_flow\._predictor\._convs\.(\d+)\.0\.(.+)"), r"flow.shared.\1.\2"),
    (re.compile(r"fuse\.output_conv\.(.+)"), r"fusion.colour.\1"),
)


def loaded(path: Path) -> FilmNetwork:
    """The network in a file, in float32 on the processor, in eval mode.

    Args:
        path: .safetensors, or a .pt or .pth with a state dict or a TorchScript program, of which only the numbers
            are taken.

    Raises:
        WeightsError: for a file that is missing, damaged, or no FILM.
    """
    tensors = named_as_ours(_tensors(path))
    try:
        network = FilmNetwork(sizes_of(tensors))
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (KeyError, RuntimeError, ValueError) as fault:
        first = str(fault).strip().splitlines()[0][:120] if str(fault).strip() else type(fault).__name__
        raise WeightsError(
            f"holds no FILM network ({first})",
            where=str(path),
            way_out="Give weights of FILM: ours or the released ones",
        ) from fault
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise WeightsError(
            "NaN or infinity in the weights", where=str(path), way_out="The file is damaged: get it again"
        )
    return network.eval().requires_grad_(False)


def sizes_of(tensors: Tensors) -> FilmSizes:
    """The sizes of the network that tensors belong to, by our names.

    Raises:
        KeyError: if a tensor is missing that every FILM has.
    """

    def count(pattern: str) -> int:
        return len({found[1] for name in tensors if (found := re.match(pattern, name))})

    special = count(r"flow\.special\.(\d+)\.")
    predictors = [*(f"flow.special.{level}" for level in range(special)), "flow.shared"]
    return FilmSizes(
        filters=len(tensors["features.stages.0.0.weight"]),
        stages=count(r"features\.stages\.(\d+)\."),
        flow_filters=tuple(len(tensors[f"{name}.0.weight"]) for name in predictors),
        flow_convs=count(r"flow\.shared\.(\d+)\.") - 2,
        fusion_levels=count(r"fusion\.stages\.(\d+)\.") + 1,
    )


def named_as_ours(tensors: Tensors) -> Tensors:
    """Tensors by our names; the released files count predictors and fusion stages from coarse to fine."""
    finest = max((int(found[1]) for name in tensors if (found := _PREDICTOR.fullmatch(name))), default=0)
    last = max((int(found[1]) for name in tensors if (found := _FUSION.fullmatch(name))), default=0)

    def ours(name: str) -> str:
        if found := _PREDICTOR.fullmatch(name):
            return f"flow.special.{finest - int(found[1])}.{found[2]}.{found[3]}"
        if found := _FUSION.fullmatch(name):
            return f"fusion.stages.{last - int(found[1])}.{found[2]}.{found[3]}"
        for pattern, renamed in _RENAMED:
            name = pattern.sub(renamed, name)
        return name

    return {ours(name): tensor for name, tensor in tensors.items()}


def _tensors(path: Path) -> Tensors:
    """All tensors of a file."""
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(load_file(path))
        if _is_script(path):
            script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
            return dict(script.state_dict())
        found: object = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, SafetensorError, ValueError, EOFError, KeyError, ImportError) as fault:
        raise WeightsError(f"cannot be read ({' '.join(str(fault).split())[:120]})", where=str(path)) from fault
    except Exception as fault:  # of unpicklers, whose errors have no common type
        raise WeightsError(f"is no file of weights ({type(fault).__name__})", where=str(path)) from fault
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError("holds no state dict", where=str(path), way_out="Give weights of FILM")
    return found


def _is_script(path: Path) -> bool:
    """Whether a file is a TorchScript archive."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())

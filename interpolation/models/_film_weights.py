"""Weights of FILM networks: ours, and the released ones under their published names."""

import re
from pathlib import Path

from interpolation.models._film_network import FilmNetwork, FilmSizes
from interpolation.models._weights import Tensors, filled, tensors_in

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
    tensors = named_as_ours(tensors_in(path))
    return filled(lambda: FilmNetwork(sizes_of(tensors)), tensors, path, "FILM")


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

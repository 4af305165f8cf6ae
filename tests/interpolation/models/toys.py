"""Networks of toy size: FILM and RIFE."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from interpolation.models._film_network import FilmNetwork, FilmSizes
from interpolation.models._rife_network import FLOWS, RifeNetwork, RifeSizes
from training.film import begin_as_mean

SIZES = FilmSizes(filters=4, stages=3, flow_filters=(4, 6, 8), flow_convs=2, fusion_levels=4)


def toy_film(seed: int = 1, sizes: FilmSizes = SIZES) -> FilmNetwork:
    torch.manual_seed(seed)
    return FilmNetwork(sizes).eval()


def write_film(folder: Path) -> Path:
    """A network that sees hardly any motion and gives the mean of the two pictures."""
    network = toy_film()
    begin_as_mean(network)
    with torch.no_grad():
        network.fusion.colour.weight[:, 3:] = 0
        for predictor in (*network.flow.special, network.flow.shared):
            predictor[-1].weight.mul_(0.01)
    save_file(network.state_dict(), folder / "model.safetensors")
    return folder


def published(tensors: dict[str, torch.Tensor], sizes: FilmSizes) -> dict[str, torch.Tensor]:
    """Tensors by the names of the released files."""
    found = {}
    for name, tensor in tensors.items():
        words = name.split(".")
        if words[0] == "features":
            new = f"extract.extract_sublevels.convs.{words[2]}.{words[3]}.0.{words[4]}"
        elif words[:2] == ["flow", "shared"]:
            new = f"predict_flow._predictor._convs.{words[2]}.0.{words[3]}"
        elif words[0] == "flow":
            new = f"predict_flow._predictors.{sizes.special - 1 - int(words[2])}._convs.{words[3]}.0.{words[4]}"
        elif words[1] == "stages":
            new = f"fuse.convs.{sizes.fusion_levels - 2 - int(words[2])}.{words[3]}.0.{words[4]}"
        else:
            new = f"fuse.output_conv.{words[2]}"
        found[new] = tensor
    return found


RIFE = RifeSizes(widths=(8, 6, 4), hidden=4, features=2, outs=7, told=2)


def toy_rife(sizes: RifeSizes = RIFE, seed: int = 1) -> RifeNetwork:
    torch.manual_seed(seed)
    return RifeNetwork(sizes).eval()


def write_rife(folder: Path) -> Path:
    """A network that sees no motion and believes the nearer picture."""
    network = toy_rife()
    last = len(RIFE.widths) - 1
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        block = network.get_submodule(f"block{last}")
        time = 2 * (3 + RIFE.features)  # the channel that holds it
        block.conv0[0][0].weight[0, time, 1, 1] = -1
        block.conv0[0][0].bias[0] = 1
        block.conv0[1][0].weight[0, 0, 1, 1] = 1
        mask = slice(4 * FLOWS, 4 * FLOWS + 4)  # four of them make the mask of four pixels
        block.lastconv[0].weight[0, mask] = 4
        block.lastconv[0].bias[mask] = -8
    save_file(network.state_dict(), folder / "model.safetensors")
    return folder

"""RIFE: its sizes, its weights as they are released, and what flows, masks and times mean."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import UserError, WeightsError
from interpolation.models import REGISTRY, rife
from interpolation.models._rife_network import FLOWS, RifeNetwork, RifeSizes
from interpolation.models._rife_weights import loaded, sizes_of, write_half
from tests.interpolation.models.toys import RIFE, toy_film, toy_rife, write_rife

RELEASES = {
    "4.0": RifeSizes((8, 6, 4, 4), "", 0, 0, 5, 0, True),
    "4.6": RifeSizes((8, 6, 4, 4), "", 0, 0, 6, 0),
    "4.7": RifeSizes((8, 6, 4, 4), "pair", 4, 4, 6, 0),
    "4.15": RifeSizes((8, 6, 4, 4), "four", 6, 8, 6, 0),
    "4.25": RIFE,
}


def test_the_released_sizes_have_the_published_number_of_parameters():
    with torch.device("meta"):
        network = RifeNetwork(RifeSizes())
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_664_776
    assert RifeSizes().stride == 64


@pytest.mark.parametrize("sizes", RELEASES.values(), ids=RELEASES.keys())
def test_sizes_follow_from_the_weights_of_every_release(sizes):
    network = toy_rife(sizes)
    assert sizes_of(network.state_dict()) == sizes
    pair = torch.rand(2, 1, 3, sizes.stride, 2 * sizes.stride)
    assert network(*pair, torch.full((1, 1), 0.5)).shape == pair[0].shape


def test_a_release_with_what_only_training_needs_makes_the_same_network(tmp_path):
    network = toy_rife()
    tensors = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({**tensors, "module.teacher.conv0.0.0.weight": torch.ones(2)}, tmp_path / "flownet.pkl")
    pair, time = torch.rand(2, 1, 3, 32, 32), torch.full((1, 1), 0.3)
    assert torch.equal(loaded(tmp_path / "flownet.pkl")(*pair, time), network(*pair, time))


def test_weights_written_in_half_give_nearly_the_same_pictures(tmp_path):
    network = toy_rife()
    torch.save(network.state_dict(), tmp_path / "flownet.pkl")
    write_half(tmp_path / "flownet.pkl", tmp_path / "model.safetensors")
    pair, time = torch.rand(2, 1, 3, 32, 32), torch.full((1, 1), 0.3)
    assert (loaded(tmp_path / "model.safetensors")(*pair, time) - network(*pair, time)).abs().max() < 0.01


@pytest.mark.parametrize("slopes", [False, True])
def test_flows_of_all_blocks_add_up_in_pixels_of_the_picture(slopes):
    """Each block says 1 pixel at its own scale, and no more than that is believed of the first picture."""
    sizes = RifeSizes((4, 4), "", 0, 0, 5 if slopes else 6, 0, slopes)
    network = toy_rife(sizes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for n in range(2):
            last = network.get_submodule(f"block{n}").lastconv
            bias = last.bias if slopes else last[0].bias
            per = 1 if slopes else 4
            bias[:per] = 1  # dx into the first picture
            bias[per * FLOWS : per * (FLOWS + 1)] = 20  # which alone is believed
    first, last = torch.rand(2, 1, 3, 16, 48)
    made = network(first, last, torch.full((1, 1), 0.5))
    shift = (2 + 1) * (2 if slopes else 1)
    assert torch.allclose(made[..., :-shift], first[..., shift:], atol=1e-4)


def test_twice_shrunk_pictures_have_twice_the_flow():
    network = toy_rife(RifeSizes((4,), "", 0, 0, 6, 0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        bias = network.get_submodule("block0").lastconv[0].bias
        bias[:4], bias[4 * FLOWS : 4 * FLOWS + 4] = 1, 20
    first, last = torch.rand(2, 1, 3, 16, 48)
    made = network(first, last, torch.full((1, 1), 0.5), 2.0)
    assert torch.allclose(made[..., :-2], first[..., 2:], atol=1e-4)


def test_every_time_is_asked_of_the_network_itself(tmp_path):
    made = rife.build(rife.Options(str(write_rife(tmp_path))), ModelPool())
    black, white = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    levels = [image[20, 20, 0] for image in made.between(black, white, (0.2, 0.4, 0.6, 0.8))]
    assert levels == sorted(levels) and levels[0] < 60 and levels[-1] > 195


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 broken"])
@pytest.mark.parametrize("name", ["flownet.pkl", "rife.safetensors"])
def test_broken_files_are_told(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError):
        loaded(tmp_path / name)


def test_other_networks_and_numbers_that_are_none_are_told(tmp_path):
    save_file(toy_film().state_dict(), tmp_path / "film.safetensors")
    with pytest.raises(WeightsError, match="no RIFE"):
        loaded(tmp_path / "film.safetensors")
    tensors = toy_rife().state_dict()
    tensors["block0.conv0.0.0.bias"][0] = float("nan")
    torch.save(tensors, tmp_path / "flownet.pkl")
    with pytest.raises(WeightsError, match="NaN"):
        loaded(tmp_path / "flownet.pkl")


def test_without_weights_the_way_to_them_is_told():
    with pytest.raises(WeightsError, match="models fetch rife"):
        rife.build(rife.Options("no/where"), ModelPool())


@pytest.mark.parametrize("options", [{"shrink": 3}, {"tile": 100}, {"tile": "wide"}])
def test_options_out_of_range_are_told(options):
    with pytest.raises(UserError, match=next(iter(options))):
        REGISTRY.build("rife", options, pool=ModelPool())

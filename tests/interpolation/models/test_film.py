"""FILM: its sizes, its weights by both sets of names, and how times between are reached."""

import numpy as np
import pytest
import torch

from core.devices import ModelPool
from core.errors import WeightsError
from interpolation.models import film
from interpolation.models._film_network import FilmNetwork, FilmSizes
from interpolation.models._film_weights import loaded, sizes_of
from interpolation.models._tiles import tiled
from tests.interpolation.models.toys import SIZES, published, toy_film, write_film


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_released_sizes_have_the_published_numbers_of_parameters():
    with torch.device("meta"):
        network = FilmNetwork(FilmSizes())
    assert [count(network.features), count(network.flow), count(network.fusion)] == [4_685_376, 7_326_328, 22_424_963]
    assert len(network.state_dict()) == 82


def test_sizes_follow_from_the_weights():
    assert sizes_of(toy_film().state_dict()) == SIZES


@pytest.mark.parametrize("kind", ["state dict", "script"])
def test_weights_by_their_published_names_make_the_same_network(tmp_path, kind):
    network, file = toy_film(), tmp_path / "film_net.pt"
    tensors = published(network.state_dict(), SIZES)
    if kind == "state dict":
        torch.save(tensors, file)
    else:
        torch.jit.save(torch.jit.script(_holding(tensors)), file)
    pair = torch.rand(2, 1, 3, 64, 64)
    time = torch.full((1, 1), 0.5)
    assert torch.equal(loaded(file)(*pair, time), network(*pair, time))


def _holding(tensors: dict[str, torch.Tensor]) -> torch.nn.Module:
    """A module whose state dict has these names."""
    root = torch.nn.Module()
    for name, tensor in tensors.items():
        *path, last = name.split(".")
        module = root
        for word in path:
            if not hasattr(module, word):
                module.add_module(word, torch.nn.Module())
            module = getattr(module, word)
        module.register_buffer(last, tensor)
    return root


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 broken"])
@pytest.mark.parametrize("name", ["film.pt", "film.safetensors"])
def test_broken_files_are_told(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError):
        loaded(tmp_path / name)


def test_without_weights_the_way_to_them_is_told():
    with pytest.raises(WeightsError, match="film_net_fp32"):
        film.build(film.Options("no/where"), ModelPool())


def test_other_networks_are_told(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="no FILM"):
        loaded(tmp_path / "other.pt")


def test_equal_pictures_move_nowhere_when_time_turns_round(tmp_path):
    network = toy_film()
    pair = torch.rand(2, 1, 3, 64, 64)
    _, ahead, back = network.between(*pair, torch.full((1, 1), 0.5))
    _, other_ahead, other_back = network.between(*pair.flip(0), torch.full((1, 1), 0.5))
    assert torch.allclose(ahead[0], other_back[0], atol=1e-5) and torch.allclose(back[0], other_ahead[0], atol=1e-5)


def test_the_network_is_asked_for_the_middle_of_gaps(tmp_path, monkeypatch):
    asked = []
    made = film.build(film.Options(str(write_film(tmp_path))), ModelPool())

    def picture(self, one, other, time):
        asked.append(time)
        return one

    monkeypatch.setattr(film.Film, "_picture", picture)
    image = np.zeros((8, 8, 3), np.uint8)
    made.between(image, image, [0.05, 0.25, 0.5, 0.75])
    assert asked and all(film.NEAR_MIDDLE <= time <= 1 - film.NEAR_MIDDLE for time in asked)


def test_parts_of_a_large_picture_join_without_a_seam():
    draw = np.random.default_rng(1)
    one, other = (draw.integers(0, 255, (70, 101, 3)).astype(np.uint8) for _ in range(2))

    def mean(a, b):
        return ((a.astype(int) + b) // 2).astype(np.uint8)

    assert np.array_equal(tiled(mean, one, other, side=32, overlap=8), mean(one, other))

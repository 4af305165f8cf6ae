import pickle

import numpy as np
import pytest
import torch

from core.errors import WeightsError
from core.image import Size
from diffusion.models.upscaler import load_upscaler
from diffusion.upscalers import TileRules
from tests.diffusion.upscaler_toys import blurring, esrgan, write

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a.pth", "RealESRGAN_a.pth", "a.pt", "a.ckpt", "a.safetensors"])
@pytest.mark.parametrize("times", [1, 2, 4])
def test_every_kind_of_file_gives_the_same_network(tmp_path, name, times):
    network = load_upscaler(write(tmp_path, name, esrgan(times)))
    assert network.times == times
    assert (network.enlarged(PICTURE, TileRules()) == PICTURE.repeat(times, 0).repeat(times, 1)).all()


def test_tiles_differ_from_the_whole_only_beside_their_borders_and_hardly(tmp_path):
    network = load_upscaler(write(tmp_path, "a.pth", blurring(esrgan(2))))
    whole = network.enlarged(PICTURE, TileRules(0))
    tiled = network.enlarged(PICTURE, TileRules(24, 8))
    assert 0 < (whole != tiled).any(axis=2).mean() < 0.1
    assert np.abs(whole.astype(int) - tiled).mean() < 0.1


def test_a_picture_of_any_size_is_seen_tile_by_tile(tmp_path):
    network = load_upscaler(write(tmp_path, "a.pth", esrgan(2)))
    seen = []
    watched = type(network)(network.name, network.times, lambda part: seen.append(part.shape[2:]) or network.call(part))
    for size in ((1, 1), (3, 70), (200, 9)):
        found = watched.enlarged(np.zeros((size[1], size[0], 3), np.uint8), TileRules(32, 8))
        assert Size.of(found) == Size(size[0] * 2, size[1] * 2)
    assert max(max(shape) for shape in seen) == 32


class Danger:
    def __reduce__(self):
        return print, ("ran",)


def stretched(state):
    """A first layer of a billion filters that takes no place in the file."""
    return {**state, "model.0.weight": torch.zeros(1).expand(1_000_000_000, 3, 3, 3)}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"params": {"a.weight": torch.zeros(3, 3)}}, "no upscaler that can be read"),
        ({}, "no tensors"),
        ({**esrgan(), "model.0.bias": torch.full((4,), torch.nan)}, "not finite"),
        (esrgan() | {"model.1.sub.900000000.RDB1.conv1.0.weight": torch.zeros(1)}, "numbered"),
        (stretched(esrgan()), "larger than its file"),
        ({**esrgan(), "model.0.weight": torch.zeros(4, 3, 3)}, "no upscaler that can be read"),
        ({**esrgan(), "epoch": "three"}, "str 'epoch'"),
    ],
)
def test_what_is_no_upscaler_is_refused_by_name(tmp_path, state, told):
    torch.save(state, path := tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=told) as raised:
        load_upscaler(path)
    assert "odd.pth" in str(raised.value)


def test_dangerous_cut_and_mislabelled_files_are_refused(tmp_path, capsys):
    (tmp_path / "danger.pth").write_bytes(pickle.dumps({"a": Danger()}))
    whole = write(tmp_path, "whole.safetensors", esrgan()).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "huge.safetensors").write_bytes((4 << 30).to_bytes(8, "little") + b"{}")
    (tmp_path / "picture.pth").write_bytes(b"\x89PNG\r\n\x1a\n" * 9)
    for name in ("danger.pth", "cut.safetensors", "huge.safetensors", "picture.pth", "missing.pth"):
        with pytest.raises(WeightsError, match=name):
            load_upscaler(tmp_path / name)
    assert "ran" not in capsys.readouterr().out

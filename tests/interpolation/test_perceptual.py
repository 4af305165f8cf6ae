"""LPIPS: from either naming of its weights; distances that behave as distances."""

import numpy as np
import pytest
import torch

from core.devices import ModelPool
from core.errors import MediaError, WeightsError
from core.image import Size
from core.weights import MODELS_VARIABLE
from interpolation import perceptual
from interpolation.likeness import looks
from interpolation.perceptual import LAYERS, Lpips
from tests.motion.pictures import clouds

SLICES = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}


def trunk(name: str) -> dict[str, torch.Tensor]:
    """Random convolutions by torchvision's names or by those of the whole metric."""
    torch.manual_seed(0)
    found, before = {}, 3
    for place, width, side, _, _ in LAYERS:
        key = f"features.{place}" if name == "features" else f"net.slice{SLICES[place]}.{place}"
        found[f"{key}.weight"] = torch.randn(width, before, side, side) / (before * side * side) ** 0.5
        found[f"{key}.bias"] = torch.zeros(width)
        before = width
    return found


def heads(prefix: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {f"{prefix}{n}.model.1.weight": torch.rand(1, width, 1, 1) for n, (_, width, *_) in enumerate(LAYERS)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    (tmp_path / "lpips").mkdir()
    return tmp_path / "lpips"


def test_both_namings_of_the_weights_give_the_same_distance(folder):
    torch.save(trunk("features"), folder / "alexnet.pth")
    torch.save(heads("lin"), folder / "alex.pth")
    pair = clouds(Size(64, 48)), clouds(Size(64, 48), seed=1)
    apart = Lpips(perceptual.found(), ModelPool()).distance(*pair)
    for file in folder.iterdir():
        file.unlink()
    torch.save({**trunk("net"), **heads("lins.")}, folder / "lpips.pth")
    assert Lpips(perceptual.found(), ModelPool()).distance(*pair) == pytest.approx(apart) and apart > 0


def test_it_is_a_distance(folder):
    torch.save({**trunk("net"), **heads("lin")}, folder / "lpips.pth")
    distance = Lpips(perceptual.found(), ModelPool()).distance
    one, other = clouds(Size(64, 48)), clouds(Size(64, 48), seed=1)
    near = np.clip(one.astype(int) + 6, 0, 255).astype(np.uint8)
    assert distance(one, one) == 0
    assert distance(one, other) == pytest.approx(distance(other, one), rel=1e-4)
    assert distance(one, near) < distance(one, other)
    with pytest.raises(MediaError, match="too small"):
        distance(one[:8], one[:8])


def test_a_clip_that_changes_as_its_reference_has_no_tlp():
    def difference(a, b):
        return float(np.abs(a.astype(float) - b).mean())

    reference = [np.full((4, 4, 3), level, np.uint8) for level in (0, 10, 30)]
    brighter = [image + np.uint8(5) for image in reference]
    assert looks(iter(brighter), iter(reference), difference) == (5, 0)
    still = [reference[0]] * 3
    assert looks(iter(still), iter(reference), difference)[1] == 15  # |0 - 10| and |0 - 20|


def test_weights_of_something_else_and_none_are_told(folder):
    assert perceptual.found() == ()
    torch.save({"weight": torch.ones(2)}, folder / "other.pth")
    with pytest.raises(WeightsError, match="no LPIPS"):
        Lpips(perceptual.found(), ModelPool()).distance(clouds(Size(64, 48)), clouds(Size(64, 48)))

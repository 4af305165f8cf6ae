from fractions import Fraction

import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import UnknownName, UserError
from core.image import Size
from diffusion.upscalers import LATENT_MODES, PLAIN, TileRules, check_name, identity, names, network_path, shown_name
from diffusion.upscaling import enlarger, in_passes
from tests.diffusion.upscaler_toys import esrgan, write

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    write(tmp_path / "ESRGAN", "4x_Toy.pth", esrgan())
    write(tmp_path / "RealESRGAN", "RealESRGAN_x4plus.pth", esrgan())
    write(tmp_path / "SwinIR", "twice.safetensors", esrgan(2))
    return tmp_path


def repeated(image, times):
    return image.repeat(times, axis=0).repeat(times, axis=1)


@pytest.mark.parametrize(
    ("size", "growth", "passes", "result"),
    [((500, 333), 2, 1, (1000, 664)), ((100, 100), 20, 3, (2000, 2000)), ((64, 64), 1, 1, (64, 64))],
)
def test_passes_are_the_web_uis(size, growth, passes, result):
    sizes = []

    def once(image):
        sizes.append(Size.of(image))
        return repeated(image, 4)

    found = in_passes(np.zeros((size[1], size[0], 3), np.uint8), Fraction(growth), once, 4)
    assert (len(sizes), Size.of(found)) == (passes, Size(*result))


def test_a_network_that_only_cleans_runs_once_and_lanczos_does_the_rest():
    seen = []
    found = in_passes(PICTURE, Fraction(2), lambda image: seen.append(1) or image, 1)
    assert len(seen) == 1 and Size.of(found) == Size(40, 24)


def test_pictures_beyond_all_bounds_are_refused_before_they_are_made():
    with pytest.raises(UserError, match="larger than"):
        in_passes(np.zeros((8, 5000, 3), np.uint8), Fraction(2), lambda image: pytest.fail("made"), 4)


def test_files_are_offered_beside_the_plain_ones_by_the_names_of_the_web_ui(models):
    assert names() == (*PLAIN, "4x_Toy", "R-ESRGAN 4x+", "twice")
    assert network_path("r-esrgan 4X+") == models / "RealESRGAN" / "RealESRGAN_x4plus.pth"
    assert network_path("4x_toy.pth") == network_path("4x_Toy") == models / "ESRGAN" / "4x_Toy.pth"
    assert network_path("lanczos") is None
    assert identity("twice") and identity("twice") != identity("4x_Toy") and not identity("Latent")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("latent (NEAREST)", "Latent (nearest)"), ("lanczos", "Lanczos"), ("x/RealESRGAN_x4plus.pth", "R-ESRGAN 4x+"),
        ("r-esrgan 4x+", "R-ESRGAN 4x+"), ("4x_NMKD.v2.5.pth", "4x_NMKD.v2.5"), ("4x_Toy", "4x_Toy"),
    ],
)  # fmt: skip
def test_upscalers_are_shown_as_the_web_ui_shows_them(name, shown):
    assert shown_name(name) == shown


def test_an_unknown_name_lists_the_nearest(models):
    with pytest.raises(UnknownName, match="4x_Toy"):
        enlarger("4x_Tiy", ModelPool())
    with pytest.raises(UnknownName, match=r"Latent \(nearest\)"):
        check_name("Latent (nearst)")
    for name in (*LATENT_MODES, *names()):
        check_name(name)


def test_a_network_enlarges_to_whole_cells(models):
    found = enlarger("4x_Toy", ModelPool())(PICTURE, Size(80, 48))
    assert (found == repeated(PICTURE, 4)).all()
    assert Size.of(enlarger("twice", ModelPool())(PICTURE, Size(61, 30))) == Size(56, 32)


def test_a_network_is_loaded_once(models):
    pool = ModelPool()
    first = enlarger("twice", pool)(PICTURE, Size(40, 24))
    (models / "SwinIR" / "twice.safetensors").rename(models / "gone")
    with pytest.raises(UserError):
        enlarger("twice", pool)
    (models / "gone").rename(models / "SwinIR" / "twice.safetensors")
    assert (enlarger("twice", pool)(PICTURE, Size(40, 24)) == first).all()


def test_tiles_that_overlap_as_far_as_they_reach_are_refused():
    with pytest.raises(UserError, match="overlap"):
        enlarger("Lanczos", ModelPool(), TileRules(16, 16))

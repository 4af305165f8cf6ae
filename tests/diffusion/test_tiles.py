import numpy as np
import pytest

from core.image import Size
from diffusion.tiles import Tiles


@pytest.mark.parametrize(
    ("whole", "tile", "overlap", "lefts", "tops"),
    [
        ((1024, 1024), (512, 512), 64, (0, 256, 512), (0, 256, 512)),
        ((1536, 1024), (768, 512), 64, (0, 384, 768), (0, 256, 512)),
        ((512, 768), (192, 192), 8, (0, 160, 320), (0, 144, 288, 432, 576)),
        ((100, 90), (192, 192), 8, (0,), (0,)),
        ((10, 193), (192, 192), 191, (0,), (0, 1)),
    ],
)
def test_tiles_lie_where_the_web_uis_do(whole, tile, overlap, lefts, tops):
    tiles = Tiles.of(Size(*whole), Size(*tile), overlap)
    assert (tiles.lefts, tiles.tops) == (lefts, tops)


@pytest.mark.parametrize("size", [(7, 5), (64, 48), (131, 97), (1, 1)])
@pytest.mark.parametrize(("side", "overlap"), [(32, 8), (16, 0), (5, 4)])
def test_tiles_of_a_picture_make_that_picture(size, side, overlap):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    tiles = Tiles.of(Size.of(image), Size(side, side), overlap)
    assert (tiles.joined(tiles.cut(image)) == image).all()


def test_tiles_of_different_light_turn_into_each_other_over_the_overlap():
    tiles = Tiles.of(Size(56, 8), Size(32, 32), 8)
    dark, light = np.zeros((16, 64, 3), np.uint8), np.full((16, 64, 3), 160, np.uint8)
    row = tiles.joined([dark, light], 2)[5, :, 0].astype(int)
    assert row[:48].max() == 0 and row[64:].min() == 160
    assert np.diff(row[48:65]).max() == 10

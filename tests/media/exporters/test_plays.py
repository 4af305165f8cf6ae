"""How often moving pictures play, as another reader sees it."""

from fractions import Fraction

import numpy as np
import PIL.Image
import pytest

from core.image import Size
from media.encode import Clip
from media.exporters import apng, gif, webp

MOVING = [np.full((16, 24, 3), 40 * n, np.uint8) for n in range(4)]


@pytest.mark.parametrize(("plays", "again"), [(0, 0), (1, None), (3, 2)])
def test_a_gif_tells_how_often_it_plays_again(tmp_path, plays, again):
    path = tmp_path / "a.gif"
    gif.build(gif.Options(plays=plays), None).write(Clip(path, Size(24, 16), Fraction(10), {}), iter(MOVING))
    with PIL.Image.open(path) as found:
        assert found.info.get("loop") == again and found.n_frames == 4


@pytest.mark.parametrize("kind", [webp, apng])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_webp_and_apng_tell_how_often_they_play(tmp_path, kind, plays):
    exporter = kind.build(kind.Options(plays=plays), None)
    path = tmp_path / f"a{exporter.suffix}"
    exporter.write(Clip(path, Size(24, 16), Fraction(10), {}), iter(MOVING))
    with PIL.Image.open(path) as found:
        assert found.info["loop"] == plays and found.n_frames == 4

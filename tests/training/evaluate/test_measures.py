"""The measures behind the gates, on pictures whose answer is known."""

import numpy as np
import pytest

from core.image import Size
from training.evaluate.classifier import brightness_of, palette_of, style_pictures
from training.evaluate.depth import order_right
from training.painter.briefs import Brief
from training.painter.colours import PALETTES
from training.painter.compose import scene
from training.painter.theatre import view


@pytest.mark.parametrize("palette", PALETTES)
def test_the_palette_of_a_painted_picture_is_found(palette):
    image = view(scene(Brief("mountains", 0, "day", palette)), Size(64, 64)).image
    assert palette_of(image) == palette


def test_a_night_is_darker_than_its_day():
    day, night = (view(scene(Brief("desert", 0, time)), Size(64, 64)).image for time in ("day", "night"))
    assert brightness_of(night) < brightness_of(day)


def test_order_is_right_for_any_rising_map_of_depth_and_wrong_for_a_falling_one():
    depth = np.random.default_rng(1).uniform(1, 50, (32, 32)).astype(np.float32)
    draw = np.random.default_rng(2)
    assert order_right(np.sqrt(depth), depth, draw) == 1
    assert order_right(1 / depth, depth, draw) == 0


def test_style_pictures_show_every_subject_in_every_style():
    images, answers = style_pictures(first=0, count=36, side=32)
    assert sorted(answers) == sorted([0, 1, 2, 3] * 9) and len({image.tobytes() for image in images}) == 36

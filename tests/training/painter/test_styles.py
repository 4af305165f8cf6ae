"""What styles do to a picture."""

import numpy as np
import pytest

from core.image import Size, to_float
from training.painter.briefs import SUBJECTS, Brief
from training.painter.compose import scene
from training.painter.styles import STYLE_WORDS
from training.painter.theatre import view


def picture(subject: str, style: str) -> np.ndarray:
    return to_float(view(scene(Brief(subject, 0, style=style)), Size(96, 96)).image)


def saturation(image: np.ndarray) -> float:
    return float((image.max(2) - image.min(2)).mean())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_sketch_has_no_colour(subject):
    assert saturation(picture(subject, "sketch")) < 0.06


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_watercolor_is_on_bare_paper_along_its_border(subject):
    found = picture(subject, "watercolor")
    assert found[:2].mean() > 0.8 and found[:, -2:].mean() > 0.8 > found.min()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_neon_is_dark_with_bright_lines(subject):
    found = picture(subject, "neon")
    assert np.median(found.max(2)) < 0.5 < found.max()


@pytest.mark.parametrize("style", STYLE_WORDS)
def test_a_style_leaves_the_depth(style):
    size = Size(48, 48)
    plain, styled = (view(scene(Brief("desert", 1, style=name)), size) for name in ("", style))
    assert np.array_equal(plain.depth, styled.depth) and not np.array_equal(plain.image, styled.image)

"""What captions name."""

import numpy as np
import pytest

from training.painter.briefs import LAYOUTS, SUBJECTS, Brief, brief
from training.painter.captions import EMPTY_SHARE, caption
from training.painter.colours import PALETTE_WORDS, PALETTES, TIMES
from training.painter.styles import STYLE_WORDS


def captions(asked: Brief, count: int = 400) -> list[str]:
    draw = np.random.default_rng(1)
    return [caption(asked, draw) for _ in range(count)]


def share(texts: list[str], words: tuple[str, ...]) -> float:
    told = [text for text in texts if text]
    return sum(any(word in text for word in words) for text in told) / len(told)


def test_about_a_tenth_is_empty():
    texts = captions(Brief("ocean", 0))
    assert texts.count("") / len(texts) == pytest.approx(EMPTY_SHARE, abs=0.04)


@pytest.mark.parametrize("palette", PALETTES)
def test_the_palette_is_nearly_always_named(palette):
    assert share(captions(Brief("city", 0, "day", palette)), PALETTE_WORDS[palette]) > 0.93


@pytest.mark.parametrize("time", TIMES)
def test_the_time_of_a_landscape_is_nearly_always_named(time):
    assert share(captions(Brief("desert", 0, time)), TIMES[time].words) > 0.9


def test_a_flower_has_no_time():
    assert share(captions(Brief("flower", 0, "night")), TIMES["night"].words) == 0


def test_briefs_use_every_subject_and_layout():
    found = {(one.subject, one.layout) for one in (brief(seed, layouts=LAYOUTS) for seed in range(800))}
    assert len(found) == len(SUBJECTS) * LAYOUTS


def test_fewer_layouts_can_be_asked_for():
    assert {brief(seed, "city", layouts=2).layout for seed in range(40)} == {0, 1}


@pytest.mark.parametrize("style", STYLE_WORDS)
def test_a_style_is_always_named(style):
    assert share(captions(Brief("forest", 0, style=style)), STYLE_WORDS[style]) == 1


def test_as_many_briefs_have_a_style_as_asked():
    found = [brief(seed, styles=0.5).style for seed in range(400)]
    assert 0.4 < sum(map(bool, found)) / 400 < 0.6 and set(found) == {"", *STYLE_WORDS}

"""Contact sheets."""

from fractions import Fraction

import numpy as np
import pytest

from core.image import Size
from media.read import read_image
from media.sheet import BOX, MOST, PAPER, Thumbnail, chosen, contact_sheet, drawn


def flat(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("count", [1, 2, MOST, MOST + 1, 5000])
def test_chosen_frames_are_even_and_reach_both_ends(count):
    indices = chosen(range(100, 100 + count))
    assert (indices[0], indices[-1], len(indices)) == (100, 99 + count, min(count, MOST))
    gaps = np.diff(indices)
    assert not gaps.size or gaps.max() - gaps.min() <= 1


def test_every_thumbnail_is_on_the_sheet(tmp_path):
    with contact_sheet(tmp_path / "a.png", "title", Fraction(15), str, range(60)) as show:
        for n in range(60):
            show(n, flat(4 * n))
    sheet = read_image(tmp_path / "a.png")
    for n in chosen(range(60)):
        assert (sheet == 4 * n).all(axis=2).sum() >= 64 * 48 - 100


def test_thumbnails_are_bounded_and_never_enlarged(tmp_path):
    for name, size in (("large", Size(1920, 1080)), ("small", Size(32, 18))):
        with contact_sheet(tmp_path / name, "", Fraction(1), str, [0]) as show:
            show(0, flat(255, *size))
    large, small = (read_image(tmp_path / name) for name in ("large", "small"))
    assert (large == 255).all(axis=2).sum() == pytest.approx(BOX * BOX * 9 / 16, rel=0.05)
    assert (small == 255).all(axis=2).sum() == pytest.approx(32 * 18, abs=100)


def test_captions_show_where_they_change():
    paper = tuple(bytes.fromhex(PAPER[1:]))

    def ink(captions):
        sheet = drawn([Thumbnail(n, flat(0), text) for n, text in enumerate(captions)], "", Fraction(1))
        return (sheet != paper).any(axis=2).sum()

    assert ink(["", "", ""]) < ink(["word", "word", "word"]) < ink(["word", "wore", "word"])


@pytest.mark.parametrize("caption", ["", "word " * 1000, "w" * 1000, "日本語 \U0001f600", "two\nlines"])
def test_any_caption_keeps_the_sheet_in_shape(caption):
    plain = drawn([Thumbnail(0, flat(0), "x")] * 3, "x", Fraction(1))
    assert drawn([Thumbnail(0, flat(0), caption)] * 3, caption, Fraction(1)).shape == plain.shape


def test_a_block_that_raises_writes_no_sheet(tmp_path):
    with pytest.raises(KeyboardInterrupt), contact_sheet(tmp_path / "a.png", "", Fraction(1), str, [0]) as show:
        show(0, flat(0))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())

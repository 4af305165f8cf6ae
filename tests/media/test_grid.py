import numpy as np
import pytest

from core.errors import UserError
from core.image import Size
from media.grid import Label, grid, labelled, layout
from media.letters import font, wrapped

INKED = 140  # levels; letters are darker


def tiles(count, side=24):
    return [np.full((side, side, 3), 200 + n, np.uint8) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "rows", "dense", "expected"),
    [
        (1, 0, False, (1, 1)), (4, 0, False, (2, 2)), (6, 0, False, (2, 3)), (7, 0, False, (3, 3)),
        (7, 0, True, (1, 7)),
        (8, 0, True, (2, 4)), (12, 0, True, (3, 4)), (5, 2, False, (2, 3)), (3, 9, False, (3, 1)),
    ],
)  # fmt: skip
def test_layouts_are_those_of_the_web_ui(count, rows, dense, expected):
    assert layout(count, rows, dense=dense) == expected


def test_every_picture_stands_in_its_cell():
    page = grid(tiles(5), 3)
    assert page.shape == (48, 72, 3)
    assert [int(page[y, x, 0]) for y in (5, 30) for x in (5, 30, 60)] == [200, 201, 202, 203, 204, 0]


def test_a_margin_lies_between_pictures_and_not_around_them():
    page = grid(tiles(4), 2, margin=6)
    assert page.shape == (54, 54, 3)
    assert page[0, 0, 0] == 200 and (page[:, 24:30] == 255).all()


def test_labels_stand_above_and_at_the_left_and_leave_the_pictures_alone():
    images = tiles(6, side=100)
    columns, rows = [[Label(f"Steps: {n}")] for n in (5, 10, 20)], [[Label("Euler")], [Label("DPM++ 2M Karras")]]
    page = labelled(images, columns, rows)
    height, width = page.shape[:2]
    top, left = height - 200, width - 300
    assert top > 10 and left > 50
    assert (page[top:, left:] == grid(images, 3)).all()
    for n in range(3):
        assert page[:top, left + n * 100 : left + (n + 1) * 100].min() < INKED
    for n in range(2):
        assert page[top + n * 100 : top + (n + 1) * 100, :left].min() < INKED
    assert page[:top, :left].min() == 255


def test_a_grid_without_labels_is_just_the_grid():
    images = tiles(2)
    assert (labelled(images, [[Label("")], [Label("")]], [[Label("")]]) == grid(images, 2)).all()


def test_inactive_labels_are_struck_through_in_gray():
    page = labelled(tiles(1, 200), [[Label("fog", is_active=False)]], [[]])
    words = page[: page.shape[0] - 200]
    assert words.min() > INKED
    grays = (words[..., 0] < 200).sum(axis=1)
    assert grays.max() > 0.9 * font(16).getlength("fog")


def test_long_labels_are_wrapped_between_words():
    letters = font(16)
    lines = wrapped("a very long label that goes on and on " + "x" * 100, letters, 120)
    assert len(lines) > 3 and all(letters.getlength(line) <= 120 for line in lines)
    assert " ".join(lines).startswith("a very")


def test_a_grid_beyond_all_measure_is_refused_before_it_is_made():
    image = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (8000, 8000, 3))
    with pytest.raises(UserError, match="too large"):
        grid([image] * 4, 2)
    assert Size.of(grid([image[:10, :10]] * 4, 2)) == (20, 20)

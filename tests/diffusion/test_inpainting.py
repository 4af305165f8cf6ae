from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.image import Size
from diffusion.inpainting import Box, InpaintRules, blurred, canvas, filled, in_proportion, kernel_width, masked_box

SQUARE = Size(512, 512)
SHARP = InpaintRules(blur_x=0, blur_y=0)


def picture(width=64, height=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_with(box, width=64, height=48):
    mask = np.zeros((height, width), np.float32)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return mask


@pytest.mark.parametrize(("sigma", "width"), [(4, 21), (1.5, 9), (10, 51)])
def test_kernels_are_as_wide_as_the_web_uis(sigma, width):
    assert kernel_width(sigma) == width


@pytest.mark.parametrize(
    ("box", "size", "whole", "expected"),
    [
        ((300, 40, 460, 72), SQUARE, SQUARE, (300, 0, 460, 160)),
        ((0, 480, 64, 512), Size(512, 768), SQUARE, (0, 416, 64, 512)),
    ],
)
def test_a_box_takes_the_proportions_of_the_request(box, size, whole, expected):
    assert in_proportion(Box(*box), size, whole) == expected


spans = st.tuples(st.integers(0, 90), st.integers(1, 60))


@settings(deadline=None, max_examples=50)
@given(spans, spans, st.integers(0, 40), st.integers(8, 200), st.integers(8, 200))
def test_a_box_lies_inside_and_holds_all_that_is_masked(across, down, padding, width, height):
    levels = np.zeros((130, 150), np.uint8)
    levels[down[0] : down[0] + down[1], across[0] : across[0] + across[1]] = 1
    box = masked_box(levels, padding, Size(width, height))
    assert 0 <= box.left < box.right <= 150 and 0 <= box.top < box.bottom <= 130
    assert box.of(levels).sum() == levels.sum()
    padded = masked_box(levels, padding + 5, Size(width, height))
    assert padded.size.width >= box.size.width and padded.size.height >= box.size.height


def test_blur_acts_on_each_axis_alone():
    levels = np.zeros((65, 65), np.uint8)
    levels[:, 32] = 255
    assert (blurred(levels, 0, 6) == levels).all()
    across = blurred(levels, 6, 0)
    assert across[32, 20] > 0 and (across == across[:1]).all()
    assert (blurred(levels.T, 0, 6) == across.T).all()


def test_what_the_mask_leaves_alone_stays_to_the_bit():
    image, mask = picture(), mask_with((20, 10, 40, 30))
    for only_masked in (False, True):
        rules = replace(SHARP, only_masked=only_masked, padding=4)
        prepared = canvas(image, mask, Size(64, 48), rules)
        result = prepared.pasted(np.full((48, 64, 3), 9, np.uint8))
        assert (result[mask == 0] == image[mask == 0]).all()
        assert (result[mask == 1] == 9).all()


def test_a_soft_edge_runs_from_old_to_new():
    image, mask = np.zeros((48, 64, 3), np.uint8), mask_with((24, 0, 64, 48))
    prepared = canvas(image, mask, Size(64, 48), replace(SHARP, blur_x=3, only_masked=True))
    row = prepared.pasted(np.full((48, 64, 3), 255, np.uint8))[20, :, 0].astype(int)
    assert row[0] == 0 and row[-1] == 255 and (np.diff(row) >= 0).all() and len(np.unique(row)) > 8


def test_inside_and_outside_are_each_others_opposite():
    image, mask = picture(), mask_with((20, 10, 40, 30))
    inside = canvas(image, mask, Size(64, 48), SHARP)
    outside = canvas(image, 1 - mask, Size(64, 48), replace(SHARP, invert=True))
    assert (inside.mask == outside.mask).all()
    turned = canvas(image, mask, Size(64, 48), replace(SHARP, invert=True))
    assert (turned.mask == 1 - inside.mask).all()


def test_only_masked_draws_the_part_at_full_size_and_puts_it_back():
    image = np.full((128, 128, 3), 50, np.uint8)
    image[40:72, 30:62] = 200
    prepared = canvas(
        image, mask_with((40, 50, 52, 62), 128, 128), Size(64, 64), replace(SHARP, only_masked=True, padding=10)
    )
    assert prepared.box == (30, 40, 62, 72)
    assert prepared.init.shape == (64, 64, 3) and (prepared.init == 200).all()
    assert prepared.mask.shape == (64, 64) and 0.1 < prepared.mask.mean() < 0.2
    result = prepared.pasted(np.full((64, 64, 3), 7, np.uint8))
    assert result.shape == image.shape
    assert (result[50:62, 40:52] == 7).all() and (result == 7).sum() == 12 * 12 * 3


def test_a_black_mask_is_plain_image_to_image():
    image = picture()
    prepared = canvas(image, np.zeros((48, 64), np.float32), Size(32, 24), replace(SHARP, only_masked=True))
    assert prepared.mask is None
    new = picture(32, 24, seed=1)
    assert prepared.pasted(new) is new


def test_fill_continues_the_surroundings_and_touches_nothing_else():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = (255, 0, 0), (0, 0, 255)
    image[24:40, 24:40] = (0, 255, 0)
    levels = np.zeros((64, 64), np.uint8)
    levels[22:42, 22:42] = 255
    result = filled(image, levels)
    assert (result[levels == 0] == image[levels == 0]).all()
    hole = result[levels == 255].reshape(20, 20, 3)
    assert hole[..., 1].max() < 3, "nothing of what was under the mask is left"
    assert (hole[:, 2, 0] > 150).all() and (hole[:, -3, 2] > 150).all()
    assert abs(int(hole[10, 9, 0]) - int(hole[10, 10, 0])) < 40, "the middle is smooth"


def test_fill_changes_what_the_sampler_starts_from_only():
    image, mask = picture(), mask_with((20, 10, 40, 30))
    original, fill = (canvas(image, mask, Size(64, 48), replace(SHARP, content=c)) for c in ("original", "fill"))
    assert (original.init == image).all()
    assert not (fill.init[mask == 1] == image[mask == 1]).all()
    assert (fill.reference == image).all() and (fill.kept == image).all()


def test_latent_resizing_keeps_the_pictures_own_size_and_the_masks_of_the_request():
    image, mask = picture(), mask_with((20, 10, 40, 30))
    prepared = canvas(image, mask, Size(128, 96), replace(SHARP, content="fill"), mode="latent")
    assert prepared.init.shape == (48, 64, 3) and prepared.mask.shape == (96, 128)
    assert prepared.pasted(picture(128, 96)).shape == (96, 128, 3)


def test_a_mask_of_another_size_is_told():
    with pytest.raises(UserError, match="64x48"):
        canvas(picture(), np.zeros((10, 10), np.float32), Size(64, 48), SHARP)

"""Hints keep what they are at another size."""

import cv2
import numpy as np
import pytest

from core.image import Size
from diffusion.hints import Hint, at_short_side, fitted, looked_at, resized_map
from tests.motion.pictures import clouds

SIZES = (Size(128, 96), Size(40, 30), Size(96, 96), Size(33, 71))


def lines():
    canvas = np.zeros((64, 96), np.uint8)
    cv2.circle(canvas, (48, 32), 20, 255, 1)
    cv2.line(canvas, (5, 5), (90, 50), 255, 1)
    return np.repeat(canvas[..., None], 3, axis=2)


@pytest.mark.parametrize("size", SIZES)
def test_lines_stay_black_and_white_thin_and_whole(size):
    found = resized_map(lines(), size)
    assert Size.of(found) == size and set(np.unique(found)) == {0, 255}
    single = found[..., 0]
    solid = cv2.erode(single, np.ones((3, 3), np.uint8))
    assert np.count_nonzero(solid) <= np.count_nonzero(single) * 0.02
    pieces = cv2.connectedComponents(single, connectivity=8)[0]
    assert pieces == cv2.connectedComponents(lines()[..., 0], connectivity=8)[0]


@pytest.mark.parametrize("size", SIZES)
def test_areas_stay_black_and_white_and_keep_their_share(size):
    image = np.zeros((64, 96, 3), np.uint8)
    image[10:40, 20:70] = 255
    found = resized_map(image, size)
    assert set(np.unique(found)) == {0, 255}
    assert abs((found > 0).mean() - (image > 0).mean()) < 0.03


@pytest.mark.parametrize("size", SIZES)
def test_labels_do_not_mix(size):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 256, (9, 3)).astype(np.uint8)
    image = labels[np.kron(np.arange(9).reshape(3, 3), np.ones((20, 30), int))]
    found = resized_map(np.ascontiguousarray(image), size)
    known = {tuple(colour) for colour in labels}
    assert {tuple(colour) for colour in found.reshape(-1, 3)} <= known


def test_pictures_are_averaged_when_shrunk_and_cubic_when_enlarged():
    image = clouds(Size(96, 64))
    assert np.array_equal(resized_map(image, Size(48, 32)), cv2.resize(image, (48, 32), interpolation=cv2.INTER_AREA))
    assert np.array_equal(
        resized_map(image, Size(192, 128)), cv2.resize(image, (192, 128), interpolation=cv2.INTER_CUBIC)
    )


def test_crop_cuts_evenly_and_fill_adds_the_borders_colour():
    image = np.full((40, 80, 3), (9, 60, 200), np.uint8)
    image[:, 40] = (255, 0, 0)
    cut = fitted(image, Size(40, 40), "crop")
    assert np.array_equal(cut, image[:, 20:60])
    framed = fitted(image, Size(80, 80), "fill")
    assert np.array_equal(framed[20:60], image) and (framed[:20] == (9, 60, 200)).all()
    assert fitted(image, Size(40, 40), "stretch").shape == (40, 40, 3)


@pytest.mark.parametrize(("fit", "side"), [("crop", 512), ("stretch", 512), ("fill", 288)])
def test_pixel_perfect_is_the_web_uis_rule(fit, side):
    # 1920 x 1080 for 512 x 512: k = 512/1920 or 512/1080
    assert looked_at(Size(1920, 1080), Size(512, 512), fit) == side


def test_what_is_hidden_follows_the_picture():
    hidden = np.zeros((40, 80), np.float32)
    hidden[:, 40:] = 1
    hint = Hint(clouds(Size(80, 40)), hidden=hidden).fitted(Size(40, 40), "crop")
    assert (hint.values()[:, 21:] == -1).all() and (hint.values()[:, :19] >= 0).all()


def test_a_flow_picture_goes_along():
    hint = Hint(clouds(Size(80, 40)), flow=clouds(Size(80, 40), seed=2)).fitted(Size(64, 64), "fill")
    assert hint.channels == 6 and hint.values().shape == (64, 64, 6)


def test_the_short_side_is_what_was_asked_for():
    assert Size.of(at_short_side(clouds(Size(80, 40)), 20)) == Size(40, 20)
    image = clouds(Size(80, 40))
    assert at_short_side(image, 40) is image

"""What is done to the carried picture between frames."""

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest

from animator.coherence import (
    Coherence,
    CoherenceRules,
    ColorReference,
    color_matched,
    conditioned,
    contrasted,
    grayscaled,
    sharpened,
)
from core.errors import UserError
from core.image import is_image

SPACES = ("lab", "hsv", "rgb")
LOOKS = ("true", "deforum")


def picture(seed: int, height: int = 72, width: int = 100) -> np.ndarray:
    """Soft coloured blobs over the whole range of levels."""
    rough = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def reference(image: np.ndarray, space: str, look: str) -> ColorReference:
    return ColorReference.of(image, CoherenceRules(match=space, look=look))


def sharpen(image: np.ndarray, amount: float, kernel: float = 5, threshold: float = 0, look: str = "true"):
    return sharpened(image, amount, kernel=kernel, sigma=1, threshold=threshold, look=look)


def matched_by_the_book(channel: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Histogram matching of one channel, level by level, truncated."""
    levels, ranks = np.unique(target, return_counts=True)
    shares = [np.mean(channel <= level) for level in range(256)]
    return np.interp(shares, np.cumsum(ranks) / target.size, levels).astype(np.uint8)[channel]


@pytest.mark.parametrize("look", LOOKS)
def test_default_numbers_return_the_very_same_picture(look):
    image = picture(0)
    assert conditioned(image, Coherence(), CoherenceRules(look=look), None, 7) is image


def test_the_space_none_leaves_colours_alone():
    image = picture(0)
    assert color_matched(image, reference(picture(1), "none", "true")) is image


@pytest.mark.parametrize("space", SPACES)
def test_a_picture_keeps_every_level_under_its_own_palette(space):
    image = picture(0)
    assert np.array_equal(color_matched(image, reference(image, space, "true")), image)


@pytest.mark.parametrize("space", SPACES)
def test_matching_undoes_a_change_of_brightness_and_tint(space):
    image = picture(0)
    faded = np.clip(image * (0.7, 0.8, 0.6) + (30, 20, 40), 0, 255).astype(np.uint8)
    matched = color_matched(faded, reference(image, space, "true"))
    before, after = (np.abs(other.astype(int) - image).mean() for other in (faded, matched))
    assert after < before / 2


@pytest.mark.parametrize("space", SPACES)
def test_many_matchings_do_not_wear_a_picture_out(space):
    image = picture(0)
    kept = reference(image, space, "true")
    for _ in range(20):
        image = color_matched(image, kept)
    assert np.array_equal(image, picture(0))


@pytest.mark.parametrize("space", SPACES)
def test_deforum_matching_is_histogram_matching_in_swapped_channels(space):
    codes = {"lab": (cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB), "hsv": (cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB)}
    image, target = picture(0), picture(1, 40, 60) // 2 + 40
    swapped = [np.ascontiguousarray(each[..., ::-1]) for each in (image, target)]
    if space != "rgb":
        swapped = [cv2.cvtColor(each, codes[space][0]) for each in swapped]
    expected = np.stack([matched_by_the_book(swapped[0][..., c], swapped[1][..., c]) for c in range(3)], axis=-1)
    if space != "rgb":
        expected = cv2.cvtColor(expected, codes[space][1])
    assert np.array_equal(color_matched(image, reference(target, space, "deforum")), expected[..., ::-1])


def test_contrast_multiplies_and_clips():
    levels = np.full((1, 4, 3), [[100], [230], [250], [255]], np.uint8)
    assert contrasted(levels, 1.1)[0, :, 0].tolist() == [110, 253, 255, 255]


def test_grayscale_is_gray_and_idempotent():
    gray = grayscaled(picture(0))
    assert np.ptp(gray, axis=2).max() == 0
    assert np.array_equal(grayscaled(gray), gray)


def test_sharpening_adds_what_blur_takes_away():
    image = picture(0)
    blurred = cv2.GaussianBlur(image, (5, 5), 1).astype(float)
    expected = np.clip(1.25 * image - 0.25 * blurred, 0, 255)
    assert np.abs(sharpen(image, 0.25) - expected).max() <= 0.5


@pytest.mark.parametrize(("kernel", "odd"), [(4, 5), (4.9, 5), (5.9, 5), (6, 7), (1.5, 1), (255, 255)])
def test_kernels_are_truncated_and_made_odd_upwards(kernel, odd):
    image = picture(0)
    assert np.array_equal(sharpen(image, 0.5, kernel), sharpen(image, 0.5, odd))


@pytest.mark.parametrize("kernel", [0.9, -3, 256, 1e12, float("nan")])
def test_kernels_that_are_none_are_refused_by_name(kernel):
    with pytest.raises(UserError, match="sharpen_kernel"):
        sharpen(picture(0), 0.5, kernel)


def test_threshold_leaves_faint_detail_alone_on_both_sides():
    image = picture(0)
    blurred = cv2.GaussianBlur(image, (5, 5), 1).astype(int)
    faint = np.abs(image - blurred) < 3
    assert np.array_equal(sharpen(image, 2, threshold=3), np.where(faint, image, sharpen(image, 2)))


def test_deforum_threshold_leaves_faint_detail_alone_on_the_bright_side_only():
    image = picture(0)
    difference = image.astype(int) - cv2.GaussianBlur(image, (5, 5), 1)
    faint = (difference >= 0) & (difference < 3)
    assert np.array_equal(sharpen(image, 2, threshold=3, look="deforum"), np.where(faint, image, sharpen(image, 2)))


def test_colour_comes_before_gray_and_gray_before_noise():
    image, numbers = picture(0), Coherence(noise=0.1)
    rules = CoherenceRules(grayscale=True)
    bright = ColorReference.of(picture(1) // 2 + 127, rules)
    quiet = conditioned(image, replace(numbers, noise=0), rules, bright, 7)
    assert np.ptp(quiet, axis=2).max() == 0
    assert quiet.mean() > 150
    assert np.ptp(conditioned(image, numbers, rules, bright, 7), axis=2).max() > 0


def test_contrast_comes_before_sharpening_and_sharpening_before_noise():
    image, rules = picture(0), CoherenceRules()
    numbers = Coherence(noise=0.1, contrast=1.5, sharpen=0.8)
    by_hand = conditioned(sharpen(contrasted(image, 1.5), 0.8), Coherence(noise=0.1), rules, None, 7)
    assert np.array_equal(conditioned(image, numbers, rules, None, 7), by_hand)


@pytest.mark.parametrize(("look", "space", "kind"), list(product(LOOKS, SPACES, ("white", "perlin"))))
def test_every_choice_gives_an_image_and_leaves_its_argument_alone(look, space, kind):
    image = picture(0)
    rules = CoherenceRules(match=space, noise_kind=kind, look=look, grayscale=True)
    numbers = Coherence(noise=0.05, contrast=1.1, sharpen=0.2, sharpen_threshold=2)
    result = conditioned(image, numbers, rules, ColorReference.of(picture(1), rules), 7)
    assert is_image(result)
    assert result.shape == image.shape
    assert np.array_equal(image, picture(0))

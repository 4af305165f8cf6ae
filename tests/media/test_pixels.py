"""Decoded frames as images."""

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from core.image import Size
from media.pixels import GLIMPSE, glimpse, image_of, means, rgba_of

SIZE = Size(176, 150)


def soft() -> np.ndarray:
    """Colours and opacity that change slowly, H x W x 4."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width] / 40
    waves = [np.sin(x), np.sin(y + 1), np.sin(x + y), np.sin(x - y)]
    return np.round(128 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)


def frame(pixels):
    made = av.VideoFrame.from_ndarray(soft(), "rgba")
    if pixels.startswith("yuv"):
        return made.reformat(format=pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    return made.reformat(format=pixels)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuva420p", "yuva444p10le", "gbrp", "rgb24", "nv12"])
def test_a_glimpse_has_the_mean_colours_of_its_frame(pixels):
    whole, grid = frame(pixels), Size(4, 4)
    small = glimpse(whole)
    is_apart = pixels not in ("rgb24", "nv12")
    assert (small.width, small.height) == ((GLIMPSE, GLIMPSE) if is_apart else SIZE)
    seen, expected = (means(rgba_of(each, VideoReformatter()), grid).astype(int) for each in (small, whole))
    assert np.abs(seen - expected).max() <= 4


def test_a_small_frame_is_its_own_glimpse():
    small = av.VideoFrame(2 * GLIMPSE - 2, 400, "yuv420p")
    assert glimpse(small) is small


@pytest.mark.parametrize("size", [Size(4, 4), Size(3, 7)])
def test_means_of_large_arrays_are_those_of_small_ones(size):
    image = np.kron(soft()[..., :3], np.ones((4, 4, 1), np.uint8))
    assert np.abs(means(image, size).astype(int) - means(soft()[..., :3], size)).max() <= 1


def test_conversion_is_exact_to_half_a_level_where_colours_are_even():
    even = np.full((64, 64, 3), (200, 90, 30), np.uint8)
    shown = av.VideoFrame.from_ndarray(even, "rgb24").reformat(
        format="yuv444p16le", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    shown.colorspace = Colorspace.ITU709
    assert np.abs(image_of(shown, VideoReformatter()).astype(int) - even).max() <= 1

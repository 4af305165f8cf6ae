"""What is special about single controls."""

import sys

import cv2
import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import MissingLibrary, UserError, WeightsError
from core.image import Size
from diffusion.controls import REGISTRY, Given
from diffusion.controls.normal import normals
from diffusion.controls.temporal import colour_wheel, flow_colours
from tests.diffusion.controls import weights
from tests.motion.pictures import clouds

SIZE = Size(96, 64)


def hint(control, image, **given):
    options = given.pop("options", {})
    return REGISTRY.build(control, options, pool=ModelPool()).hint(Given(image, **given))


def square(inside=255, outside=0):
    image = np.full((64, 96, 3), outside, np.uint8)
    image[16:48, 24:72] = inside
    return image


def test_canny_is_opencvs():
    image = clouds(SIZE)
    found = hint("canny", image, options={"low": 50, "high": 120}).image
    assert np.array_equal(found[..., 0], cv2.Canny(image, 50, 120)) and found.max() == 255


def test_canny_does_not_mind_which_threshold_is_the_higher():
    image = clouds(SIZE)
    one, other = (hint("canny", image, options={"low": a, "high": b}).image for a, b in ((50, 120), (120, 50)))
    assert np.array_equal(one, other)


def test_a_black_and_white_picture_passes_brightness_untouched():
    image = square()
    assert np.array_equal(hint("brightness", image).image, image)
    assert np.array_equal(hint("brightness", image, options={"invert": True}).image, 255 - image)


def test_a_threshold_splits_between_its_neighbours():
    image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    found = hint("threshold", image, options={"level": 99}).image[0, :, 0]
    assert (found[:100] == 0).all() and (found[100:] == 255).all()


def test_tile_at_rate_one_is_the_picture_and_loses_detail_above():
    image = clouds(SIZE)
    assert np.array_equal(hint("tile", image).image, image)
    rough = [
        np.abs(np.diff(hint("tile", image, options={"rate": rate}).image.astype(int))).mean() for rate in (1, 4, 8)
    ]
    assert rough[0] > rough[1] > rough[2]


def test_shuffle_keeps_colours_and_follows_its_seed():
    image = clouds(SIZE)
    one, other = (hint("shuffle", image, seed=seed).image for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert abs(float(one.mean()) - float(image.mean())) < 40
    assert one.min() >= image.min() and one.max() <= image.max()


def test_dark_lines_are_found_and_light_ground_is_not():
    image = square(inside=240, outside=240)
    image[30:33, 10:80] = 20
    for control in ("lineart", "scribble"):
        found = hint(control, image).image[..., 0]
        assert found[31, 30] > 100 and found[5, 5] == 0


def test_straight_lines_are_found_where_they_are():
    found = hint("mlsd", square()).image[..., 0]
    assert found[16, 30:66].mean() > 100 or found[15, 30:66].mean() > 100
    assert found[30:34, 40:60].max() == 0


def test_near_is_white_and_far_is_black():
    rows = np.linspace(8, 1, 64, dtype=np.float32)[:, None]
    found = hint("depth", square(), depth=lambda image: np.repeat(rows, 96, axis=1)).image[..., 0]
    assert found[-1].min() == 255 and found[0].max() == 0 and (np.diff(found[:, 0].astype(int)) >= 0).all()


def test_background_is_left_out_of_the_relief():
    rows = np.linspace(8, 1, 64, dtype=np.float32)[:, None]
    given = {"depth": lambda image: np.repeat(rows, 96, axis=1)}
    cut = hint("depth", square(), options={"background": 50}, **given).image[..., 0]
    assert (cut[cut > 0] >= 127).all() and (cut == 0).mean() > 0.5


@pytest.mark.parametrize("name", ["depth", "normal"])
def test_without_a_depth_model_it_says_so(name):
    with pytest.raises(UserError, match="needs a depth model"):
        hint(name, square())


def test_a_floor_faces_up_and_a_wall_faces_the_camera():
    wall = normals(np.full((64, 96), 2, np.float32), 0.0)
    assert np.abs(wall.astype(int) - (128, 128, 255)).max() <= 1
    floor = normals(np.repeat(1 / np.linspace(0.1, 1, 64, dtype=np.float32)[:, None], 96, axis=1), 0.0)
    assert floor[32, 48, 1] > 150 and abs(int(floor[32, 48, 0]) - 128) <= 1


def test_a_wall_that_nears_to_the_right_faces_left():
    depth = np.repeat(1 / np.linspace(0.1, 1, 96, dtype=np.float32)[None], 64, axis=0)
    assert normals(depth, 0.0)[32, 48, 0] > 150


def test_inpaint_hides_what_is_masked_and_needs_a_mask():
    mask = np.zeros((64, 96), np.float32)
    mask[:, 48:] = 1
    values = hint("inpaint", square(), mask=mask).values()
    assert (values[:, 48:] == -1).all() and (values[:, :48] >= 0).all()
    with pytest.raises(UserError, match="no mask"):
        hint("inpaint", square())


def test_temporal_two_shows_six_channels_and_white_where_nothing_moves():
    image = clouds(SIZE)
    values = hint("temporal", image, options={"version": "2"}).values()
    assert values.shape == (64, 96, 6)
    assert np.array_equal(values[..., :3], hint("temporal", image, options={"version": "1"}).values())
    assert (values[..., 3:] == 1).all()


def test_flow_colours_do_not_know_how_fast_it_is():
    flow = np.random.default_rng(1).normal(size=(12, 16, 2)).astype(np.float32)
    difference = flow_colours(flow).astype(int) - flow_colours(flow * 7)
    assert np.abs(difference).max() <= 1


def test_each_direction_has_its_own_colour():
    flow = np.zeros((1, 4, 2), np.float32)
    flow[0, :] = ((1, 0), (0, 1), (-1, 0), (0, -1))
    right, down, left, up = flow_colours(flow)[0].astype(int)
    assert right[0] > 250 and right[1] < 50 and right[2] < 50  # red
    assert down[0] > 200 and down[1] > 200 and down[2] < 50  # yellow
    assert left[1] > 200 and left[2] > 200 and left[0] < 50  # cyan
    assert up[2] > 250 and up[1] < 50  # blue to violet


def test_flow_colours_are_those_of_torchvision():
    torchvision = pytest.importorskip("torchvision.utils", exc_type=ImportError)
    import torch

    flow = np.random.default_rng(1).normal(0, 3, (40, 50, 2)).astype(np.float32)
    theirs = torchvision.flow_to_image(torch.from_numpy(flow).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    assert np.array_equal(flow_colours(flow), theirs)


def test_the_wheel_goes_round_the_primaries():
    wheel = colour_wheel()
    assert wheel.shape == (55, 3) and tuple(wheel[0]) == (1, 0, 0) and tuple(wheel[15]) == (1, 1, 0)
    assert tuple(wheel[21]) == (0, 1, 0) and tuple(wheel[25]) == (0, 1, 1) and tuple(wheel[36]) == (0, 0, 1)


@pytest.mark.parametrize("name", sorted(weights.LEARNED))
def test_a_network_gives_a_hint_of_the_pictures_size(name, tmp_path):
    options = weights.LEARNED[name](tmp_path)
    found = hint(name, clouds(Size(70, 50)), options=options).image
    assert found.shape == (50, 70, 3) and found.dtype == np.uint8


def test_damaged_weights_are_told(tmp_path):
    options = weights.pidi(tmp_path)
    (tmp_path / "table5_pidinet.pth").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        hint("soft_edge", square(), options=options)


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "table5_pidinet.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "controlnet_aux", None)
    with pytest.raises(MissingLibrary, match=r"driftloop\[controls\]"):
        hint("soft_edge", square(), options={"model": str(tmp_path)})

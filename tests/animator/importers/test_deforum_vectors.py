"""Imported settings move the picture as Deforum does: black-box measurements of Deforum, through import and warp."""

import numpy as np
import pytest

from animator.importers.deforum_key import NO_DEFAULT
from animator.importers.deforum_keys import KEYS
from animator.project import parse
from animator.timeline import Timeline
from motion.warp2d import warp2d
from motion.warp3d import warp3d

HEIGHT, WIDTH, DOT = 192, 256, (180, 60)

# what is set in a 256 x 192 file, and where a dot at (180, 60) goes
FLAT = [
    ({"translation_x": "0:(10)"}, (190, 60)),
    ({"translation_y": "0:(10)"}, (180, 70)),
    ({"angle": "0:(10)"}, (173.0, 51.5)),
    ({"zoom": "0:(1.2)"}, (190.4, 52.8)),
    ({"zoom": "0:(1.2)", "translation_x": "0:(10)"}, (202.4, 52.8)),
]
IN_DEPTH = [
    ({"translation_x": "0:(10)"}, (170.9, 60)),
    ({"translation_y": "0:(10)"}, (180, 66.9)),
    ({"translation_z": "0:(10)"}, (184.3, 57.1)),
    ({"rotation_3d_x": "0:(2)"}, (179.2, 65.2)),
    ({"rotation_3d_y": "0:(2)"}, (172.9, 60.6)),
    ({"rotation_3d_z": "0:(5)"}, (173.2, 55.9)),
]
STILL = {"zoom": "0:(1)", "translation_z": "0:(0)", "seed": 1}


def project(**settings):
    defaults = {key: row.default for key, row in KEYS.items() if row.default is not NO_DEFAULT}
    file = defaults | STILL | {"W": WIDTH, "H": HEIGHT, "prompts": {"0": "a"}} | settings
    return parse(file, "x", changes=["generator=noise", "export=[]"]).project


def dotted():
    """A soft dot, so that its middle can be found between pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    dot = 255 * np.exp(-((x - DOT[0]) ** 2 + (y - DOT[1]) ** 2) / 8)
    return np.repeat(dot.astype(np.uint8)[..., None], 3, axis=2)


def middle(image):
    weights = image[..., 0].astype(float)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (weights * x).sum() / weights.sum(), (weights * y).sum() / weights.sum()


@pytest.mark.parametrize(("settings", "expected"), FLAT)
def test_a_dot_in_a_flat_animation_goes_where_deforum_moves_it(settings, expected):
    made = project(**settings)
    rules, frame = made.warp, Timeline(made)[0]
    moved = warp2d(
        dotted(), frame.camera, border=rules.border, sampling=rules.sampling, geometry=rules.geometry, flip=rules.flip
    )
    assert middle(moved) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(("settings", "expected"), IN_DEPTH)
def test_a_dot_in_depth_goes_where_deforum_moves_it(settings, expected):
    made = project(animation_mode="3D", depth_algorithm="mini", **settings)
    rules, frame = made.warp, Timeline(made)[0]
    moved = warp3d(
        dotted(),
        np.ones((HEIGHT, WIDTH), np.float32),
        frame.camera,
        frame.lens,
        border=rules.border,
        sampling=rules.sampling,
        geometry=rules.geometry,
        flip=rules.flip,
    )
    assert middle(moved) == pytest.approx(expected, abs=0.15)

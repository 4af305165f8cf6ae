"""The flow interpolator against motion that is known."""

import cv2
import numpy as np

from core.devices import ModelPool
from interpolation.models import blend, flow


def scene(shift: float) -> np.ndarray:
    """A textured square that has moved to the right before a smooth ground."""
    rows, columns = np.mgrid[0:96, 0:128].astype(np.float32)
    ground = np.stack([rows * 1.5, columns, 200 - rows], -1)
    inside = (np.abs(rows - 48) < 20) & (np.abs(columns - 40 - shift) < 20)
    texture = 128 + 100 * np.sin((columns - shift) / 3) * np.cos(rows / 4)
    return np.where(inside[..., None], texture[..., None], ground).clip(0, 255).astype(np.uint8)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    return cv2.PSNR(one, other)


def test_a_moving_thing_is_half_way_at_half_time():
    found = flow.build(flow.Options(), ModelPool()).between(scene(0), scene(12), [0.25, 0.5, 0.75])
    faded = blend.build(blend.Options(), ModelPool()).between(scene(0), scene(12), [0.25, 0.5, 0.75])
    for image, ghost, shift in zip(found, faded, (3, 6, 9), strict=True):
        assert decibels(image, scene(shift)) > decibels(ghost, scene(shift)) + 4


def test_times_near_the_ends_look_like_the_ends():
    start, end = flow.build(flow.Options(), ModelPool()).between(scene(0), scene(12), [0.001, 0.999])
    assert decibels(start, scene(0)) > 30 and decibels(end, scene(12)) > 30


def test_turning_time_round_turns_the_answer_round():
    made = flow.build(flow.Options(), ModelPool())
    ahead = made.between(scene(0), scene(8), [0.3])[0]
    back = made.between(scene(8), scene(0), [0.7])[0]
    assert np.abs(ahead.astype(int) - back).max() <= 1

"""Clips whose figures are known."""

import cv2
import numpy as np

from core.image import Image
from interpolation.meter import Meter, Series, Sight
from motion.fields import agreement, warped
from motion.flow import dis

WIDTH, HEIGHT = 96, 64
SIGHT = Sight(dis.build(dis.Options(), None).flow, warped, agreement)


def texture(seed: int = 0, width: int = WIDTH) -> Image:
    """Soft blobs that go on from the right edge to the left one."""
    noise = np.random.default_rng(seed).random((HEIGHT, width, 3), dtype=np.float32)
    ring = np.concatenate([noise] * 3, axis=1)
    soft = cv2.GaussianBlur(ring, (0, 0), 3)[:, width : 2 * width]
    soft = (soft - soft.min()) / np.ptp(soft)
    return (soft * 200 + 28).astype(np.uint8)


def wheel(count: int = 24, turns: int = 1, shift: float = 4.0) -> list[Image]:
    """A picture that runs around: a perfect loop when `count * shift` is the width."""
    picture = texture()
    return [np.roll(picture, round(n * shift * turns), axis=1) for n in range(count)]


def measured(frames: list[Image], fps: int = 24) -> Series:
    from fractions import Fraction

    meter = Meter(SIGHT, Fraction(fps))
    for frame in frames:
        meter.see(frame)
    return meter.series()

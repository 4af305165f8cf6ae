"""What is measured of a clip by the motion of another."""

from fractions import Fraction

import numpy as np

from animator.report import meter
from core.image import Size
from tests.motion.pictures import clouds

SIZE = Size(64, 48)


def test_a_cut_of_the_clip_is_no_fault_of_what_is_drawn_over_it():
    one, other = clouds(SIZE), 255 - clouds(SIZE, seed=3) // 4
    clip = [one, one, one, other, other, other]
    eye = meter(Fraction(10))
    for image in clip:
        eye.see(np.ascontiguousarray(image), np.ascontiguousarray(image))
    series = eye.series()
    assert series.warp_errors.max() < 1e-6 and series.flicker.max() < 0.01
    bare = meter(Fraction(10))
    for image in clip:
        bare.see(np.ascontiguousarray(image))
    assert bare.series().warp_errors.max() > 0.01

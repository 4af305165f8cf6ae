"""What each method makes of a clip so that it goes round."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from animator.closers import Closer, strides
from core.devices import ModelPool
from interpolation.loops import Part
from interpolation.search import Loop
from media.sound import RATE
from media.soundring import Recording
from tests.interpolation.clips import texture
from tests.interpolation.test_loops import Held

FPS = Fraction(24)
FIXED = Closer.named("blend", {}, FPS, ModelPool())
FREE = replace(FIXED, is_free=True)


def uneven():
    """A picture that sets out in a hurry and goes on evenly."""
    shifts = [9, 9, 9, 9, 9, 9, *[3] * 24]
    return Held([np.roll(texture(), place, axis=1) for place in np.cumsum([0, *shifts])])


def closings(closer):
    clip = uneven()
    part, stride = Part(clip, 0, clip.count), strides(clip)
    yield closer.fade(part, stride, 4, moves=False)
    yield closer.gap(part, stride, 4)
    yield closer.cut(clip, Loop(2, 20, 9.0, 3.0), stride, 4)


def placed(image, among):
    return next(n for n, other in enumerate(among) if np.array_equal(image, other))


@pytest.mark.parametrize("method", [0, 1, 2])
def test_a_free_loop_is_the_fixed_one_begun_elsewhere_with_its_sound(method):
    fixed, free = (list(closings(closer))[method] for closer in (FIXED, FREE))
    shown, turned = list(fixed.images), list(free.images)
    begin = placed(turned[0], shown)
    assert begin > 0
    assert all(np.array_equal(one, other) for one, other in zip(turned, shown[begin:] + shown[:begin], strict=True))
    own = uneven().images
    for made, images in ((fixed, shown), (free, turned)):
        found = {n for n, image in enumerate(images) if not any(np.array_equal(image, other) for other in own)}
        assert found <= {n % len(images) for n in made.made}
    noise = Recording(np.random.default_rng(0).normal(0, 0.1, (2 * RATE, 2)).astype(np.float32))
    assert np.array_equal(free.sound(noise), np.roll(fixed.sound(noise), -round(begin * RATE / FPS), axis=0))


@pytest.mark.parametrize("method", [0, 1, 2])
def test_a_free_loop_begins_at_an_ordinary_step(method):
    images = list(list(closings(FREE))[method].images)
    steps = [np.square(one.astype(float) - other).mean() for one, other in itertools.pairwise(images)]
    seam = np.square(images[-1].astype(float) - images[0]).mean()
    assert 0.8 < seam / np.median(steps) < 1.25

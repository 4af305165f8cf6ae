import numpy as np
import pytest

from animator.coherence import CoherenceRules, ColorReference, remembered_palette
from animator.feedback import Feedback, faded
from animator.steps import Carry
from core.image import Size
from tests.animator.toys import Echo, params

SIZE = Size(12, 8)


def shifting(_picture, _index):
    """Moves content one pixel to the right, around the edge; exact, so that steps can be counted."""
    return lambda image, _params: np.roll(image, 1, axis=1)


def feedback(generator=None, **changes):
    values = {
        "identity": "test", "generator": generator or Echo(), "look": shifting, "size": SIZE, "cadence": 1,
        "color": CoherenceRules(match="none"),
    }  # fmt: skip
    values |= changes
    return Feedback(**values, palette_of=remembered_palette(values["color"]))


def frames_of(mode, count):
    timeline = [params(i) for i in range(count)]
    images, carry = [], Carry()
    for step in mode.plan(timeline):
        made, carry = mode.run(step, carry)
        images += made
    return images


@pytest.mark.parametrize("cadence", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_every_frame_is_emitted(cadence, count):
    assert len(frames_of(feedback(cadence=cadence), count)) == count


@pytest.mark.parametrize("cadence", [1, 2, 3, 4])
def test_every_frame_index_adds_exactly_one_warp(cadence):
    images = frames_of(feedback(cadence=cadence), 9)
    for index, image in enumerate(images):
        assert np.array_equal(image, np.roll(images[0], index, axis=1))


def test_pictures_are_generated_at_every_nth_frame_with_its_values():
    generator = Echo()
    frames_of(feedback(generator, cadence=3), 8)
    assert [request.seed for request in generator.requests] == [0, 3, 6]


class Levels(Echo):
    """Gives flat gray pictures of rising level, whatever the init."""

    def _image(self, request):
        return np.full((8, 12, 3), 40 * (1 + request.seed // 3), np.uint8)


def test_the_cadence_fades_from_the_older_picture_to_the_newer():
    images = frames_of(feedback(Levels(), cadence=3), 8)
    levels = [int(image[0, 0, 0]) for image in images]
    # first block: one picture only; then 1/3, 2/3, 3/3 of the way to the next
    assert levels == [40, 40, 40, 53, 67, 80, 93, 107]


def test_the_init_picture_starts_the_first_frame_with_its_own_denoise():
    init = np.full((8, 12, 3), 77, np.uint8)
    generator = Echo()
    images = frames_of(feedback(generator, init=init, init_denoise=0.3), 2)
    assert np.array_equal(images[0], init)
    assert generator.requests[0].sampling.denoise == 0.3
    assert generator.requests[1].sampling.denoise == params(1).sampling.denoise


def test_the_first_frame_pins_the_colours_and_is_handed_on():
    mode = feedback(color=CoherenceRules(match="rgb"))
    step, after = mode.plan([params(0), params(1)])
    images, carry = mode.run(step, Carry())
    assert np.array_equal(carry.images["reference"], images[0])
    _, later = mode.run(after, carry)
    assert np.array_equal(later.images["reference"], images[0])


def test_a_given_palette_colours_the_first_frame_too():
    palette = np.random.default_rng(5).integers(100, 120, (8, 12, 3), dtype=np.uint8)
    images = frames_of(feedback(palette=palette, color=CoherenceRules(match="rgb", reference="p.png")), 1)
    assert images[0].min() >= 100 and images[0].max() < 120


def test_fading_is_exact_at_its_ends():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    assert np.array_equal(faded(a, b, 0), a)
    assert np.array_equal(faded(a, b, 1), b)
    assert np.array_equal(faded(a, a, 0.37), a)


def test_a_palette_is_measured_once_a_picture():
    rules = CoherenceRules(match="lab")
    palette_of = remembered_palette(rules)
    a, b = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    first = palette_of(a)
    assert palette_of(a) is first
    assert np.array_equal(palette_of(b).shares, ColorReference.of(b, rules).shares)
    assert np.array_equal(palette_of(a).shares, first.shares)

import numpy as np
import pytest

from animator.coherence import Coherence, CoherenceRules, ColorReference, remembered_palette
from animator.feedback import Feedback, Palette, faded
from animator.generation import Generation
from animator.masks import MaskRules, Masks, MaskWords
from animator.mix import Mix
from animator.steps import Carry
from core.image import Size
from motion.flow.dis import Options, build
from tests.animator.toys import Echo, params
from tests.motion.pictures import clouds

SIZE = Size(12, 8)


def shifting(_picture, _index):
    """Moves content one pixel to the right, around the edge; exact, so that steps can be counted."""
    return lambda image, _params: np.roll(image, 1, axis=1)


def feedback(generator=None, **changes):
    color = changes.pop("color", CoherenceRules(match="none"))
    given = changes.pop("given", None)
    parts = {name: changes.pop(name) for name in ("masks", "guide", "rules", "flow") if name in changes}
    values = {"identity": "test", "look": shifting, "cadence": 1} | changes
    generation = Generation(generator or Echo(), SIZE, **parts)
    return Feedback(**values, generation=generation, palette=Palette(color, remembered_palette(color), given))


def frames_of(mode, count, **values):
    timeline = [params(i, **values) for i in range(count)]
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
    images = frames_of(feedback(given=lambda _index: palette, color=CoherenceRules(match="rgb", reference="p.png")), 1)
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


def test_between_two_pictures_flow_lets_them_meet():
    """Two pictures of one thing in two places: a fade shows it twice, flow once, in the middle."""
    older = np.zeros((80, 96, 3), np.uint8)
    older[30:50, 30:50] = clouds(Size(20, 20)) // 2 + 128
    newer = np.roll(older, 6, axis=1)
    fade, meeting = feedback(), feedback(meeting=build(Options(), None))
    middle = meeting._between(older, newer, 0.5, params(1))
    ideal = np.roll(older, 3, axis=1).astype(int)
    faded_over = fade._between(older, newer, 0.5, params(1))
    assert np.abs(middle - ideal).mean() < 0.4 * np.abs(faded_over - ideal).mean()
    unmoved = meeting._between(older, newer, 0.5, params(1, mix=Mix(cadence_flow=0)))
    assert np.array_equal(unmoved, faded_over)


class Gray(Echo):
    """Gives a flat gray whatever it gets."""

    def _image(self, request):
        return np.full((8, 12, 3), 100, np.uint8)


def test_the_background_lies_where_nothing_is_drawn_in_every_frame():
    left = np.zeros((8, 12), np.float32)
    left[:, :6] = 1
    rules = MaskRules(blur=0, only_masked=False)
    masks = Masks(rules, SIZE, {"video_mask": lambda _i: left}, background=lambda i: np.full((8, 12, 3), i, np.uint8))
    mode = feedback(Gray(), masks=masks, cadence=3, init=np.full((8, 12, 3), 50, np.uint8))
    images = frames_of(mode, 7, masks=MaskWords("{video_mask}"))
    for index, image in enumerate(images):
        assert np.all(image[:, 7:] == index)


def test_a_video_takes_part_in_its_order():
    seen = []

    class Watched:
        def composed(self, image, params, when, before):
            seen.append((params.index, when, int(before[0, 0, 0])))
            return image

        def mover(self, params, before):
            seen.append((params.index, "motion", int(before[0, 0, 0])))
            return lambda image: image

    frames_of(feedback(Gray(), hybrid=Watched()), 2)
    assert [entry[1] for entry in seen] == ["before motion", "motion", "normal", "after generation"]
    assert {entry[0] for entry in seen} == {1} and {entry[2] for entry in seen} == {100}


def test_both_pictures_of_a_cadence_follow_the_video_once_a_frame():
    moved = []

    class Watched:
        def composed(self, image, params, when, before):
            return image

        def mover(self, params, before):
            moved.append(params.index)
            return lambda image: np.roll(image, 1, axis=1)

    images = frames_of(feedback(hybrid=Watched(), cadence=3), 7)
    assert set(moved) == set(range(1, 7))
    for index, image in enumerate(images):
        assert np.array_equal(image, np.roll(images[0], 2 * index, axis=1))  # once by the camera, once by the video


def test_noise_stays_inside_its_mask():
    left = np.zeros((8, 12), np.float32)
    left[:, :6] = 1
    masks = Masks(MaskRules(), SIZE, {"video_mask": lambda _i: left})
    generator = Echo()
    words = MaskWords("", "{video_mask}")
    frames_of(feedback(generator, masks=masks), 2, masks=words, coherence=Coherence(noise=0.5))
    before = np.roll(generator._image(generator.requests[0]), 1, axis=1)
    after = generator.requests[1].init
    assert np.array_equal(after[:, 6:], before[:, 6:]) and not np.array_equal(after[:, :6], before[:, :6])

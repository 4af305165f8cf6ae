"""One picture of a render: masks, second tries, blank pictures."""

import numpy as np
import pytest

from animator.generation import Generation
from animator.guided import Guide
from animator.masks import MaskRules, Masks, MaskWords, adjusted
from animator.mix import FeedbackRules, Mix
from animator.showing import Seen
from core.errors import BrokenPicture
from core.image import Size
from diffusion.backends.noise import Noise
from diffusion.request import Sampling
from motion.flow.dis import Options, build
from tests.animator.toys import Echo, params
from tests.motion.pictures import clouds

SIZE = Size(64, 48)
LEFT = np.zeros((48, 64), np.float32)
LEFT[:, :32] = 1
DRAW = MaskWords("{video_mask}")


def masks(**rules):
    chosen = MaskRules(**{"blur": 0, "only_masked": False} | rules)
    return Masks(chosen, SIZE, {"video_mask": lambda _frame: LEFT})


class Painter(Noise):
    """Remembers what it was asked for."""

    def __init__(self):
        object.__setattr__(self, "requests", [])

    __slots__ = ("requests",)

    def generate(self, requests):
        self.requests.extend(requests)
        return super().generate(requests)


def test_only_what_the_mask_shows_is_drawn():
    init = clouds(SIZE)
    generator = Painter()
    drawn = Generation(generator, SIZE, masks=masks()).next(params(1, masks=DRAW), init, Seen(init))
    assert np.array_equal(drawn[:, 32:], init[:, 32:]) and not np.array_equal(drawn[:, :32], init[:, :32])
    (request,) = generator.requests
    assert request.inpaint is not None and np.array_equal(request.inpaint.mask, LEFT)


def test_an_inverted_mask_draws_the_rest():
    init = clouds(SIZE)
    drawn = Generation(Noise(), SIZE, masks=masks(invert=True)).next(params(1, masks=DRAW), init, Seen(init))
    assert np.array_equal(drawn[:, :32], init[:, :32]) and not np.array_equal(drawn[:, 32:], init[:, 32:])


def test_a_picture_from_text_has_no_mask_and_an_empty_expression_draws_everything():
    for init, words in ((None, DRAW), (clouds(SIZE), MaskWords())):
        generator = Painter()
        Generation(generator, SIZE, masks=masks()).first(params(0, masks=words), init)
        assert generator.requests[0].inpaint is None


def test_the_masked_part_alone_is_drawn_at_full_size():
    generator, init = Painter(), clouds(SIZE)
    corner = np.where(np.arange(48)[:, None] < 24, LEFT, 0).astype(np.float32)
    part = Masks(MaskRules(blur=0, padding=0), SIZE, {"video_mask": lambda _frame: corner})
    drawn = Generation(generator, SIZE, masks=part).next(params(1, masks=DRAW), init, Seen(init))
    assert generator.requests[0].init.shape == init.shape
    assert not np.array_equal(generator.requests[0].init, init)
    assert np.array_equal(drawn[:, 32:], init[:, 32:])


def test_brightness_and_contrast_act_on_the_mask():
    gray = np.full((48, 64, 3), 100, np.uint8)
    gray[:, :32] = 200
    assert np.allclose(adjusted(gray, MaskRules(brightness=0.5), SIZE)[0, [0, 40]], [100 / 255, 50 / 255])
    assert np.allclose(adjusted(gray, MaskRules(contrast=2), SIZE)[0, [0, 40]], [250 / 255, 50 / 255])


def test_a_picture_is_drawn_over_as_often_as_asked_each_time_from_the_last():
    generator, init = Painter(), clouds(SIZE)
    Generation(generator, SIZE, FeedbackRules(redo=2)).next(params(1), init, Seen(init))
    first, second, last = generator.requests
    assert len({first.seed, second.seed, last.seed}) == 3 and last.seed == params(1).seed
    assert np.array_equal(first.init, init) and not np.array_equal(second.init, init)
    assert not np.array_equal(last.init, second.init)


def test_a_picture_drawn_from_nothing_is_drawn_once():
    generator, init = Painter(), clouds(SIZE)
    everything_anew = params(1, sampling=Sampling(denoise=1.0))
    Generation(generator, SIZE, FeedbackRules(redo=3), flow=build(Options(), None)).next(
        everything_anew, init, Seen(init)
    )
    assert len(generator.requests) == 1


class Shifting(Echo):
    """Moves what it is given four pixels to the right."""

    def _image(self, request):
        return np.roll(request.init, 4, axis=1)


def test_flow_of_a_trial_is_taken_back():
    generator, init = Shifting(), clouds(SIZE)
    inner = (slice(8, 40), slice(16, 48))
    for factor, shift in ((1.0, 0), (0.0, 4), (-1.0, 8)):
        generator.requests.clear()
        one = Generation(generator, SIZE, flow=build(Options(), None))
        one.next(params(1, mix=Mix(redo_flow=factor)), init, Seen(init))
        again = generator.requests[-1].init
        assert np.abs(again[inner].astype(int) - np.roll(init, shift, axis=1)[inner]).mean() < 6


class Blank(Echo):
    """Gives nothing but black until a seed that works."""

    def generate(self, requests):
        self.requests.extend(requests)
        if requests[0].seed < 4:
            raise BrokenPicture("black")
        return [np.full((48, 64, 3), 9, np.uint8)]


def test_a_blank_picture_stops_is_rerolled_or_taken():
    with pytest.raises(BrokenPicture):
        Generation(Blank(), SIZE).first(params(1), None)
    generator = Blank()
    rerolled = Generation(generator, SIZE, FeedbackRules(blank="reroll")).first(params(1), None)
    assert rerolled[0, 0, 0] == 9 and [request.seed for request in generator.requests] == [1, 2, 3, 4]
    with pytest.raises(BrokenPicture):
        Generation(Blank(), SIZE, FeedbackRules(blank="reroll", patience=3)).first(params(1), None)
    taken = Generation(Blank(), SIZE, FeedbackRules(blank="ignore")).first(params(1), None)
    assert taken.shape == (48, 64, 3) and not taken.any()


def test_a_guide_is_mixed_in_and_colours_the_result():
    green = np.zeros((48, 64, 3), np.uint8)
    green[..., 1] = 200
    generator, init = Echo(), clouds(SIZE)
    numbers = Mix(guide_peak=0.5, guide_swing=0, guide_frames=100, guide_color=1)
    drawn = Generation(generator, SIZE, guide=Guide((0,), lambda _place: green)).next(
        params(1, mix=numbers), init, Seen(init)
    )
    expected = init * 0.5 + green * 0.5
    assert np.abs(generator.requests[0].init - expected).max() <= 1
    assert (drawn[..., 1].astype(int) - drawn[..., 0]).mean() > (generator.requests[0].init[..., 1] * 1.0).mean() * 0.5

"""A clip drawn over: what is carried along, what is drawn anew, and that a render goes on where it stopped."""

import threading
import time
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from animator.coherence import CoherenceRules
from animator.showing import NO_CONTROLS, Ready
from animator.source import PRESETS, SHAPES, Source, Stylize, with_coherence
from animator.steps import Carry
from animator.stylizing import ANCHOR, TOGETHER, Stylizing, color_held, mixed
from animator.trail import Look, Trail, believed, entering, softened
from animator.watching import AHEAD, Watcher
from core.devices import ModelPool
from core.image import Image, Size
from core.seeds import derive
from diffusion.hints import Hint
from motion.fields import warped
from motion.flow import dis
from tests.animator.toys import Echo, params

SIZE = Size(96, 64)
STEP = 2  # pixels a frame
FLOW = dis.build(dis.Options("medium"), ModelPool())
ALONE, CARRIED = Stylize(**PRESETS["none"]), Stylize(**PRESETS["carry"])


def texture(seed: int) -> Image:
    rough = np.random.default_rng(seed).random((SIZE.height, 3 * SIZE.width, 3), dtype=np.float32)
    soft = cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 3), None, 20, 235, cv2.NORM_MINMAX)
    return soft.astype(np.uint8)


WIDE, OTHER = texture(1), 255 - texture(2) // 3


def shifted(n: int, wide: Image = WIDE) -> Image:
    return np.ascontiguousarray(wide[:, STEP * n : STEP * n + SIZE.width])


@dataclass
class Pictures:
    """A clip in memory that counts what is read."""

    images: list

    def at(self, index: int) -> Image:
        return self.images[index]


class Painter(Echo):
    """Lays grain of the seed over the init, by the denoising each place gets."""

    def _image(self, request):
        grain = np.random.default_rng(derive(request.seed, "paint")).integers(-60, 61, request.init.shape)
        share = request.sampling.denoise
        strength = share if request.inpaint is None else share * request.inpaint.mask[..., None]
        return np.clip(request.init + grain * strength, 0, 255).astype(np.uint8)


def moving(count: int) -> list[Image]:
    return [shifted(n) for n in range(count)]


def stylizing(images, generator=None, **changes):
    watcher = Watcher(Pictures(images), FLOW, len(images), cuts=True)
    values = {
        "identity": "test", "generator": generator or Painter(), "watcher": watcher, "size": SIZE,
        "color": CoherenceRules(), "palette": None, "grain": "seed", "controls": NO_CONTROLS,
    }  # fmt: skip
    return Stylizing(**values | changes)


def drawn(mode, count, numbers, carry=None, first=0, seed=None):
    timeline = [params(n, stylize=numbers, seed=n if seed is None else seed) for n in range(count)]
    carry, images = carry or Carry(), []
    for step in mode.plan(timeline):
        if step.frames[0].index >= first:
            made, carry = mode.run(step, carry)
            images += made
    return images, carry


def warp_error(images, clip):
    errors = []
    for n in range(1, len(images)):
        moved = warped(images[n - 1], FLOW.flow(clip[n - 1], clip[n]))[8:-8, 8:-8]
        errors.append(np.square(moved.astype(float) - images[n][8:-8, 8:-8]).mean())
    return np.mean(errors)


def test_the_more_is_carried_the_steadier_a_clip_of_changing_seeds_is():
    clip = moving(8)
    errors = [warp_error(drawn(stylizing(clip), 8, numbers)[0], clip) for numbers in (ALONE, CARRIED, Stylize())]
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < errors[1]


def test_the_picture_follows_the_clip_and_is_not_frozen():
    clip = moving(8)
    images, _ = drawn(stylizing(clip), 8, Stylize())
    still = np.abs(images[7].astype(int) - images[0]).mean()
    moved = np.abs(images[7][:, : -7 * STEP].astype(int) - images[0][:, 7 * STEP :]).mean()
    assert moved < 0.6 * still


def test_what_comes_into_view_is_drawn_from_the_clip_at_full_strength():
    generator = Painter()
    drawn(stylizing(moving(3), generator), 3, Stylize(renewal=0.25))
    mask = generator.requests[2].inpaint.mask
    assert generator.requests[2].inpaint.is_gradual
    assert mask[:, -2].mean() > 0.9  # the clip moves to the left
    assert mask[:, SIZE.width // 2].mean() == pytest.approx(0.25, abs=0.05)
    assert np.array_equal(generator.requests[2].init[:, -1], shifted(2)[:, -1])


def test_a_cut_resets_all_history():
    clip = [*moving(4), *(shifted(n, OTHER) for n in range(4))]
    generator = Painter()
    images, _ = drawn(stylizing(clip, generator), 8, Stylize(), seed=5)
    fresh, _ = drawn(stylizing(clip[4:]), 4, Stylize(), seed=5)
    assert generator.requests[4].inpaint is None and np.array_equal(generator.requests[4].init, clip[4])
    assert all(np.array_equal(a, b) for a, b in zip(images[4:], fresh, strict=True))


def test_without_cuts_history_goes_on():
    clip = [*moving(3), shifted(0, OTHER)]
    looks = [Watcher(Pictures(clip), FLOW, 4, cuts=cuts).look(3) for cuts in (False, True)]
    assert [look.is_cut for look in looks] == [False, True]
    assert looks[0].flow is not None and looks[1].flow is None


def test_frames_without_history_are_drawn_together_and_others_one_by_one():
    timeline = [params(n, stylize=ALONE if n < 11 else CARRIED) for n in range(14)]
    sizes = [len(step.frames) for step in stylizing(moving(14)).plan(timeline)]
    assert sizes == [TOGETHER, 3, 1, 1, 1]


def test_each_frame_alone_is_drawn_over_the_clip_only():
    generator, clip = Painter(), moving(3)
    drawn(stylizing(clip, generator), 3, ALONE)
    assert all(np.array_equal(request.init, image) for request, image in zip(generator.requests, clip, strict=True))
    assert all(request.inpaint is None and request.drift is None for request in generator.requests)


@pytest.mark.parametrize("first", [1, 4, 6])
def test_a_render_that_goes_on_gives_the_same_bytes(first):
    clip = moving(8)
    whole, _ = drawn(stylizing(clip), 8, Stylize(anchor=3))
    _, carry = drawn(stylizing(clip), first, Stylize(anchor=3))
    rest, _ = drawn(stylizing(clip), 8, Stylize(anchor=3), carry, first)
    assert all(np.array_equal(a, b) for a, b in zip(whole[first:], rest, strict=True))


def test_anchors_come_every_n_frames_or_when_too_little_is_carried():
    def anchors(count, numbers, clip):
        mode, carry, found = stylizing(clip), Carry(), []
        for step in mode.plan([params(n, stylize=numbers) for n in range(count)]):
            _, carry = mode.run(step, carry)
            found += [name.removeprefix(ANCHOR) for name in carry.images if name.startswith(ANCHOR)]
        return list(dict.fromkeys(map(int, found)))

    assert anchors(9, Stylize(anchor=4), moving(9)) == [0, 4, 8]
    chosen = anchors(30, Stylize(), moving(30))
    assert len(chosen) > 1 and chosen[1] >= 10


def test_grain_moves_with_the_clip_and_is_fresh_where_nothing_is_known():
    generator = Painter()
    drawn(stylizing(moving(4), generator, grain="flow"), 4, Stylize(), seed=3)
    drift = generator.requests[3].drift
    middle = drift.flow[16:-16, 16:48]
    assert np.abs(middle[..., 0] - 3 * STEP).mean() < 0.5
    assert drift.fresh[:, -3:].mean() > 0.9 and drift.fresh[:, 20:60].mean() < 0.1


class Looking:
    """Controls that remember what they are shown."""

    identity, looks_back = "looking", True

    def __init__(self) -> None:
        self.seen = []

    def of(self, params, seen):
        self.seen.append(seen)
        return ()


def test_controls_see_the_clip_the_frame_before_and_how_it_moves():
    clip = [*moving(3), shifted(0, OTHER)]
    controls = Looking()
    mode = stylizing(clip, controls=controls)
    assert [len(step.frames) for step in mode.plan([params(n, stylize=ALONE) for n in range(4)])] == [1] * 4
    images, _ = drawn(mode, 4, CARRIED)
    first, _, third, cut = controls.seen
    assert np.array_equal(third.init, clip[2]) and np.array_equal(third.previous, images[1])
    assert first.previous is None and cut.previous is None and cut.motion is None
    assert np.array_equal(cut.init, clip[3])
    motion = third.motion()[16:-16, 16:-16]
    assert abs(motion[..., 0].mean() + STEP) < 0.3  # forward: the pixels go to the left
    apart = third.carried.astype(int) - np.roll(images[1], -STEP, axis=1)
    assert np.abs(apart[8:-8, 8:-16]).mean() < 6
    assert np.array_equal(third.carried[:, -2:], clip[2][:, -2:]), "the clip where nothing could be moved to"


def test_a_frame_looks_at_its_anchor_and_at_the_frame_before():
    generator, clip = Painter(), moving(3)
    images, _ = drawn(stylizing(clip, generator), 3, Stylize(attention=0.4))
    first, second, third = (request.regard for request in generator.requests)
    assert first is None and second.weight == 0.4 and len(second.images) == 1
    assert all(np.array_equal(a, b) for a, b in zip(third.images, images[:2], strict=True))


def test_a_trail_leads_back_to_its_anchor():
    clip = moving(6)
    trail = Trail.begun(0, Look(clip[0]))
    for before, image in pairwise(clip):
        flow, back = FLOW.flow(before, image), FLOW.flow(image, before)
        trail = trail.then(Look(image, flow, back, believed(flow, back, before, image)))
    assert trail.share > 0.8
    error = np.abs(warped(clip[0], trail.flow).astype(int) - clip[5]).mean(-1)
    assert error[trail.belief > 0.5].mean() < 4


def test_belief_softens_inwards():
    belief = np.zeros((20, 20), np.float32)
    belief[5:15, 5:15] = 1
    soft = softened(belief)
    assert soft[belief == 0].max() == 0 and soft[10, 10] > 0.95 and 0 < soft[6, 10] < 1


def test_what_comes_in_at_the_border_is_drawn_a_cell_wide_and_nothing_else_is():
    belief = np.ones((80, 100), np.float32)
    belief[30:50, 40:60] = 0  # hidden behind something, in the middle
    assert entering(belief).max() == 0
    belief[:, :3] = 0
    wide = entering(belief)
    assert wide[:, :14].min() > 0.95 and wide[:, 24:].max() == 0


def test_colours_are_held_where_they_are_believed_and_detail_stays():
    reference = moving(1)[0]
    drifted = np.clip(reference.astype(int) + np.array([20, -10, 5]), 0, 255).astype(np.uint8)
    belief = np.zeros((SIZE.height, SIZE.width), np.float32)
    belief[:, :48] = 1
    held = color_held(drifted, reference, belief, 1)
    assert np.abs(held[:, :40].astype(int) - reference[:, :40]).mean() < 2
    assert np.array_equal(held[:, 80:], drifted[:, 80:])
    assert color_held(drifted, reference, belief, 0) is drifted


def test_a_mix_of_equal_pictures_is_that_picture():
    image = moving(1)[0]
    assert np.array_equal(mixed(image, image, np.full(image.shape[:2], 0.3, np.float32)), image)


def test_a_coherence_writes_the_numbers_that_are_not_given():
    data = with_coherence({"source": {"clip": "a.mp4", "coherence": "none"}, "stylize": {"smooth": 0.5}})
    assert data["stylize"] == {**PRESETS["none"], "smooth": 0.5}
    assert with_coherence(data) == data
    assert "stylize" not in with_coherence({"mode": "flat"})


def test_a_clip_drawn_over_keeps_its_shapes_unless_it_is_told_not_to():
    assert with_coherence({"source": {"clip": "a.mp4"}})["sampling"] == SHAPES
    data = with_coherence({"source": {"clip": "a.mp4"}, "sampling": {"inversion": "0:(0), 24:(1)", "steps": 8}})
    assert data["sampling"] == {"inversion": "0:(0), 24:(1)", "steps": 8}
    assert "sampling" not in with_coherence({"mode": "video"})


def test_the_watcher_gives_the_same_looks_in_any_order():
    watcher = Watcher(Pictures(moving(6)), FLOW, 6, cuts=True)
    ahead = [watcher.look(n) for n in range(6)]
    again = watcher.look(3)
    assert np.array_equal(again.flow, ahead[3].flow) and np.array_equal(again.image, ahead[3].image)
    assert watcher.look(4, moves=False).flow is None
    assert ahead[0].flow is None and replace(Source("a"), start=2).start == 2


@pytest.mark.parametrize("anchors", [(0, 0, 0), (0, 1, 1), (0, 1, 2)])
def test_a_trail_that_was_found_beside_the_drawing_is_the_one_found_when_asked(anchors):
    asked, ahead = (Watcher(Pictures(moving(4)), FLOW, 4, cuts=True) for _ in range(2))
    ahead.go_on(0, 0, ahead.look(0))
    for index, (anchor, following) in enumerate(pairwise((*anchors, anchors[-1])), 1):
        look = ahead.look(index)
        one, other = asked.trail(anchor, index, asked.look(index)), ahead.trail(anchor, index, look)
        assert (one.anchor, one.index) == (other.anchor, other.index) == (anchor, index)
        assert np.array_equal(one.flow, other.flow) and np.array_equal(one.belief, other.belief)
        ahead.go_on(following, index, look)


@pytest.mark.parametrize("moves", [False, True])
def test_hints_of_frames_to_come_are_made_beside_the_drawing(moves):
    asked: list[tuple[int, int]] = []

    def annotate(index, image):
        asked.append((index, threading.get_ident()))
        return {0: Ready(Hint(image))}

    watcher = Watcher(Pictures(moving(12)), FLOW, 12, cuts=True, annotate=annotate)
    first = watcher.look(0, moves=moves)
    deadline = time.monotonic() + 60
    while len(asked) < 1 + AHEAD[moves] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [index for index, _ in asked] == list(range(1 + AHEAD[moves]))
    assert threading.get_ident() not in {thread for _, thread in asked}
    assert np.array_equal(first.ready[0].hint.image, first.image)

"""What control units see of a frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animator.controls import ControlUnit, UnitNumbers
from animator.showing import Controls, Seen, Shown
from core.devices import ModelPool
from core.image import Size
from diffusion.controls import REGISTRY
from diffusion.controls.temporal import flow_colours
from media.footage import Footage
from media.stills import write_png
from tests.animator.toys import params
from tests.motion.pictures import clouds

SIZE = Size(48, 32)


def shown(control="picture", footage=None, given=None, mask=None, **fields):
    unit = ControlUnit(control=control, **fields)
    return Shown(unit, "net", REGISTRY.build(control, unit.options, pool=ModelPool()), footage, given, mask)


def images(one, seen, moment=0, **numbers):
    found = Controls([one], "", SIZE, depth=lambda image, frame: np.full(image.shape[:2], 1.0 + frame, np.float32))
    return found.of(params(moment, controls=(UnitNumbers(**numbers),), moment=moment), seen)


def hint(one, seen, moment=0):
    [image] = images(one, seen, moment)
    return image.hint


INIT, BEFORE, CARRIED = clouds(SIZE), clouds(SIZE, seed=2), clouds(SIZE, seed=3)
SEEN = Seen(INIT, BEFORE, CARRIED, lambda: np.full((SIZE.height, SIZE.width, 2), (2.0, 0.0), np.float32))


@pytest.mark.parametrize("source, picture", [("init", INIT), ("previous", BEFORE), ("carried", CARRIED), ("", INIT)])
def test_a_unit_looks_at_its_source(source, picture):
    np.testing.assert_array_equal(hint(shown(source=source), SEEN).image, picture)


def test_temporal_looks_at_the_frame_before_and_how_it_moves():
    found = hint(shown("temporal"), SEEN)
    np.testing.assert_array_equal(found.image, BEFORE)
    np.testing.assert_array_equal(found.flow, flow_colours(SEEN.motion()))
    assert not (found.flow == 255).all()


def test_what_is_carried_already_moves_no_more():
    found = hint(shown("temporal", source="carried"), SEEN)
    np.testing.assert_array_equal(found.image, CARRIED)
    assert (found.flow == 255).all()


def test_motion_is_not_computed_for_those_who_do_not_ask():
    def fails():
        raise AssertionError

    assert hint(shown("temporal", options={"version": "1"}), Seen(INIT, BEFORE, None, fails)).flow is None
    hint(shown("picture"), Seen(INIT, BEFORE, None, fails))


def test_where_there_is_no_frame_before_a_unit_rests_or_shows_what_it_was_given():
    start = Seen(INIT)
    assert images(shown("temporal"), start) == ()
    np.testing.assert_array_equal(hint(shown("temporal", first="init"), start).image, INIT)
    first = hint(shown("temporal", first="x.png", given=CARRIED), start)
    np.testing.assert_array_equal(first.image, CARRIED)
    assert (first.flow == 255).all()


def test_a_unit_without_weight_is_left_out():
    assert images(shown(), SEEN, weight=0.0) == ()
    [image] = images(shown(mode="prompt", fit="fill", layers=(1.0,)), SEEN, weight=0.5, start=0.1, end=0.7)
    assert (image.weight, image.start, image.end, image.mode, image.fit) == (0.5, 0.1, 0.7, "prompt", "fill")
    assert image.layers == (1.0,)


def test_a_folder_is_followed_frame_by_frame(tmp_path):
    for n in range(3):
        write_png(tmp_path / f"{n}.png", clouds(SIZE, seed=n))
    footage = Footage(tmp_path, Fraction(15))
    for n in range(3):
        np.testing.assert_array_equal(hint(shown(footage=footage), Seen(), n).image, clouds(SIZE, seed=n))


def test_pixel_perfect_looks_at_the_size_of_the_frame(tmp_path):
    write_png(tmp_path / "a.png", clouds(Size(200, 160)))
    footage = Footage(tmp_path / "a.png", Fraction(15))
    assert Size.of(hint(shown(footage=footage), SEEN).image) == Size(200, 160)
    perfect = Size.of(hint(shown(footage=footage, pixel_perfect=True), SEEN).image)
    assert perfect == Size(48, 38)  # covers 48x32
    assert min(Size.of(hint(shown(footage=footage, resolution=80), SEEN).image)) == 80


def test_a_mask_is_where_a_unit_acts_but_for_inpaint_what_is_drawn_anew(tmp_path):
    half = np.zeros((32, 48, 3), np.uint8)
    half[:, 24:] = 255
    write_png(tmp_path / "m.png", half)
    mask = Footage(tmp_path / "m.png", Fraction(15))
    [image] = images(shown(mask=mask), SEEN)
    assert image.mask[0, 0] == 0 and image.mask[0, 40] == 1 and image.hint.hidden is None
    [image] = images(shown("inpaint", mask=mask), SEEN)
    assert image.mask is None and image.hint.hidden[0, 40] == 1
    whole = Seen(INIT, mask=np.ones((32, 48), np.float32))
    assert hint(shown("inpaint"), whole).hidden.min() == 1


def test_a_mask_that_is_black_and_a_unit_with_nothing_to_look_at_are_told_once(tmp_path, caplog):
    write_png(tmp_path / "m.png", np.zeros((32, 48, 3), np.uint8))
    units = [shown(mask=Footage(tmp_path / "m.png", Fraction(15))), shown("temporal", first="init"), shown("temporal")]
    found = Controls(units, "", SIZE)
    for moment in range(3):
        found.of(params(moment, controls=(UnitNumbers(),) * 3, moment=moment), Seen(INIT if moment else None, BEFORE))
    found.of(params(3, controls=(UnitNumbers(),) * 3, moment=3), Seen())
    told = [record.getMessage() for record in caplog.records]
    assert [text.split(" (")[0] for text in told] == [
        "controls.0: picture has nothing to look at at frame 0, so it has no effect there",
        "controls.0: the mask is black at frame 1, so it has no effect there",
        "controls.1: temporal has nothing to look at at frame 3, so it has no effect there",
    ]


def test_depth_is_asked_of_the_frame():
    depths = []
    one = Controls([shown("depth")], "", SIZE, depth=lambda image, frame: depths.append(frame) or np.ones((32, 48)))
    one.of(params(7, controls=(UnitNumbers(),), moment=7), SEEN)
    assert depths == [7]


def test_what_looks_back_is_known_beforehand():
    assert Controls([shown(), shown("temporal")], "", SIZE).looks_back
    assert not Controls([shown(), shown("canny")], "", SIZE).looks_back
    assert not Controls([shown("temporal", footage=Footage(Path("x"), Fraction(1)), source="x")], "", SIZE).looks_back


def test_what_is_made_ahead_is_what_is_shown(tmp_path):
    write_png(tmp_path / "mask.png", clouds(SIZE, seed=7))
    mask = Footage(tmp_path / "mask.png", Fraction(24))
    units = [shown("canny"), shown("temporal"), shown("depth", mask=mask), shown("tile", weight="0:(1), 2:(0)")]
    depth = lambda image, frame: np.full(image.shape[:2], 1.0 + frame, np.float32)  # noqa: E731
    controls = Controls(units, "", SIZE, depth=depth)
    numbers = (UnitNumbers(),) * 3 + (UnitNumbers(weight=0),)
    ready = controls.ahead(numbers, 2, INIT)
    assert list(ready) == [0, 2]  # the past is not known ahead, and one has no weight there
    late = controls.shown(numbers, 2, SEEN)
    early = controls.shown(numbers, 2, Seen(CARRIED, SEEN.previous, SEEN.carried, SEEN.motion, ready=ready))
    for one, other in zip(late, early, strict=True):
        np.testing.assert_array_equal(one.hint.image, other.hint.image)
        np.testing.assert_array_equal(
            one.mask if one.mask is not None else 0, other.mask if one.mask is not None else 0
        )

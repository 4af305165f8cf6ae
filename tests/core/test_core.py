import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Fault, ProjectError, ScheduleError, UnknownName, UserError
from core.hashing import array_fingerprint, fingerprint
from core.image import Size, resized, to_float, to_image
from core.registry import Registry
from core.seeds import SEED_RANGE, derive


@given(st.integers(), st.lists(st.one_of(st.integers(), st.text()), max_size=4))
def test_a_derived_seed_is_a_function_of_its_labels(seed, labels):
    assert derive(seed, *labels) == derive(seed, *labels)
    assert 0 <= derive(seed, *labels) < SEED_RANGE


def test_labels_do_not_run_into_each_other():
    seeds = [derive(1, "a", 1), derive(1, "a1"), derive(1, "a", "1"), derive(11, "a"), derive(1, 1, "a")]
    assert len(set(seeds)) == len(seeds)


def test_derived_seeds_stay_the_same_between_versions():
    assert derive(42, "noise", 7) == 525527061


@dataclasses.dataclass(frozen=True)
class _Value:
    a: float
    b: tuple[int, ...] = ()


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_fingerprints_are_equal_exactly_when_values_are(a, b):
    same_bits = np.float64(a).tobytes() == np.float64(b).tobytes()
    assert (fingerprint(_Value(a)) == fingerprint(_Value(b))) == same_bits


def test_fingerprints_see_types_order_and_arrays():
    values = [1, 1.0, "1", True, [1], Fraction(1), {"a": 1}, _Value(1.0), _Value(1.0, (1,))]
    values += [np.zeros(3, np.uint8), np.zeros(3, np.int8), np.zeros((3, 1), np.uint8)]
    assert len({fingerprint(value) for value in values}) == len(values)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_an_object_without_fields_has_no_fingerprint():
    with pytest.raises(TypeError):
        fingerprint(object())


def test_strided_arrays_hash_like_their_copies():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert array_fingerprint(image[:, ::2]) == array_fingerprint(image[:, ::2].copy())


def test_float_and_back_is_the_identity():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(to_image(to_float(levels)), levels)


def test_resizing_to_the_same_size_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert resized(image, Size(8, 6)) is image
    assert resized(image, Size(4, 3)).shape == (3, 4, 3)


@pytest.mark.parametrize("text", ["", "512", "0x10", "-1x5", "99999x9", "axb", "1x1x1", "１２x１２ ".strip() + "x"])
def test_what_is_no_size_is_told(text):
    with pytest.raises(UserError, match="WIDTHxHEIGHT"):
        Size.parse(text)


def test_sizes_read_as_they_are_written():
    assert Size.parse("640X360") == Size(640, 360)
    assert Size.parse(str(Size(640, 360))) == Size(640, 360)


def test_an_unknown_name_gets_the_nearest():
    registry = Registry("mode", "animator.modes")
    with pytest.raises(UnknownName, match="Did you mean 'depth'"):
        registry.module("dept")


def test_listing_a_registry_imports_no_entry():
    import subprocess
    import sys

    code = (
        "import sys; from core.registry import Registry; r = Registry('mode', 'animator.modes');"
        "print(r.names(), [r.help(n) for n in r.names()]); assert not {'cv2', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_messages_say_where_what_and_the_way_out():
    assert (
        str(UserError("no such file", where="a.json", way_out="Check the path"))
        == "a.json: no such file. Check the path"
    )
    faults = [Fault("fps", "0 is not above 0", "Give 24"), Fault("size", "is missing")]
    text = str(ProjectError("a.json", faults))
    assert text.splitlines() == ["a.json: 2 faults", "  fps: 0 is not above 0. Give 24", "  size: is missing"]
    assert "character 3" in str(ScheduleError("no bracket closes this", text="0:(1", position=2, where="camera.x"))


def test_shrinking_does_not_alias():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    for kind in ("area", "lanczos"):
        assert np.ptp(resized(stripes, Size(16, 16), kind)[2:-2, 2:-2]) <= 2

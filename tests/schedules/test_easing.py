import numpy as np
import pytest

from schedules.easing import EASINGS

SHARES = np.linspace(0, 1, 1001)
FAMILIES = sorted(name.removeprefix("ease_in_out") for name in EASINGS if name.startswith("ease_in_out"))


@pytest.mark.parametrize("name", EASINGS)
def test_a_curve_starts_at_0_and_ends_at_1(name):
    assert EASINGS[name](np.array([0.0, 1.0])) == pytest.approx([0, 1], abs=1e-12)


@pytest.mark.parametrize("name", [name for name in EASINGS if not name.endswith(("back", "elastic", "bounce"))])
def test_a_curve_never_turns_back(name):
    assert np.all(np.diff(EASINGS[name](SHARES)) >= -1e-12)


@pytest.mark.parametrize("name", [name for name in EASINGS if not name.endswith(("back", "elastic"))])
def test_a_curve_stays_between_its_ends(name):
    values = EASINGS[name](SHARES)
    assert values.min() >= 0
    assert values.max() <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_out_is_in_run_backwards(family):
    assert EASINGS[f"ease_out{family}"](SHARES) == pytest.approx(1 - EASINGS[f"ease_in{family}"](1 - SHARES))


@pytest.mark.parametrize("family", FAMILIES)
def test_in_out_passes_the_middle_and_is_symmetric(family):
    curve = EASINGS[f"ease_in_out{family}"]
    assert curve(np.array([0.5])) == pytest.approx([0.5])
    assert curve(SHARES) + curve(1 - SHARES) == pytest.approx(1)


@pytest.mark.parametrize("family", [family for family in FAMILIES if not family.endswith(("bounce", "elastic"))])
def test_in_is_slow_first_and_out_is_fast_first(family):
    quarter = np.array([0.25])
    assert EASINGS[f"ease_in{family}"](quarter) < 0.25 < EASINGS[f"ease_out{family}"](quarter)


@pytest.mark.parametrize(
    ("name", "share", "value"),
    [
        ("ease_in_quad", 0.3, 0.09),
        ("ease_in_cubic", 0.3, 0.027),
        ("ease_in_sine", 0.5, 1 - np.sqrt(0.5)),
        ("ease_in_circ", 0.6, 0.2),
        ("ease_out_bounce", 1 / 2.75, 1.0),
        ("ease_out_bounce", 2 / 2.75, 1.0),
        ("ease_out_elastic", 0.075, 1 + 2**-0.75 * np.sin(0)),
        ("hold", 0.999, 0.0),
    ],
)
def test_curves_have_their_known_values(name, share, value):
    assert EASINGS[name](np.array([share])) == pytest.approx([value])

import numpy as np
import pytest

from core.image import Size
from motion.depth import equalized, saved
from tests.motion.pictures import hills


def deforums_spread(prediction):
    """e of Deforum's depth warping, from its description."""
    n = (prediction - prediction.min()) / (prediction.max() - prediction.min())
    counts, edges = np.histogram(n, bins=1024, range=(0, 1))
    return np.interp(n, edges[:-1], np.cumsum(counts) / n.size)


def prediction():
    return np.random.default_rng(3).gamma(2.0, size=(90, 120))


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.5), (0.03, 0.01), (7.0, 0.2)])
def test_by_nearness_is_deforums_depth_for_models_of_inverse_depth(slope, offset):
    inverse = prediction()
    depth = (1 / (slope * inverse + offset)).astype(np.float32)
    np.testing.assert_allclose(equalized(depth, "nearness"), 2 - deforums_spread(inverse), atol=2e-3)


def test_by_distance_is_deforums_depth_for_models_of_depth():
    metric = prediction() + 0.3
    np.testing.assert_allclose(equalized(metric.astype(np.float32), "distance"), 1 + deforums_spread(metric), atol=2e-3)


@pytest.mark.parametrize("by", ["nearness", "distance"])
def test_equalizing_keeps_the_order_and_spreads_evenly_over_1_to_2(by):
    depth = hills(Size(80, 60))
    spread = equalized(depth, by)
    assert (np.diff(spread.ravel()[np.argsort(depth, axis=None)]) >= 0).all()
    np.testing.assert_allclose(np.quantile(spread, [0.25, 0.5, 0.75]), [1.25, 1.5, 1.75], atol=0.01)
    assert spread.dtype == np.float32
    assert spread.min() >= 1
    assert spread.max() <= 2


def test_a_wall_stays_a_wall_at_distance_1():
    assert (equalized(np.full((4, 5), 7.5, np.float32)) == 1).all()


def test_saved_depth_has_one_fixed_scale():
    depth = np.array([[0.5, 1.0, 2.0, 100.0]], np.float32)
    alone = np.concatenate([saved(depth[:, n : n + 1]) for n in range(4)], axis=1)
    assert np.array_equal(saved(depth), alone)
    assert saved(depth)[0, 0] == 65535
    assert saved(depth)[0, 3] == 0


def test_saved_depth_is_cut_off_outside_its_scale():
    assert saved(np.array([[0.1, 1e6]], np.float32)).tolist() == [[65535, 0]]


def test_saved_depth_keeps_a_thousandth():
    depth = hills(Size(40, 30)) * 5
    nearness = 1 / 100 + saved(depth) / 65535 * (2 - 1 / 100)
    np.testing.assert_allclose(1 / nearness, depth, rtol=1e-3)

"""What every flow estimator promises. An entry that needs weights gets random ones here."""

import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import UserError
from core.image import Size
from motion.fields import warped
from motion.flow import REGISTRY
from tests.motion.pictures import clouds

SIZES = (Size(64, 48), Size(33, 71), Size(5, 3))


def _raft(folder):
    torch = pytest.importorskip("torch")
    flow = pytest.importorskip("torchvision.models.optical_flow")
    torch.manual_seed(1)
    torch.save(flow.raft_small().state_dict(), folder / "raft.pth")
    return {"model": str(folder / "raft.pth"), "updates": 2}


OPTIONS = {"raft": _raft}  # how to make an entry that does not work without options
SEEING = [name for name in REGISTRY.names() if name not in OPTIONS]  # whose flow means something here


@pytest.fixture(scope="module", params=REGISTRY.names())
def make(request, tmp_path_factory):
    """Makes the same estimator again and again."""
    options = OPTIONS[request.param](tmp_path_factory.mktemp(request.param)) if request.param in OPTIONS else {}
    return lambda: REGISTRY.build(request.param, options, pool=ModelPool())


@pytest.mark.parametrize("size", SIZES)
def test_flow_is_a_flow_field(make, size):
    flow = make().flow(clouds(size), clouds(size, seed=1))
    assert flow.dtype == np.float32
    assert flow.shape == (size.height, size.width, 2)
    assert np.isfinite(flow).all()


def test_made_again_it_gives_the_same(make):
    one, other = make(), make()
    assert one.identity == other.identity
    pictures = clouds(SIZES[0]), clouds(SIZES[0], seed=1)
    assert np.array_equal(one.flow(*pictures), other.flow(*pictures))


def test_the_pictures_are_left_as_they_were(make):
    source, target = clouds(SIZES[0]), clouds(SIZES[0], seed=1)
    make().flow(source, target)
    assert np.array_equal(source, clouds(SIZES[0]))
    assert np.array_equal(target, clouds(SIZES[0], seed=1))


def test_pictures_of_different_sizes_are_refused(make):
    with pytest.raises(UserError, match="64x48 and 33x71"):
        make().flow(clouds(SIZES[0]), clouds(SIZES[1]))


@pytest.mark.parametrize("name", SEEING)
def test_a_shifted_picture_has_the_shift_as_its_flow(name):
    wide = clouds(Size(120, 96))
    source, target = wide[:, 6:118].copy(), wide[2:, :112].copy()
    source = source[:94]
    flow = REGISTRY.build(name, pool=ModelPool()).flow(source, target)
    inner = flow[20:-20, 20:-20]
    assert np.abs(np.median(inner, axis=(0, 1)) - (-6, 2)).max() < 0.3
    error = np.abs(warped(source, flow).astype(int) - target)[20:-20, 20:-20]
    assert np.median(error) <= 1


@pytest.mark.parametrize("name", REGISTRY.names())
def test_help_is_a_line(name):
    assert 10 < len(REGISTRY.help(name)) <= 100

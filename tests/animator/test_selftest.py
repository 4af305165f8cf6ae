import numpy as np

from animator import selftest
from media.read import read_image
from media.stills import write_png


def test_a_known_seed_still_gives_the_known_picture():
    """After a change of models/mini, record it anew with `python -m animator.selftest`."""
    assert selftest.difference() <= selftest.TOLERANCE


def test_another_picture_is_noticed(tmp_path):
    known = read_image(selftest.KNOWN)
    write_png(tmp_path / "other.png", np.ascontiguousarray(known[:, ::-1]))
    assert selftest.difference(tmp_path / "other.png") > selftest.TOLERANCE

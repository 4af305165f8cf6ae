"""What the gates of ControlNets measure."""

import numpy as np

from core.image import Size
from tests.motion.pictures import clouds
from training.evaluate.controls import Clip, edge_score


def boxes(shift=0):
    image = np.zeros((96, 96, 3), np.uint8)
    image[20 + shift : 60 + shift, 30:70] = 255
    return image


def test_edges_are_the_same_if_they_lie_near():
    assert edge_score(boxes(), boxes()) == 1
    assert edge_score(boxes(2), boxes()) > 0.95
    assert edge_score(boxes(12), boxes()) < 0.6
    assert edge_score(np.zeros((96, 96, 3), np.uint8), boxes()) == 0
    assert edge_score(clouds(Size(96, 96)), boxes()) < 0.3


def test_a_clip_that_moves_as_it_should_has_nearly_no_warp_error():
    clip = Clip.of("mountains", 5)
    true = [seen.image for seen in clip.views]
    noisy = [np.clip(image + np.random.default_rng(n).normal(0, 30, image.shape), 0, 255).astype(np.uint8)
             for n, image in enumerate(true)]  # fmt: skip
    assert clip.warp_error(true) < 0.2 * clip.warp_error(noisy)
    assert clip.warp_error([true[0]] * len(true)) > clip.warp_error(true)

"""The gates run through at toy size; what they find means nothing there."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.training.mini.toys import write_toy_model
from training.evaluate import pictures
from training.mini.model import MiniModel
from training.mini.samples import Size
from training.painter.briefs import SUBJECTS


class Undecided(nn.Module):
    """Gives every picture the same scores."""

    def forward(self, seen):
        return torch.zeros(len(seen), len(SUBJECTS))


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return MiniModel.load(write_toy_model(tmp_path_factory.mktemp("toy")))


def test_a_feedback_loop_is_judged_by_contrast_colour_and_subject(toy):
    found = list(pictures.feedback(toy, Undecided(), frames=1))
    assert [np.isfinite(one.value) for one in found] == [True] * 3 and len(found[0].pictures) == 4


@pytest.mark.slow
def test_redrawing_is_judged_by_edges_palette_and_subject(toy):
    found = list(pictures.img2img(toy, Undecided()))
    assert len(found) == 4 and -1 <= found[0].value <= 1 and all(0 <= one.value <= 1 for one in found[1:])


def test_edges_of_a_picture_correlate_with_themselves_and_not_with_others():
    draw = np.random.default_rng(1)
    one, other = (draw.integers(0, 255, (*Size(64, 64), 3)).astype(np.uint8) for _ in range(2))
    assert pictures._edge_correlation(one, one) == pytest.approx(1)
    assert pictures._edge_correlation(one, other) < 0.5

"""The motion module's trainer: moving scenes, noise in common, a run at toy size."""

import itertools
import json

import numpy as np
import pytest
import torch
from diffusers import MotionAdapter

from core.image import Size
from tests.training.mini.toys import write_toy_model
from training.mini import clips, motion
from training.mini.run import RunFolder
from training.painter.briefs import SUBJECTS

SECONDS = 1 / 60  # minutes
SMALL = Size(64, 64)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_model(tmp_path_factory.mktemp("toy"))


def test_every_subject_has_a_way_the_camera_goes():
    assert set(clips.MOVES) == set(SUBJECTS)


@pytest.mark.parametrize("subject", ["clouds", "ocean", "waves", "galaxy"])
def test_what_drifts_or_twinkles_changes_from_frame_to_frame(subject, tmp_path):
    images, captions = clips.painted(SUBJECTS.index(subject), clips.ClipPlan(tmp_path, tmp_path, size=SMALL))
    changes = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(images)]
    assert len(images) == clips.FRAMES and len(captions) == clips.CAPTIONS and min(changes) > 0.2


def test_a_cache_goes_on_where_it_stopped(toy, tmp_path):
    few, more = (clips.ClipPlan(toy, tmp_path, count, SMALL) for count in (9, 11))
    first = clips.read(few)
    kept = (tmp_path / "clips-00000.npz").stat().st_mtime_ns
    found = clips.read(more)
    assert (tmp_path / "clips-00000.npz").stat().st_mtime_ns == kept
    assert found.latents.shape == (11, clips.FRAMES, 4, 4, 4) and torch.equal(found.latents[:9], first.latents)


def test_a_cache_has_as_many_clips_as_are_asked_for_whatever_was_asked_before(toy, tmp_path):
    found = {count: clips.read(clips.ClipPlan(toy, tmp_path, count, SMALL)) for count in (3, 11, 2, 10)}
    assert {count: len(kept.latents) for count, kept in found.items()} == {count: count for count in found}
    assert {count: len(kept.captions) for count, kept in found.items()} == {count: count for count in found}
    assert all(torch.equal(kept.latents, found[11].latents[:count]) for count, kept in found.items())


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_mixed_noise_is_normal_and_shares_what_it_should(share):
    noise = motion.mixed_noise(torch.Size((1, 2, 20000)), torch.Generator().manual_seed(1), share)[0]
    assert noise.std(1).sub(1).abs().max() < 0.03
    assert float((noise[0] * noise[1]).mean()) == pytest.approx(share, abs=0.03)


def test_an_untrained_module_leaves_the_unet_as_it_was(toy):
    task = motion.MotionTask(toy)
    latents, told = torch.randn(1, 4, 3, 8, 8), torch.randn(3, 48, 16)
    moving = task.moving(latents, 500, told).sample[0].transpose(0, 1)
    still = task.model.unet(latents[0].transpose(0, 1), 500, told).sample
    assert torch.allclose(moving, still, atol=1e-5)


def test_a_run_goes_on_where_it_stopped_and_leaves_a_module(toy, tmp_path):
    def plan(seconds):
        return motion.MotionPlan(
            toy, tmp_path / "data", tmp_path / "run", seconds * SECONDS, clips=2, size=SMALL, sheets=False
        )

    before = motion.MotionTask(toy).moving.conv_in.weight
    motion.train(plan(0.5))
    first = RunFolder(tmp_path / "run").load()["step"]
    folder = motion.train(plan(2))
    assert RunFolder(tmp_path / "run").load()["step"] > first > 0
    module = MotionAdapter.from_pretrained(folder)
    assert any(torch.any(v != 0) for k, v in module.named_parameters() if "proj_out" in k)
    assert module.config.motion_max_seq_length == clips.FRAMES
    assert json.loads((folder / motion.FACTS).read_text())["shared_noise"] == motion.DRAWN_NOISE
    assert torch.equal(motion.MotionTask(toy).moving.conv_in.weight, before)


def test_a_clip_is_drawn_the_same_for_the_same_seed(toy):
    task = motion.MotionTask(toy)
    one, other = (motion.drawn(task, "ocean", 3, steps=2) for _ in range(2))
    assert len(one) == clips.FRAMES and all(map(np.array_equal, one, other))

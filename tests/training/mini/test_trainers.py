"""Each trainer end to end at toy size: data, autoencoder, UNet, depth."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.devices import ModelPool
from core.image import Size
from core.seeds import derive
from motion.depth import mini
from tests.training.mini.toys import write_toy_model
from training.mini import data, depth, few_steps, unet, vae
from training.mini.loop import Plan, train
from training.mini.model import MiniModel
from training.mini.run import RunFolder
from training.mini.samples import Manner, as_tensor, drawn, redrawn

SECONDS = 1 / 60  # minutes


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def cached(toy, tmp_path_factory):
    plan = data.DataPlan(
        toy, tmp_path_factory.mktemp("data"), count=3, sizes=(Size(64, 64), Size(64, 64), Size(96, 64))
    )
    list(data.shards(plan, pictures=8))
    return plan


def test_cached_latents_are_those_of_the_painted_pictures(toy, cached):
    found = data.Cache.read(cached.folder).groups[0]
    picture = data.painted(9, cached)
    latents = MiniModel.load(toy).autoencoder.encode(as_tensor([picture.image])).latents
    assert torch.allclose(found.latents[9].float(), latents[0], atol=5e-3)
    assert found.captions[9] == picture.captions


def test_a_cache_is_not_painted_twice(cached):
    before = [file.stat().st_mtime_ns for file in sorted(cached.folder.glob("*.npy"))]
    list(data.shards(cached, pictures=8))
    assert before == [file.stat().st_mtime_ns for file in sorted(cached.folder.glob("*.npy"))]


@pytest.mark.slow
def test_a_unet_run_goes_on_where_it_stopped_and_exports_its_average(toy, cached, tmp_path):
    plan = Plan(toy, cached.folder, tmp_path / "run", 2 * SECONDS, processes=1, batch=2, sheets=False)
    train(unet.VelocityTask, plan)
    first = RunFolder(plan.run).load()["step"]
    train(unet.VelocityTask, Plan(toy, cached.folder, plan.run, 5 * SECONDS, processes=2, batch=2, sheets=False))
    assert RunFolder(plan.run).load()["step"] > first > 0
    shutil.copytree(toy, tmp_path / "out")
    unet.export(plan.run, toy, tmp_path / "out")
    old, new = (MiniModel.load(folder).unet.conv_in.weight for folder in (toy, tmp_path / "out"))
    assert not torch.equal(old, new)


def test_velocity_loss_is_the_same_for_the_same_seed(toy, cached):
    task, batch = unet.VelocityTask(toy), data.Cache.read(cached.folder).batch(4, np.random.default_rng(1))
    assert task.loss(*batch, seed=1) == task.loss(*batch, seed=1) != task.loss(*batch, seed=2)


def test_batches_are_of_one_size_and_cost_alike(cached):
    found = data.Cache.read(cached.folder)
    shapes = {found.batch(6, np.random.default_rng(seed))[0].shape for seed in range(40)}
    assert shapes == {(6, 4, 4, 4), (4, 4, 4, 6)}


def test_a_model_that_ignores_words_has_nothing_to_learn_of_guidance(toy, cached):
    task, (latents, _) = few_steps.GuidanceTask(toy), data.Cache.read(cached.folder).batch(4, np.random.default_rng(1))
    with torch.no_grad():
        assert float(task.loss(latents, [""] * 4, seed=1)) == pytest.approx(0, abs=1e-10)
        assert task.loss(latents, ["a pink flower"] * 4, seed=1) > 0


@pytest.mark.slow
def test_distillation_moves_the_unet_and_leaves_the_words(toy, cached, tmp_path):
    train(few_steps.GuidanceTask, Plan(toy, cached.folder, tmp_path, 2 * SECONDS, batch=2, sheets=False))
    kept = RunFolder(tmp_path).load()
    assert kept["step"] > 0 and "text" not in kept
    assert not torch.equal(kept["unet"]["conv_in.weight"], MiniModel.load(toy).unet.conv_in.weight)
    few_steps.export(tmp_path, toy, tmp_path / "few.safetensors", rank=2)
    assert any(name.startswith("lora_unet_") for name in load_file(tmp_path / "few.safetensors"))


def test_times_are_spread_over_the_whole_range():
    times = unet.spread_times(50, 1000, torch.Generator().manual_seed(1))
    assert times.min() < 75 and times.max() > 970 and times.diff().min() >= 0


def test_pca_makes_the_autoencoder_the_best_linear_one(toy):
    network = MiniModel.load(toy).autoencoder
    images = [data.painted(number, data.DataPlan(toy, toy, sizes=(Size(64, 64),))).image for number in range(9)]
    before = vae.decibels(network, images)
    vae.set_to_pca(network, images)
    assert vae.decibels(network, images) > max(before, 15)


@pytest.mark.slow
def test_training_the_decoder_leaves_the_latents(toy, tmp_path):
    plan = vae.VaePlan(toy, tmp_path / "run", 3 * SECONDS, pictures=4, batch=2)
    trained, started = load_file(vae.train(plan)), MiniModel.load(toy).autoencoder.state_dict()
    same = {name: torch.allclose(trained[name].float(), started[name], atol=1e-3) for name in trained}
    assert all(same[name] for name in same if name.startswith(vae.ENCODER_PARTS))
    assert not all(same.values())


@pytest.mark.slow
def test_a_trained_depth_model_is_registered_and_sees_sky_behind_land(tmp_path):
    depth.train(depth.DepthPlan(tmp_path, 8 * SECONDS, pictures=18, side=48))
    estimator = mini.build(mini.Options(str(tmp_path)), ModelPool())
    example = depth.examples(1, 0, 2, 96)[0]
    found = estimator.estimate(example.image, 0)
    assert found.shape == (96, 96) and found.dtype == np.float32 and found.min() >= 1
    assert found[:8].mean() > found[-8:].mean()


def test_spoiling_follows_from_its_draws():
    image = depth.examples(1, 0, 1, 48)[0].image
    one, other = (depth.spoilt(image, np.random.default_rng(derive(3, "spoilt"))) for _ in range(2))
    assert np.array_equal(one, other) and one.dtype == np.uint8


def test_drawing_is_the_same_for_the_same_seed(toy):
    model = MiniModel.load(toy)
    one, other = (drawn(model, ["ocean"], [5], size=Size(32, 64), manner=Manner(2))[0] for _ in range(2))
    assert one.shape == (64, 32, 3) and np.array_equal(one, other)


def test_redrawing_with_little_strength_stays_nearer(toy):
    model = MiniModel.load(toy)
    image = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    weak, strong = (
        redrawn(model, [image], ["ocean"], [1], strength=share, manner=Manner(10))[0] for share in (0.1, 1.0)
    )
    through = redrawn(model, [image], ["ocean"], [1], strength=0.1, manner=Manner(10))[0]
    assert np.array_equal(weak, through) and not np.array_equal(weak, strong)

"""ControlNets of the embedded model: trained at toy size, resumed, and fit for the model they steer."""

from dataclasses import replace

import pytest
import torch
from diffusers import ControlNetModel

from tests.training.mini.toys import write_toy_model
from training.mini import controlnet
from training.mini.control_examples import ExamplePlan, examples, painted
from training.mini.model import MiniModel
from training.mini.run import RunFolder

SECONDS = 1 / 60  # minutes


@pytest.mark.parametrize("kind", ["canny", "depth", "temporal"])
def test_a_run_goes_on_where_it_stopped_and_leaves_a_network(kind, tmp_path):
    toy = write_toy_model(tmp_path / "toy")
    plan = controlnet.ControlPlan(
        kind, toy, tmp_path / "data", tmp_path / "run", SECONDS / 2, pictures=3, batch=2, held_out=1
    )
    controlnet.train(plan)
    kept = RunFolder(plan.run).load()
    folder = controlnet.train(replace(plan, minutes=kept["seconds"] / 60 + SECONDS))
    assert RunFolder(plan.run).load()["step"] > kept["step"] > 0
    network = ControlNetModel.from_pretrained(folder)
    assert network.config.conditioning_channels == (6 if kind == "temporal" else 3)
    assert any(torch.any(layer.weight != 0) for layer in network.controlnet_down_blocks)


def test_temporal_examples_are_what_rendering_shows(tmp_path):
    toy = write_toy_model(tmp_path / "toy")
    autoencoder = MiniModel.load(toy).autoencoder
    plan = ExamplePlan("temporal", toy, tmp_path, seed=2)
    hints = [painted(plan, index, autoencoder)[1] for index in range(9)]
    assert all(hint.flow is not None for hint in hints)
    at_rest = [bool((hint.flow == 255).all()) for hint in hints]
    assert 0 < sum(at_rest) < len(hints)  # carried or first frames are at rest, the others move
    assert all(hint.flow.min(axis=2).min() == 0 for hint, rests in zip(hints, at_rest, strict=True) if not rests)


def test_the_model_is_not_trained_along(tmp_path):
    toy = write_toy_model(tmp_path / "toy")
    training = controlnet.ControlTraining(
        controlnet.ControlPlan("canny", toy, tmp_path, tmp_path / "run", 1, pictures=3, batch=2, held_out=1)
    )
    before = [value.clone() for value in training.model.unet.parameters()]
    found = examples(ExamplePlan("canny", toy, tmp_path, 4))
    training.advance(found, 0.5)
    assert all(torch.equal(*pair) for pair in zip(before, training.model.unet.parameters(), strict=True))


def test_the_layers_that_look_at_the_hint_learn_first_and_alone(tmp_path):
    toy = write_toy_model(tmp_path / "toy")
    training = controlnet.ControlTraining(
        controlnet.ControlPlan("canny", toy, tmp_path, tmp_path / "run", 1, pictures=3, batch=2, held_out=1, peak=3e-3)
    )
    found = examples(ExamplePlan("canny", toy, tmp_path, 4))
    before = controlnet.glance(training.model, training.network, found, 0).item()
    for _ in range(6):
        training.advance(found, 0.0)
    assert controlnet.glance(training.model, training.network, found, 0).item() < before
    assert not any(torch.any(layer.weight) for layer in training.network.controlnet_down_blocks)
    training.advance(found, 0.5)
    assert any(torch.any(layer.weight) for layer in training.network.controlnet_down_blocks)

"""ControlNets of the embedded model: trained at toy size, resumed, and fit for the model they steer."""

import pytest
import torch
from diffusers import ControlNetModel

from tests.training.mini.toys import write_toy_model
from training.mini import controlnet
from training.mini.run import RunFolder

SECONDS = 1 / 60  # minutes


@pytest.mark.parametrize("kind", ["canny", "depth", "temporal"])
def test_a_run_goes_on_where_it_stopped_and_leaves_a_network(kind, tmp_path):
    toy = write_toy_model(tmp_path / "toy")
    plan = controlnet.ControlPlan(kind, toy, tmp_path / "data", tmp_path / "run", SECONDS / 2, pictures=4, batch=2)
    controlnet.train(plan)
    first = RunFolder(plan.run).load()["step"]
    folder = controlnet.train(
        controlnet.ControlPlan(kind, toy, tmp_path / "data", tmp_path / "run", 2 * SECONDS, pictures=4, batch=2)
    )
    assert RunFolder(plan.run).load()["step"] > first > 0
    network = ControlNetModel.from_pretrained(folder)
    assert network.config.conditioning_channels == 3
    assert any(torch.any(layer.weight != 0) for layer in network.controlnet_down_blocks)

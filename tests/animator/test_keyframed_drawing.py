"""What a project may keyframe of drawing has its effect in the frame it is for, with the embedded model."""

import gc
import shutil

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from animator.job import RenderJob
from animator.project import parse
from animator.timeline import Timeline
from core.devices import ModelPool
from core.image import Size
from core.weights import EMBEDDED, MODELS_VARIABLE
from diffusion.backends.stills import Options, build

SIZE = Size(64, 64)
BASE = {
    "frames": 2, "size": list(SIZE), "prompts": {"0": "forest at sunrise"}, "sampler": "Euler a",
    "sampling": {"steps": 3, "cfg": 4}, "seeds": {"behavior": "fixed"}, "export": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Another checkpoint, mini with a bent UNet, and a LoRA for both."""
    home = tmp_path_factory.mktemp("models")
    shutil.copytree(EMBEDDED / "mini", home / "bent")
    unet = home / "bent" / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(unet)
    state["conv_out.bias"] = state["conv_out.bias"] + 0.2
    save_file(state, unet)
    name = next(key for key in state if key.endswith("attn1.to_q.weight"))
    outputs, inputs = state[name].shape
    stem = f"lora_unet_{name.removesuffix('.weight').replace('.', '_')}"
    (home / "Lora").mkdir()
    torch.manual_seed(1)
    parts = {f"{stem}.lora_up.weight": torch.randn(outputs, 2), f"{stem}.lora_down.weight": torch.randn(2, inputs)}
    save_file(parts, home / "Lora" / "ink.safetensors")
    return home


@pytest.fixture(autouse=True)
def models(home, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(home))


@pytest.fixture(scope="module")
def pool():
    return ModelPool()


@pytest.mark.parametrize(
    "moving",
    [
        {"sampler": '0:("Euler a"), 1:("DDIM")'},
        {"checkpoint": '0:("mini"), 1:("bent")'},
        {"noise_schedule": '0:("Karras"), 1:("Exponential")'},
        {"sampling": {"cfg": "0:(4), 1:(9)"}},
        {"sampling": {"steps": "0:(3), 1:(4)"}},
        {"sampling": {"clip_skip": "0:(1), 1:(2)"}},
        {"sampling": {"eta_ancestral": "0:(1), 1:(0.3)"}},
        {"sampler": "DDIM", "sampling": {"eta_ddim": "0:(0), 1:(0.8)"}},
        {"sampling": {"variation_seed": 9, "variation_strength": "0:(0), 1:(0.4)"}},
        {"sampling": {"variation_strength": 0.4, "variation_seed": "0:(1), 1:(2)"}},
        {"sampling": {"cfg_rescale": "0:(0), 1:(0.7)"}},
        {"sampling": {"seed_width": "0:(0), 1:(128)", "seed_height": "0:(0), 1:(128)"}},
        {"prompts": {"0": "forest at sunrise <lora:ink:`t`>"}},
    ],
    ids=lambda moving: " ".join(moving.get("sampling", moving)),
)
def test_a_setting_that_moves_changes_the_picture_of_its_frame(moving, pool):
    data = BASE | moving | {"sampling": BASE["sampling"] | moving.get("sampling", {})}
    timeline = Timeline(parse(data, "x").project)
    generator = build(Options("mini"), pool)
    first, second = (generator.generate([timeline[index].request(SIZE)])[0] for index in (0, 1))
    assert np.abs(first.astype(int) - second).max() > 1
    assert np.array_equal(first, generator.generate([timeline[0].request(SIZE)])[0]), "the model is as it was"


def test_switching_checkpoints_over_and_over_keeps_two_in_memory_at_most(tmp_path):
    def unets():
        gc.collect()
        return sum(type(thing) is UNet2DConditionModel for thing in gc.get_objects())

    turns = ", ".join(f'{frame}:("{("mini", "bent")[frame % 2]}")' for frame in range(8))
    data = BASE | {"frames": 8, "sampling": {"steps": 1}, "checkpoint": turns}
    before = unets()
    job = RenderJob(parse(data, "x").project, tmp_path, tmp_path / "out", ModelPool())
    counts = [unets() - before for _ in job.frames()]
    assert len(counts) == 8
    assert max(counts) <= 2
    assert max(counts[4:]) <= max(counts[:4]), "it does not grow"

"""Families of motion modules, told from the names and shapes in a file's header."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.errors import WeightsError
from diffusion.clips.families import family_of, signal_shares
from diffusion.clips.motion_files import traits_of
from diffusion.clips.names import diffusers_name

SD1, SDXL = (320, 640, 1280, 1280), (320, 640, 1280)


def original(channels, *, positions=None, middle=False, wrapper="temporal_transformer."):
    """The names and shapes in an original file that tell its family."""
    found = {}
    places = [f"down_blocks.{n}" for n in range(len(channels))] + (["mid_block"] if middle else [])
    for place, width in zip(places, [*channels, channels[-1]], strict=False):
        stem = f"{place}.motion_modules.0.{wrapper}"
        found[f"{stem}proj_in.weight"] = (width, width)
        if positions:
            found[f"{stem}transformer_blocks.0.attention_blocks.0.pos_encoder.pe"] = (1, positions, width)
            found[f"{stem}transformer_blocks.0.attention_blocks.1.pos_encoder.pe"] = (1, positions, width)
    return {diffusers_name(key): shape for key, shape in found.items()}


@pytest.mark.parametrize(
    ("channels", "positions", "middle", "file", "name", "base", "longest", "betas"),
    [
        (SD1, 24, False, "mm_sd_v14.ckpt", "AnimateDiff v1", "sd1", 24, "linear"),
        (SD1, 32, True, "mm_sd_v15_v2.ckpt", "AnimateDiff v2", "sd1", 32, "linear"),
        (SD1, 32, False, "mm_sd15_v3.safetensors", "AnimateDiff v3", "sd1", 32, "linear"),
        (SD1, None, True, "AnimateLCM_sd15_t2v.ckpt", "AnimateLCM", "sd1", 64, "linear"),
        (
            SD1,
            32,
            True,
            "animatediff_lightning_4step_comfyui.safetensors",
            "AnimateDiff-Lightning",
            "sd1",
            32,
            "linear",
        ),
        (SDXL, 32, False, "mm_sdxl_v10_beta.ckpt", "AnimateDiff SDXL beta", "sdxl", 32, "scaled linear 0.02"),
        (SDXL, 8, False, "hsxl_temporal_layers.safetensors", "HotShot-XL", "sdxl", 8, "own"),
    ],
)
def test_public_families_are_told_from_their_tensors(channels, positions, middle, file, name, base, longest, betas):
    found = family_of(original(channels, positions=positions, middle=middle), file)
    assert (found.name, found.base, found.positions, found.betas) == (name, base, longest, betas)
    assert found.window == (8 if name == "HotShot-XL" else 16)
    assert found.across_time == (name in ("AnimateDiff v1", "HotShot-XL"))


def test_lightning_says_its_steps():
    found = family_of(original(SD1, positions=32, middle=True), "animatediff_lightning_4step_diffusers.safetensors")
    assert "4 steps" in found.advice


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            "module.down_blocks.0.motion_modules.1.temporal_transformer.norm.weight",
            "down_blocks.0.motion_modules.1.norm.weight",
        ),
        (
            "up_blocks.2.temporal_attentions.0.transformer_blocks.0.attention_blocks.1.to_out.0.bias",
            "up_blocks.2.motion_modules.0.transformer_blocks.0.attn2.to_out.0.bias",
        ),
        (
            "mid_block.motion_modules.0.temporal_transformer.transformer_blocks.0.ff_norm.weight",
            "mid_block.motion_modules.0.transformer_blocks.0.norm3.weight",
        ),
        (
            "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.norms.1.bias",
            "down_blocks.0.motion_modules.0.transformer_blocks.0.norm2.bias",
        ),
        ("down_blocks.0.resnets.0.norm1.weight", None),
    ],
)  # fmt: skip
def test_original_names_become_those_of_diffusers(theirs, ours):
    assert diffusers_name(theirs) == ours


def test_noise_schedules_are_those_of_the_families():
    own = np.linspace(0.999, 0.01, 1000)
    assert signal_shares("own", own) is own
    linear = signal_shares("linear", own)
    assert linear[0] == pytest.approx(1 - 0.00085) and linear[1] / linear[0] == pytest.approx(
        1 - (0.00085 + 0.01115 / 999)
    )
    assert signal_shares("scaled linear 0.02", own)[-1] < linear[-1]


def test_a_file_is_told_by_its_header(tmp_path):
    stem = "down_blocks.0.motion_modules.0.temporal_transformer"
    save_file({f"{stem}.proj_in.weight": torch.zeros(8, 8)}, tmp_path / "own.safetensors")
    assert traits_of(tmp_path / "own.safetensors").base is None
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match="no motion module"):
        traits_of(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    "facts",
    [{"betas": "cubic"}, {"window": 99}, {"shared_noise": 2}, {"steady": 2}, {"steady": "yes"}, {"window": "many"}],
)
def test_facts_that_make_no_sense_are_told(facts, tmp_path):
    with pytest.raises(WeightsError):
        family_of({"down_blocks.0.motion_modules.0.proj_in.weight": (8, 8)}, "own", json.loads(json.dumps(facts)))

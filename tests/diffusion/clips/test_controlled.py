"""ControlNets in clips: every frame sees its own hint, with its own weight, wherever windows lie."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.devices import ModelPool
from diffusion.clips.journal import Journal
from diffusion.clips.module import load_motion
from diffusion.clips.studio import ClipStudio
from diffusion.hints import Hint
from diffusion.models.controlnet import load_control
from diffusion.models.load import load_model
from diffusion.pictures import Studio
from diffusion.request import ControlImage
from tests.diffusion.clips.toys import SIZE, frame, order, write_module
from tests.diffusion.models.toy import toy_pipeline
from tests.diffusion.test_controlnet import network
from tests.motion.pictures import clouds


@pytest.fixture(scope="module")
def studios(tmp_path_factory):
    """A studio of clips and one of single pictures, of the same model, and the name of its ControlNet."""
    folder, pool = tmp_path_factory.mktemp("controlled"), ModelPool()
    toy_pipeline("sd1").save_pretrained(folder / "model")
    network().save_pretrained(folder / "canny")
    model = load_model(str(folder / "model"), pool)
    write_module(folder / "motion", model.unet)

    def load(name, asked, low_memory):
        return load_control(name, asked, pool, low_memory=low_memory)

    module = load_motion(folder / "motion", pool)
    return ClipStudio(model, module, load_control=load), Studio(model, load_control=load), str(folder / "canny")


def shown(net, weights=(1.0,) * 16, **changes):
    """A picture of its own for each frame."""
    return lambda n: (ControlImage(net, Hint(clouds(SIZE, seed=n)), weights[n], **changes),)


@pytest.fixture
def drawn(studios, tmp_path):
    numbers = iter(range(1000))

    def draw(asked):
        return studios[0].latents(asked, Journal(tmp_path / str(next(numbers)), "key")).clone()

    return draw


@pytest.mark.parametrize("mode", ["balanced", "prompt", "control"])
def test_without_motion_frames_are_the_stills_that_their_hints_make(studios, drawn, mode):
    clips, stills, net = studios
    weights = [0.2 * n for n in range(8)]
    asked = order(
        [frame(n, motion=0.0) for n in range(8)], together=2, closed=False, controls=shown(net, weights, mode=mode)
    )
    requests = [replace(one.request, controls=shown(net, weights, mode=mode)(n)) for n, one in enumerate(asked.frames)]
    singles = stills.pictures(requests)
    for latent, single in zip(drawn(asked), singles, strict=True):
        assert np.abs(clips.picture(latent, asked) / 255 - np.clip(single, 0, 1)).max() < 0.02


def test_hints_go_round_with_the_frames_of_a_loop(studios, drawn):
    net = studios[2]
    frames = [frame(n) for n in range(16)]
    one = drawn(order(frames, overlap=0, controls=shown(net)))
    turned = drawn(order(frames[8:] + frames[:8], overlap=0, controls=lambda n: shown(net)((n + 8) % 16)))
    assert torch.allclose(one.roll(-8, 0), turned, atol=1e-4)
    assert not torch.allclose(
        one, drawn(order(frames, overlap=0, controls=lambda n: shown(net)((n + 8) % 16))), atol=1e-2
    )


@pytest.mark.parametrize("closed", [True, False])
def test_windows_together_give_the_same_frames_under_a_control(studios, drawn, closed):
    weights = [n % 3 / 2 for n in range(16)]
    one, three = (
        drawn(order(16, closed=closed, together=count, controls=shown(studios[2], weights))) for count in (1, 3)
    )
    assert torch.allclose(one, three, atol=1e-4)


def test_a_control_rests_outside_its_share_of_the_steps(studios, drawn):
    net = studios[2]
    plain, late = drawn(order(8)), drawn(order(8, controls=shown(net, start=0.99)))
    assert torch.equal(plain, late)
    assert not torch.allclose(plain, drawn(order(8, controls=shown(net, end=0.0))), atol=1e-3)

"""Clips end to end at toy size: windows, loops, words, strengths, drive, resume."""

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.devices import ModelPool
from core.errors import UserError, WeightsError
from core.image import to_float
from core.weights import EMBEDDED
from diffusion.clips.denoise import ClipDenoise, Frames, Manner
from diffusion.clips.journal import Journal
from diffusion.clips.module import load_motion, load_motion_lora
from diffusion.clips.order import Ends, FreeInit, end_shares
from diffusion.clips.steadiness import paced, steadied
from diffusion.clips.studio import ClipStudio, begin, paced_above, steady_above
from diffusion.clips.windows import WindowRules
from diffusion.clips.words import Context
from diffusion.models.load import load_model
from diffusion.request import Inpaint
from diffusion.sampling.denoiser import Denoiser
from diffusion.sampling.noise_schedule import TrainingNoise
from tests.diffusion.clips.toys import SIZE, frame, noise_picture, order, write_module
from tests.diffusion.models.toy import toy_pipeline


class Killed(Exception):
    """Ends a sampling as a kill would."""


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy_pipeline("sd1").save_pretrained(folder / "model")
    model = load_model(str(folder / "model"), ModelPool())
    write_module(folder / "motion", model.unet)
    return model, load_motion(folder / "motion", ModelPool())


@pytest.fixture(scope="module")
def studio(toy):
    return ClipStudio(*toy)


@pytest.fixture
def drawn(studio, tmp_path):
    numbers = iter(range(1000))

    def draw(asked, by=studio):
        return by.latents(asked, Journal(tmp_path / str(next(numbers)), "key")).clone()

    return draw


def test_the_same_order_gives_the_same_clip_and_frames_differ(drawn):
    one, other = drawn(order()), drawn(order())
    assert torch.equal(one, other) and one.shape[0] == 8
    assert all(not torch.allclose(a, b) for a, b in itertools.pairwise(one))


@pytest.mark.parametrize("closed", [True, False])
def test_windows_together_give_the_same_frames(drawn, closed):
    one, three = (drawn(order(20, closed=closed, together=count)) for count in (1, 3))
    assert torch.allclose(one, three, atol=1e-4)


@pytest.mark.parametrize(("length", "overlap", "by"), [(16, 0, 8), (9, 7, 5)])
def test_a_closed_clip_does_not_know_where_it_begins(drawn, length, overlap, by):
    """Noise and words turned by as many frames as map its windows onto themselves turn the loop, and change nothing."""
    frames = [
        frame(index, prompt=(("sea", 1 - abs(index - 4) / 12), ("city", abs(index - 4) / 12)))
        for index in range(length)
    ]
    one, turned = (drawn(order(some, overlap=overlap, steady=0.7)) for some in (frames, frames[by:] + frames[:by]))
    assert torch.allclose(one.roll(-by, 0), turned, atol=1e-3)


def test_an_open_clip_knows_where_it_begins(drawn):
    frames = [frame(index) for index in range(16)]
    turned = drawn(order(frames[8:] + frames[:8], closed=False))
    assert not torch.allclose(drawn(order(frames, closed=False)), turned.roll(8, 0), atol=1e-2)


def test_a_loop_of_one_window_feels_its_seam(drawn):
    """What frame 0 is asked for reaches the last frame as strongly as the second one."""
    plain = drawn(order([frame(i) for i in range(8)]))
    changed = drawn(order([frame(i, prompt=(("a red city", 1.0),) if i == 0 else (("sea", 1.0),)) for i in range(8)]))
    moved = (changed - plain).abs().mean((1, 2, 3))
    assert 0.2 < float(moved[-1] / moved[1]) < 5


def test_without_motion_every_frame_is_a_still(toy, drawn):
    frames = [frame(index, motion=0.0) for index in range(8)]
    assert torch.allclose(drawn(order(frames)), drawn(order(8), ClipStudio(toy[0])), atol=1e-2)
    assert not torch.allclose(drawn(order(frames)), drawn(order(8)), atol=1e-3)


def test_motion_may_differ_from_frame_to_frame(drawn):
    half = drawn(order([frame(i, motion=0.5) for i in range(8)]))
    assert not torch.allclose(half, drawn(order(8)), atol=1e-3)


@pytest.mark.parametrize("way", ["linear", "slerp"])
def test_the_end_of_a_way_between_prompts_is_the_prompt(drawn, way):
    def on_way(share):
        mix = (("sea", 1 - share), ("a long red city " * 20, share))
        return drawn(order([frame(i, prompt=mix) for i in range(8)], interpolation=way))

    other = drawn(order([frame(i, prompt=(("a long red city " * 20, 1.0),)) for i in range(8)]))
    assert torch.allclose(on_way(1.0), other, atol=1e-3)
    assert not torch.allclose(on_way(0.5), other, atol=1e-3)


def test_negative_prompts_travel_too(drawn):
    away = drawn(order([frame(i, negative=(("", 1 - i / 8), ("city", i / 8))) for i in range(8)]))
    assert not torch.allclose(away, drawn(order(8)), atol=1e-4)


def test_lora_tags_of_some_prompts_only_are_refused(drawn):
    frames = [frame(i, prompt=(("sea <lora:x:1>" if i else "sea", 1.0),)) for i in range(8)]
    with pytest.raises(UserError, match="positive"):
        drawn(order(frames))


def test_steps_that_change_over_the_clip_are_refused(drawn):
    with pytest.raises(UserError, match="changes over the clip"):
        drawn(order([frame(i, steps=3 + i) for i in range(8)]))


def test_samplers_of_one_picture_at_a_time_are_refused(drawn):
    with pytest.raises(UserError, match="one picture at a time"):
        drawn(order([frame(i, sampler="DPM adaptive") for i in range(8)]))


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ SDE", "UniPC", "DDIM CFG++", "LCM", "Heun"])
def test_samplers_of_all_kinds_draw_clips(drawn, sampler):
    found = drawn(order([frame(i, sampler=sampler) for i in range(8)]))
    assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize("sampler", ["DPM++ 2M", "Euler a", "DDIM CFG++"])
def test_a_killed_clip_goes_on_from_its_last_step_to_the_same_frames(studio, tmp_path, sampler):
    asked = order([frame(i, sampler=sampler, steps=6) for i in range(8)])
    whole = studio.latents(asked, Journal(tmp_path / "whole", "key")).clone()

    def kill(report):
        if report.index == 3:
            raise Killed

    journal = Journal(tmp_path / "killed", "key")
    with pytest.raises(Killed):
        studio.latents(asked, journal, kill)
    assert journal.steps() == 4
    files = {file.name: file.stat().st_mtime_ns for file in journal.folder.glob("call-*")}

    def check(report):
        if report.index == 3:
            assert all((journal.folder / name).stat().st_mtime_ns == time for name, time in files.items())

    assert torch.equal(studio.latents(asked, journal, check), whole)
    assert journal.steps() == 0 and torch.equal(journal.latents(), whole)


def test_a_journal_of_another_clip_is_emptied(studio, tmp_path):
    first = studio.latents(order(), Journal(tmp_path, "one")).clone()
    other = studio.latents(replace(order(), seed=6, shared_noise=0.5), Journal(tmp_path, "other"))
    assert not torch.equal(first, other)


@pytest.mark.parametrize("denoise", [0.0, 0.5, 1.0])
def test_frames_begin_where_their_strength_says(studio, drawn, denoise):
    pictures = [noise_picture(i) for i in range(8)]
    frames = [frame(i, denoise=denoise if i < 4 else 0.0) for i in range(8)]
    found = drawn(order(frames, init=lambda i: pictures[i]))
    kept = drawn(order([frame(i, denoise=0.0) for i in range(8)], init=lambda i: pictures[i]))
    assert torch.equal(found[4:], kept[4:])
    assert torch.equal(found[:4], kept[:4]) == (denoise == 0)


def test_more_strength_goes_further_from_the_picture(drawn):
    pictures = [noise_picture(3)] * 8

    def far(denoise):
        found = drawn(order([frame(i, denoise=denoise, steps=8) for i in range(8)], init=lambda i: pictures[i]))
        kept = drawn(order([frame(i, denoise=0.0) for i in range(8)], init=lambda i: pictures[i]))
        return float((found - kept).abs().mean())

    assert 0 < far(0.3) < far(0.9)


def test_a_strength_becomes_a_noise_level(studio):
    plan = studio.plan(order([frame(0, steps=10)] * 8))
    assert begin(plan, 1.0) == float("inf") and begin(plan, 0.0) == 0
    assert begin(plan, 0.5) == plan.sigmas[5]


def test_a_mask_keeps_the_picture_outside(studio, drawn):
    mask = np.zeros((SIZE.height, SIZE.width), np.float32)
    mask[:, 16:] = 1
    asked = order(8, init=noise_picture, mask=lambda i: Inpaint(mask))
    kept = drawn(order([frame(i, denoise=0.0) for i in range(8)], init=noise_picture))
    found = drawn(asked)
    half = found.shape[-1] // 2
    assert torch.allclose(found[..., :half], kept[..., :half], atol=1e-5)
    assert not torch.allclose(found[..., half:], kept[..., half:], atol=1e-2)


def test_end_pictures_are_what_the_ends_start_from():
    first, last = end_shares(16, (1.0, 32.0), (1.0, 32.0), closed=False)
    assert (first[0], first[-1], last[0], last[-1]) == (1, 0, 0, 1)
    assert np.all(first + last <= 1 + 1e-9) and np.allclose(first, last[::-1])
    (alone,) = end_shares(48, (1.0, 32.0), None, closed=False)
    assert alone[0] == 1 and alone[16] == 0.5 and alone[40] == 0
    (ring,) = end_shares(48, (1.0, 32.0), None, closed=True)
    assert ring[47] == ring[1]


@pytest.mark.parametrize(("power", "scale"), [(1.0, 32.0), (2.0, 50.0), (0.5, 8.0), (3.0, 128.0)])
def test_between_two_pictures_shares_go_over_without_a_jump(power, scale):
    first, last = end_shares(24, (power, scale), (power, scale), closed=False)
    (alone,) = end_shares(24, (power, scale), None, closed=False)
    assert np.abs(np.diff(first)).max() <= 2 * np.abs(np.diff(alone)).max()
    assert np.allclose(first, last[::-1]) and (first + last).max() <= 1 + 1e-9


def test_a_frame_is_drawn_over_the_pictures_by_their_shares():
    picture = noise_picture(1)
    ends = Ends((picture, picture), end_shares(16, (1.0, 4.0), (1.0, 4.0), closed=False))
    assert ends.weights(0) == ends.weights(2) == (1, 0) and ends.weights(15) == (0, 1)
    assert ends.weights(7) == (1, 0) and ends.weights(8) == (0, 1)  # neither has a share there
    assert ends.noise(0) == 0 and ends.noise(7) == math.inf
    assert ends.noise(2) == pytest.approx(math.sqrt(1 - 0.5**2) / 0.5)


def test_frames_far_from_a_picture_begin_earlier(studio):
    plan = studio.plan(order([frame(0, steps=10)] * 8))
    levels = [begin(plan, 0.4, noise) for noise in (0.0, plan.sigmas[4], plan.sigmas[1], 2 * plan.sigmas[0])]
    assert levels[0] == plan.sigmas[6] and levels == sorted(levels) and levels[-1] == math.inf
    assert begin(plan, 0.0, 0.0) == 0 < begin(plan, 0.0, 0.01) == plan.sigmas[9]


def test_a_clip_from_an_image_begins_near_it(studio, drawn):
    picture = noise_picture(9)
    shares = end_shares(8, (1.0, 4.0), None, closed=False)
    asked = order([frame(i, denoise=0.6) for i in range(8)], closed=False, ends=Ends((picture,), shares))
    shown = [to_float(studio.picture(one, asked)) for one in drawn(asked)]
    goal = to_float(studio.picture(drawn(order([frame(0, denoise=0.0)] * 8, init=lambda i: picture))[0], asked))
    far = [np.abs(one - goal).mean() for one in shown]
    assert far[0] < far[-1]


def test_shared_and_rescheduled_noise_and_freeinit_change_the_clip(drawn):
    plain = drawn(order(16))
    for other in ({"shared_noise": 0.7}, {"free_noise": True}, {"free_init": FreeInit(2)}):
        assert not torch.allclose(drawn(order(16, **other)), plain, atol=1e-3), other


def test_a_motion_lora_acts_by_its_dose(toy, drawn, tmp_path):
    stem = "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.processor"
    width = toy[0].unet.config.block_out_channels[0]
    torch.manual_seed(3)
    file = tmp_path / "pan.safetensors"
    save_file(
        {f"{stem}.to_q_lora.down.weight": torch.randn(2, width), f"{stem}.to_q_lora.up.weight": torch.randn(width, 2)},
        file,
    )
    by = ClipStudio(*toy, loras=[load_motion_lora("pan", file)])
    none, some = (drawn(order([frame(i, doses=(dose,)) for i in range(8)]), by) for dose in (0.0, 5.0))
    assert torch.equal(none, drawn(order(8))) and not torch.allclose(none, some, atol=1e-4)


def test_a_module_for_another_unet_is_refused(toy, tmp_path):
    write_module(tmp_path, load_model("mini", ModelPool()).unet)
    with pytest.raises(WeightsError, match="made for a UNet of"):
        ClipStudio(toy[0], load_motion(tmp_path, ModelPool()))


def test_a_still_folder_is_no_motion_module():
    with pytest.raises(WeightsError, match="MotionAdapter"):
        load_motion(EMBEDDED / "mini" / "unet", ModelPool())


def test_sdxl_moves_too(tmp_path, drawn):
    toy_pipeline("sdxl").save_pretrained(tmp_path / "model")
    model = load_model(str(tmp_path / "model"), ModelPool())
    write_module(tmp_path / "motion", model.unet, middle=False)
    by = ClipStudio(model, load_motion(tmp_path / "motion", ModelPool()))
    assert bool(torch.isfinite(drawn(order(8), by)).all())


@pytest.mark.parametrize("closed", [True, False])
def test_steady_frames_are_nearer_to_their_neighbours_and_still_themselves(drawn, closed):
    frames = [frame(index, steps=6) for index in range(16)]
    plain, steady = (drawn(order(frames, closed=closed, steady=share)) for share in (0.0, 0.75))
    far = [float((one - one.roll(-1, 0))[:-1].square().mean()) for one in (plain, steady)]
    assert 0 < far[1] < 0.8 * far[0]


def test_a_loop_is_steadied_round_its_seam():
    clean = torch.randn(7, 4, 2, 2)
    ring, line = steadied(clean, closed=True), steadied(clean, closed=False)
    assert torch.allclose(steadied(clean.roll(3, 0), closed=True), ring.roll(3, 0))
    assert torch.allclose(ring[0], (clean[6] + clean[0] + clean[1]) / 3)
    assert torch.allclose(line[0], (2 * clean[0] + clean[1]) / 3) and torch.equal(line[1:-1], ring[1:-1])


def _steps(frames):
    """Lengths of the steps round a ring."""
    return (frames.roll(-1, 0) - frames).flatten(1).norm(dim=1)


def wave(places):
    """Frames that swing to and fro; 4 x 4 cells."""
    turn = places * 2 * math.pi
    return torch.stack([turn.cos(), turn.sin() / 4], 1).view(-1, 2, 1, 1).expand(-1, -1, 4, 4).float()


def test_a_paced_loop_takes_steps_of_one_length_and_keeps_its_way():
    uneven = wave(torch.arange(48) / 48)
    even = paced(uneven)
    assert float(_steps(uneven).max() / _steps(uneven).min()) > 3
    assert float(_steps(even).max() / _steps(even).min()) < 1.1
    assert float(_steps(even).sum()) == pytest.approx(float(_steps(uneven).sum()), rel=0.03)


def test_an_even_loop_is_left_as_it_is():
    turn = torch.arange(16) / 16 * 2 * math.pi
    even = torch.stack([turn.cos(), turn.sin()], 1).view(-1, 2, 1, 1).expand(-1, -1, 2, 2).float()
    assert torch.allclose(paced(even), even, atol=1e-5)


@pytest.mark.parametrize("by", [1, 5, 14])
def test_pacing_knows_no_first_frame(by):
    clean = torch.randn(15, 4, 4, 4)
    assert torch.allclose(paced(clean.roll(by, 0)), paced(clean).roll(by, 0), atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_that_do_not_move_are_not_paced(count):
    frozen = torch.ones(count, 4, 4, 4)
    assert torch.equal(paced(frozen), frozen)


@pytest.mark.parametrize(("sigma", "acts"), [(0.3, True), (0.2, False)])
def test_a_loop_is_paced_above_its_level_only(studio, toy, sigma, acts):
    """Of a UNet that finds no noise, so that what comes in is clean."""
    plan, frames = studio.plan(order()), Frames(torch.ones(16), torch.full((16,), math.inf), None)
    told = SimpleNamespace(positive=lambda *_: Context(torch.zeros(8, 1, 1), None))
    alphas = TrainingNoise.of(toy[0].alphas_cumprod.numpy())
    denoiser = Denoiser(None, alphas, "epsilon", torch.float32)
    manner = Manner(WindowRules(8, 4), closed=True, paced_above=0.2)
    x = wave(torch.arange(16) / 16)
    clean = ClipDenoise(lambda latents, *_: torch.zeros_like(latents), denoiser, told, frames, manner)(x, sigma)
    assert torch.allclose(clean, paced(x) if acts else x, atol=1e-5)
    assert sum(sigma > paced_above(plan) for sigma in plan.sigmas[:-1]) == plan.steps_run - 1


@pytest.mark.parametrize(("share", "steps"), [(0.0, 0), (0.5, 5), (1.0, 10)])
def test_a_share_of_the_steps_is_steadied(studio, share, steps):
    plan = studio.plan(order([frame(0, steps=10)] * 8))
    assert sum(sigma > steady_above(plan, share) for sigma in plan.sigmas[:-1]) == steps

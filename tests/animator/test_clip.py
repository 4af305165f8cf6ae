"""Modes clip and morph, through projects: plans, loops, faults, and a render that is killed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import SparseControlNetModel

from animator.job import RenderJob
from animator.project import parse
from animator.steps import Sampled
from commands.clip import keyed, travelling
from core.devices import ModelPool
from core.errors import ProjectError, UserError
from core.weights import EMBEDDED
from diffusion.clips.module import moving_blocks
from diffusion.models.load import load_model
from media.read import read_image
from media.stills import write_png
from tests.diffusion.clips.toys import write_module

BASE = {
    "mode": "clip",
    "size": [32, 32],
    "frames": 20,
    "seed": 3,
    "fps": 8,
    "prompts": {"0": "sea --neg red", "10": "city --neg blue"},
    "travel": "blend",
    "loop": {},
    "sampler": "Euler",
    "sampling": {"steps": 2, "cfg": 2},
    "export": [],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("clip")
    unet = load_model("mini", ModelPool()).unet
    write_module(made / "motion", unet, positions=8)
    return made


def project(folder, **changes):
    data = json.loads(json.dumps(BASE)) | {"clip": {"module": str(folder / "motion")}}
    return parse(data | changes, "test", folder=folder).project


def job(folder, out, pool=None, **changes):
    return RenderJob(project(folder, **changes), folder, out, pool or ModelPool())


def faults(folder, **changes):
    with pytest.raises(ProjectError) as caught:
        project(folder, **changes)
    return str(caught.value)


def test_a_plan_tells_windows_words_and_weights(folder, tmp_path):
    planned = job(folder, tmp_path)
    told = list(planned.mode.explained())
    assert [index for step in planned.steps for index in step.generated] == list(range(20))
    assert any("windows of 8 frames" in line for line in told) and any(
        "ring of 20 frames, 5 windows" in line for line in told
    )
    assert "frame 5: 0.50 sea + 0.50 city; against 0.50 red + 0.50 blue; seed 8" in told
    assert "frame 15: 0.50 city + 0.50 sea" in "\n".join(told)


def test_a_render_has_all_frames_and_goes_on_after_a_kill(folder, tmp_path):
    pool = ModelPool()
    whole = [frame.image for frame in job(folder, tmp_path / "whole", pool).run()]
    assert len(whole) == 20 and whole[0].shape == (32, 32, 3)
    frames = job(folder, tmp_path / "killed", pool).run()
    for _ in range(9):
        next(frames)
    frames.close()
    again = job(folder, tmp_path / "killed", pool)
    assert again.reusable() >= 8
    assert all(map(np.array_equal, whole, [frame.image for frame in again.run()]))
    assert np.array_equal(read_image(tmp_path / "killed" / "frames" / "000019.png"), whole[19])


def test_a_render_tells_its_sampling_step_by_step_and_what_of_it_is_kept(folder, tmp_path):
    pool, told = ModelPool(), []

    def stop(now):
        told.append(now)
        if now.done == 2:
            raise KeyboardInterrupt

    steps = {"sampling": {"steps": 4, "cfg": 2}}
    with pytest.raises(KeyboardInterrupt):
        list(job(folder, tmp_path, pool, **steps).run(stop))
    list(job(folder, tmp_path, pool, **steps).run(told.append))
    assert told == [Sampled(n, 4, 0) for n in (1, 2)] + [Sampled(n, 4, min(n, 2)) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sampler": "DPM adaptive"}, "DPM adaptive draws one picture at a time"),
        ({"sampler": "0:(Euler), 5:(Heun)"}, "changes over the clip"),
        ({"prompts": {"0": "sea AND city"}}, "AND in the prompt"),
        ({"sampler": "Eulr"}, "sampler: no sampler"),
    ],
)
def test_what_no_clip_can_be_drawn_with_is_told_before(folder, changes, told):
    assert told in faults(folder, **changes)


def test_and_may_be_avoided(folder):
    assert project(folder, prompts={"0": "sea --neg this AND that"})


def test_reverse_gives_the_frames_from_behind(folder, tmp_path):
    pool, module = ModelPool(), {"module": str(folder / "motion")}
    one = [frame.image for frame in job(folder, tmp_path / "a", pool, frames=8, prompts={"0": "sea"}).run()]
    other = [
        frame.image
        for frame in job(
            folder, tmp_path / "b", pool, frames=8, prompts={"0": "sea"}, clip=module | {"reverse": True}
        ).run()
    ]
    assert all(map(np.array_equal, one, reversed(other)))


def test_a_short_clip_is_drawn_as_long_as_a_window_and_cut(folder, tmp_path):
    made = job(folder, tmp_path, loop=None, frames=3, prompts={"0": "sea"})
    assert len(made.mode.frames) == 8 and len(list(made.run())) == 3


def test_a_morph_is_closed_and_its_keys_have_their_seeds(folder, tmp_path):
    made = job(
        folder, tmp_path, mode="morph", frames=4, prompts={"0": "sea", "2": "city"}, clip={"seeds": "0:(5), 2:(9)"}
    )
    seeds = [(frame.request.seed, frame.other_seed) for frame in made.mode.frames]
    assert seeds == [(5, (9, 0.0)), (5, (9, 0.5)), (9, (5, 0.0)), (9, (5, 0.5))]
    assert len(list(made.run())) == 4


def test_a_clip_is_drawn_towards_pictures_at_some_of_its_frames(folder, tmp_path):
    """Through a project: the embedded model with a SparseControl network of its shape."""
    model = load_model("mini", ModelPool())
    torch.manual_seed(5)
    network = SparseControlNetModel(
        in_channels=model.unet.config.in_channels,
        conditioning_channels=model.autoencoder.channels,
        down_block_types=moving_blocks(model.unet.config, "down"),
        block_out_channels=tuple(model.unet.config.block_out_channels),
        layers_per_block=model.unet.config.layers_per_block,
        cross_attention_dim=model.unet.config.cross_attention_dim,
        attention_head_dim=model.unet.config.attention_head_dim,
        norm_num_groups=model.unet.config.norm_num_groups,
    )
    for name, values in network.named_parameters():
        if name.startswith("controlnet_"):
            torch.nn.init.normal_(values, std=0.3)
    network.save_pretrained(folder / "sparse")
    write_png(folder / "key.png", np.full((32, 32, 3), 200, np.uint8))
    module, pool = {"module": str(folder / "motion")}, ModelPool()
    rules = {"model": str(folder / "sparse"), "images": {"2": "key.png"}}
    plain, drawn, brighter = (
        job(folder, tmp_path / name, pool, frames=4, prompts={"0": "sea"}, clip=module | clip)
        for name, clip in (
            ("plain", {}),
            ("drawn", {"sparse": rules}),
            ("brighter", {"sparse": rules | {"control": "picture", "options": {"invert": True}}}),
        )
    )
    assert len({one.mode.identity for one in (plain, drawn, brighter)}) == 3
    frames = [[frame.image for frame in one.run()] for one in (plain, drawn)]
    assert not np.array_equal(frames[0][2], frames[1][2])


def test_a_generator_without_a_model_shows_the_frames_it_makes(folder, tmp_path):
    assert len(list(job(folder, tmp_path, generator="noise").run())) == 20


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prompts": {"0": "sea", "20": "city"}}, "frame 20 is beyond the clip"),
        ({"camera": {"z": 1}}, "camera: has no effect"),
        ({"cadence": 2}, "cadence: has no effect"),
        ({"sampling": {"steps": "0:(2), 9:(4)"}}, "changes over the clip"),
        ({"sampling": {"denoise": 0.5}}, "there is no picture to keep"),
        ({"frames": 0}, "frames"),
        ({"hires": {}}, "hires: has no effect"),
        ({"feedback": {"redo": 2}}, "feedback: has no effect"),
        ({"depth": {"equalize": True}}, "depth: has no effect"),
        ({"drawing": {"img2img_steps": "exact"}}, "drawing.img2img_steps: has no effect"),
        ({"loop": {"grain": 4}}, "loop.grain: has no effect"),
        ({"mode": "morph", "clip": {}, "seeds": {"behavior": "fixed"}}, "seeds: has no effect"),
        ({"mode": "morph", "clip": {}, "loop": {"noise": 4}}, "loop.noise: noise travels"),
    ],
)
def test_what_is_wrong_is_told(folder, changes, told):
    assert told in faults(folder, **changes)


@pytest.mark.parametrize(
    ("clip", "told"),
    [
        ({"windows": {"frames": 9}}, "9 frames are more than the 8"),
        ({"windows": {"overlap": 8}}, "clip.windows.overlap"),
        ({"windows": {"stride": 2}}, "has no effect with the scheme even"),
        ({"windows": {"scheme": "N"}}, "N never wraps round"),
        ({"motion": 9}, "clip.motion: 9 is out of range"),
        ({"module": "nowhere"}, "clip.module"),
        ({"mask": "mask.png"}, "nothing that it keeps"),
        ({"adapter_weight": 0.5}, "there is no adapter"),
        ({"short": "hold"}, "nothing that could end"),
        ({"adapter": "nowhere"}, "clip.adapter"),
        ({"sparse": {"images": {"0": "a.png"}}}, "clip.sparse.model: is missing"),
        ({"sparse": {"model": "nowhere", "images": {"0": "a.png"}}}, "clip.sparse.model"),
        ({"sparse": {"model": "x"}}, "clip.sparse.images: there is none"),
        ({"sparse": {"model": "x", "images": {"20": "a.png"}}}, "frame 20 is beyond the clip"),
        ({"sparse": {"model": "x", "images": {"soon": "a.png"}}}, "clip.sparse.images.soon"),
        ({"sparse": {"model": "x", "images": {"0": "a.png"}, "control": "temporal"}}, "looks at more than a picture"),
        ({"sparse": {"model": "x", "images": {"0": "a.png"}, "start": 0.6, "end": 0.5}}, "lies before start"),
        ({"sparse": {"model": "x", "images": {"0": "a.png"}, "weight": 3}}, "clip.sparse.weight: 3 is out of range"),
    ],
)
def test_what_is_wrong_with_a_clip_is_told(folder, clip, told):
    assert told in faults(folder, clip={"module": str(folder / "motion")} | clip)


def test_a_way_between_prompts_has_no_effect_where_they_change_at_once(folder):
    clip = {"module": str(folder / "motion"), "hold": 0.5, "interpolation": "slerp"}
    told = faults(folder, clip=clip, travel="hold")
    assert "clip.hold: has no effect" in told and "clip.interpolation: has no effect" in told


def test_a_clip_section_in_another_mode_is_told(folder):
    told = parse({"mode": "flat", "prompts": {"0": "sea"}, "clip": {"tail": "fog"}}, "test", folder=folder).warnings
    assert told == ("clip: has no effect in mode flat",)


def test_a_video_that_ends_too_soon_is_told_unless_it_is_held_or_looped(folder):
    shots = folder / "shots"
    shots.mkdir(exist_ok=True)
    for n in range(3):
        write_png(shots / f"{n}.png", np.full((32, 32, 3), 60 * n, np.uint8))
    clip = {"module": str(folder / "motion"), "video": "shots"}
    assert "has 3 frames, the clip 20" in faults(folder, clip=clip, sampling={"steps": 2, "denoise": 0.5})
    assert project(folder, clip=clip | {"short": "loop"}, sampling={"steps": 2, "denoise": 0.5}).clip.short == "loop"


def test_an_edit_makes_all_frames_anew(folder, tmp_path):
    one = job(folder, tmp_path).mode.identity
    assert one == job(folder, tmp_path).mode.identity
    assert one != job(folder, tmp_path, prompts={"0": "sea", "19": "city"}).mode.identity
    assert one == replace_together(folder, tmp_path)


def replace_together(folder, out):
    made = project(folder)
    return RenderJob(replace(made, clip=replace(made.clip, together=3)), folder, out, ModelPool()).mode.identity


def test_prompts_on_one_line_become_a_table():
    assert keyed("0: a forest | 24: a city, night") == {"0": "a forest", "24": "a city, night"}
    assert keyed("a forest") == {"0": "a forest"}
    for wrong in ("", "0: a | b", "5: a | 3: b"):
        with pytest.raises(UserError):
            keyed(wrong)


def test_lines_around_those_with_frames_are_words_of_every_frame():
    table = {"0": "a forest", "24": "a city"}
    assert travelling("oil, \n\nmasterpiece\n0: a forest\n24: a city,\nblue") == ("oil, masterpiece,", table, "blue")
    assert travelling("oil\n0: a forest | 24: a city") == ("oil,", table, "")
    assert travelling("0: a forest | 24: a city") == ("", table, "")
    assert travelling("a forest") == ("", {"0": "a forest"}, "")
    with pytest.raises(UserError, match="blue"):
        travelling("0: a forest\nblue\n24: a city")


@pytest.mark.parametrize(("short", "seen"), [("hold", [0, 1, 2, 2, 2]), ("loop", [0, 1, 2, 0, 1])])
def test_a_control_that_ends_too_soon_is_told_unless_it_is_held_or_begins_again(folder, tmp_path, short, seen):
    for n in range(3):
        (folder / "hints").mkdir(exist_ok=True)
        write_png(folder / "hints" / f"{n}.png", np.full((32, 32, 3), 60 * n, np.uint8))
    own = str(EMBEDDED / "mini" / "controlnet-canny")
    changes = {
        "frames": 5,
        "prompts": {"0": "sea"},
        "controls": [{"control": "picture", "model": own, "source": "hints"}],
    }
    clip = {"module": str(folder / "motion")}
    assert "clip.short" in faults(folder, clip=clip, **changes)
    order = job(folder, tmp_path, clip=clip | {"short": short}, **changes).mode.order
    assert [int(order.controls(n)[0].hint.image[0, 0, 0]) // 60 for n in range(5)] == seen

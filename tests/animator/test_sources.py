"""Whole projects with videos, masks and guides: what a render is made of, and what changes its identity."""

from dataclasses import replace

import numpy as np
import pytest

from animator.job import RenderJob
from animator.masks import MaskWords
from animator.project import parse
from animator.serialize import relocated
from animator.steps import Carry
from core.devices import ModelPool
from core.errors import ProjectError
from core.image import Size
from media.read import read_image
from media.stills import write_png
from tests.motion.pictures import clouds

SIZE = Size(64, 48)
BASE = {
    "format": 1,
    "size": [64, 48],
    "frames": 4,
    "seed": 3,
    "generator": "noise",
    "prompts": {"0": "a"},
    "sampling": {"denoise": 0.3},
    "export": [],
}


def moving(frame):
    blocks = np.kron(np.random.default_rng(3).integers(0, 256, (12, 16, 3)), np.ones((4, 4, 1)))
    return np.roll((blocks * 0.5 + clouds(SIZE) * 0.5).astype(np.uint8), 3 * frame, axis=1)


@pytest.fixture
def folder(tmp_path):
    for name in ("clip", "masks"):
        (tmp_path / name).mkdir()
    for frame in range(9):
        write_png(tmp_path / "clip" / f"{frame}.png", moving(frame), {})
        mask = np.zeros((48, 64, 3), np.uint8)
        mask[:, : 8 * frame] = 255
        write_png(tmp_path / "masks" / f"{frame}.png", mask, {})
    write_png(tmp_path / "a.png", clouds(SIZE, seed=7), {})
    return tmp_path


def frames(folder, **changes):
    project = parse(BASE | changes, "x", folder=folder, name="x").project
    job = RenderJob(project, folder, folder / "out", ModelPool())
    images, carry = [], Carry()
    for step in job.steps:
        made, carry = job.mode.run(step, carry)
        images += made
    return np.stack(images), job.mode.identity


def faults(folder, **changes):
    with pytest.raises(ProjectError) as caught:
        parse(BASE | changes, "x", folder=folder, name="x")
    return {fault.field: str(fault) for fault in caught.value.faults}


VIDEO = {"video": {"file": "clip"}}
FROM_VIDEO = VIDEO | {"mode": "video"}
MASK = {"mask": {"video": {"file": "masks"}, "blur": 0, "only_masked": False}}
LONE = {"mask": MASK["mask"] | {"overlay": False}}
HYBRID = VIDEO | {"hybrid": {"composite": "normal"}}
GUIDE = {"guide": {"images": {"0": "a.png", "2": "clip/0.png"}}}

CHANGES = [
    (FROM_VIDEO, {"video": {"file": "clip", "every": 2}}),
    (FROM_VIDEO, {"video": {"file": "clip", "first": 1}}),
    (FROM_VIDEO, {"video": {"file": "clip", "last": 1}}),
    (FROM_VIDEO, {"color": {"match": "lab", "match_result": True}}),
    (FROM_VIDEO, {"color": {"match": "lab", "reference": "video"}}),
    (FROM_VIDEO, {"color": {"match": "rgb", "reference": "a.png"}}),
    (FROM_VIDEO, MASK),
    (FROM_VIDEO | MASK, {"mask": MASK["mask"] | {"overlay": False}}),
    (FROM_VIDEO | MASK, {"mask": MASK["mask"] | {"invert": True}}),
    (FROM_VIDEO | MASK, {"mask": MASK["mask"] | {"video": {"file": "masks", "first": 2}}}),
    (FROM_VIDEO | MASK, {"mask": MASK["mask"] | {"draw": "0:({everywhere}), 2:([a.png])"}}),
    (FROM_VIDEO | LONE, {"mask": LONE["mask"] | {"blur": 3}}),
    (FROM_VIDEO | MASK, {"mask": MASK["mask"] | {"brightness": 0.5}}),
    ({}, VIDEO | {"hybrid": {"composite": "normal"}}),
    (HYBRID, {"hybrid": {"composite": "after generation"}}),
    (HYBRID, {"hybrid": {"composite": "before motion", "motion": "flow"}}),
    (HYBRID, {"hybrid": {"composite": "normal", "motion": "affine"}}),
    (HYBRID, {"mix": {"video": "0:(0.2), 3:(0.9)"}}),
    (HYBRID, {"hybrid": {"composite": "normal", "mask": "difference"}}),
    (HYBRID, {"hybrid": {"composite": "normal", "mask": "depth"}}),
    (HYBRID, {"color": {"reference": "video"}}),
    (HYBRID, {"hybrid": {"composite": "normal", "picture": "a.png"}}),
    (HYBRID, {"init": {"image": "video"}}),
    (GUIDE, {"guide": GUIDE["guide"] | {"denoise": 0.9}}),
    (HYBRID | MASK, {"mask": MASK["mask"] | {"behind": "init"}}),
    ({"cadence": 2}, {"feedback": {"flow_cadence": "dis"}}),
    ({}, {"feedback": {"redo": 1}}),
    ({}, {"feedback": {"flow_redo": "farneback"}}),
    ({}, GUIDE),
    (GUIDE, {"guide": {"images": {"0": "a.png"}}}),
    (GUIDE, {"mix": {"guide_peak": 0.9}}),
    ({"init": {"image": "a.png"}} | MASK, {"mask": MASK["mask"] | {"draw": "", "noise": "[clip/0.png]"}}),
    ({"init": {"image": "a.png"}} | MASK, {"mask": MASK["mask"] | {"content": "fill"}}),
]


@pytest.mark.parametrize(("base", "change"), CHANGES)
def test_what_is_asked_for_changes_pictures_and_identity(base, change, folder):
    noisy = {} if base.get("mode") == "video" else {"coherence": {"noise": 0.1}, "camera": {"x": 0.02}}
    before, after = frames(folder, **noisy | base), frames(folder, **noisy | base | change)
    assert not np.array_equal(before[0], after[0])
    assert before[1] != after[1] or "mix" in change or "draw" in change.get("mask", {})


def test_frames_over_a_video_are_its_own_and_know_no_camera(folder):
    over, _ = frames(folder, **FROM_VIDEO | {"sampling": {"denoise": 0.0}})
    for index, image in enumerate(over):
        assert np.array_equal(image, moving(index))


def test_stills_know_nothing_of_each_other(folder):
    lone, identity = frames(folder, mode="stills")
    later, _ = frames(folder, mode="stills", prompts={"0": "b", "2": "a"})
    assert np.array_equal(lone[2:], later[2:]) and not np.array_equal(lone[0], later[0])
    over, other = frames(folder, mode="stills", init={"image": "a.png", "denoise": 0.0})
    assert np.array_equal(over[3], clouds(SIZE, seed=7)) and identity != other


def test_a_changed_picture_of_the_video_changes_the_identity(folder):
    _, before = frames(folder, **FROM_VIDEO)
    write_png(folder / "clip" / "3.png", clouds(SIZE, seed=9), {})
    _, after = frames(folder, **FROM_VIDEO)
    assert before != after


FAULTS = [
    ({"mode": "video"}, "video"),
    (FROM_VIDEO | {"camera": {"x": 0.1}}, "camera"),
    ({"mode": "stills", "camera": {"x": 0.1}}, "camera"),
    ({"mode": "stills", "cadence": 2}, "cadence"),
    (FROM_VIDEO | {"mode": "stylize"}, "video"),
    (VIDEO, "video"),
    (FROM_VIDEO | {"cadence": 2}, "cadence"),
    (FROM_VIDEO | {"hybrid": {"composite": "normal"}}, "hybrid"),
    (VIDEO | {"hybrid": {}}, "hybrid"),
    ({"hybrid": {"composite": "normal"}}, "hybrid"),
    ({"hybrid": {"composite": "normal", "picture": "a.png", "motion": "flow"}}, "hybrid"),
    ({"init": {"image": "video"}}, "init.image"),
    ({"feedback": {"flow_redo": "raft"}}, "feedback.flow_redo"),
    (HYBRID | {"video": {"file": "clip", "first": 5, "last": 2}}, "video.last"),
    ({"color": {"reference": "video"}}, "color.reference"),
    ({"mask": {}}, "mask.draw"),
    ({"mask": {"draw": "[missing.png]"}}, "mask.draw"),
    ({"mask": {"draw": "{everywhere"}}, "mask.draw"),
    ({"mask": {"draw": "{human_mask}"}}, "mask.draw"),
    ({"mask": {"draw": ""}}, "mask"),
    ({"guide": {"images": {}}}, "guide.images"),
    ({"guide": {"images": {"soon": "a.png"}}}, "guide.images.soon"),
    ({"guide": {"images": {"0": "missing.png"}}}, "guide.images.0"),
    ({"feedback": {"flow_cadence": "dis"}}, "feedback.flow_cadence"),
    (FROM_VIDEO | {"feedback": {"redo": 2}}, "feedback"),
    ({"mix": {"video": 2}}, "mix.video"),
]


@pytest.mark.parametrize(("changes", "field"), FAULTS)
def test_what_is_missing_or_useless_is_told(changes, field, folder):
    assert field in faults(folder, **changes)


def test_a_project_elsewhere_names_its_files_in_full(folder):
    draw = "0:([a.png]&!{video_mask})"
    project = parse(BASE | HYBRID | GUIDE | {"mask": MASK["mask"] | {"draw": draw}}, "x", folder=folder).project
    moved = relocated(project, folder, folder / "out")
    assert moved.video.file == str(folder / "clip") and moved.mask.video.file == str(folder / "masks")
    assert moved.guide.images["0"] == str(folder / "a.png")
    assert moved.mask.draw == f"0:([{folder / 'a.png'}]&!{{video_mask}})"


def test_pictures_of_the_steps_in_between_are_kept_where_they_are_asked_for(folder):
    rules = {"composite": "normal", "motion": "flow", "consistent": True, "mask": "difference", "save": True}
    asked = BASE | {"video": {"file": "clip"}, "hybrid": rules, "frames": 3}
    for save in (False, True):
        project = parse(asked | {"hybrid": rules | {"save": save}}, "x", folder=folder, name="x").project
        list(RenderJob(project, folder, folder / "out", ModelPool()).run())
        kept = sorted(path.name for path in (folder / "out").glob("hybrid/*"))
        assert kept == [
            f"{frame:06d}.{what}.png" for frame in (1, 2) for what in ("comp", "flow", "mask", "mixed", "sure") if save
        ]
    mask, comp = (read_image(folder / "out" / "hybrid" / f"000001.{what}.png") for what in ("mask", "comp"))
    black = mask.max(axis=2) == 0
    assert black.any() and np.array_equal(comp[black], moving(1)[black])  # where the video is


def test_in_a_loop_videos_masks_and_guides_are_those_of_the_frames_of_the_loop(folder):
    """The run-in shows the last frames of the loop a first time: with their pictures, not with those of its first."""
    project = parse(
        BASE
        | {
            "frames": 8,
            "loop": {"over": 2},
            "video": {"file": "clip"},
            "hybrid": {"composite": "normal", "motion": "flow"},
            "mask": {"video": {"file": "masks"}, "overlay": False},
            "guide": {"images": {"0": "a.png", "6": "clip/3.png"}},
        },
        "x",
        folder=folder,
        name="x",
    ).project
    job = RenderJob(project, folder, folder / "out", ModelPool())
    asked = []
    hybrid, generation = job.mode.hybrid, job.mode.generation

    def frame(moment):
        asked.append(moment)
        return hybrid.frame(moment)

    mode = replace(job.mode, hybrid=replace(hybrid, frame=frame))
    carry, seen = Carry(), []
    for step in job.steps:
        del asked[:]
        _, carry = mode.run(step, carry)
        seen.append(sorted(set(asked)))
    assert seen == [[], [6, 7], [0], *([moment - 1, moment] for moment in range(1, 8))]
    assert generation.guide.frames == (0, 6)


def test_numbers_of_a_mask_video_act_once_and_sharpening_keeps_to_opacity(folder):
    asked = BASE | {"mask": {"video": {"file": "masks", "first": 4}, "brightness": 0.5}}
    masks = RenderJob(parse(asked, "x", folder=folder, name="x").project, folder, folder / "out", ModelPool())
    masks = masks.mode.generation.masks
    assert masks.names["video_mask"](0).max() == pytest.approx(0.5, abs=0.01)
    words = MaskWords("{video_mask}", "")
    assert masks.reach(clouds(SIZE), words, 0).sharpen is None
    shape = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    seen = replace(masks, rules=replace(masks.rules, alpha=True), names={"video_mask": lambda _frame: shape})
    assert seen.reach(clouds(SIZE), words, 0).sharpen is shape

"""Deforum settings become native projects: same numbers, signs and order; nothing is ignored in silence."""

import json

import numpy as np
import pytest

from animator.importers.deforum import converted, is_settings
from animator.importers.deforum_key import NO_DEFAULT
from animator.importers.deforum_keys import KEYS, UNIT
from animator.project import Project, load, parse, to_text
from core.errors import ProjectError
from core.image import Size
from schedules.schedule import Schedule

NOT_WRITTEN = ("init_sample", "perlin_w", "perlin_h", "image_path", "outdir", "init_image_box")
PLAIN = ["generator=noise", "export=[]"]


def complete(**settings):
    """A settings file as Deforum writes it: every key, at its default; depth is seen by who needs no download."""
    keys = {key: row.default for key, row in KEYS.items() if row.default is not NO_DEFAULT and key not in NOT_WRITTEN}
    keys = {key: value for key, value in keys.items() if not key.startswith(("cn_6", "cn_7", "cn_8", "cn_9", "cn_10"))}
    run = {"prompts": {"0": "a beach", "30": "a forest --neg people"}, "legacy_colormatch": False}
    information = {"sd_model_name": "v1-5.ckpt", "sd_model_hash": "e1441589", "deforum_git_commit_id": "abc"}
    deep = {"depth_algorithm": "mini"} if settings.get("animation_mode") == "3D" else {}
    return keys | run | information | deep | settings


def imported(**settings):
    return parse(complete(**settings), "x.txt", name="x", changes=PLAIN)


def project(**settings):
    return imported(**settings).project


def faults(**settings):
    with pytest.raises(ProjectError) as caught:
        imported(**settings)
    return {fault.field: str(fault) for fault in caught.value.faults}


def values(text, frames=120):
    return Schedule.parse(text, frames).values() if isinstance(text, str) else np.full(frames, text)


def test_a_complete_file_at_its_defaults_imports():
    made = project()
    assert (made.mode, made.size, made.fps, made.frames, made.cadence) == ("flat", Size(512, 512), 15, 120, 2)
    assert (made.seed, made.sampler, made.sampling["steps"]) == (-1, "Euler a", 25)
    assert (made.warp.geometry, made.warp.border, made.warp.sampling) == ("deforum", "border", "bilinear")
    assert (made.color.match, made.color.look, made.color.noise_kind) == ("lab", "deforum", "perlin")
    assert values(made.sampling["denoise"])[0] == pytest.approx(0.35)
    assert values(made.sampling["noise_multiplier"])[0] == 1.05
    assert values(made.coherence["noise"])[0] == 0.065
    assert made.prompts == {"0": "a beach", "30": "a forest --neg people"}


def test_the_defaults_fill_what_a_short_file_leaves_out():
    short = parse({"max_frames": 20, "W": 256, "prompts": {"0": "a"}}, "x", name="x", changes=PLAIN)
    assert short.project.size == Size(256, 512)
    assert values(short.project.sampling["denoise"])[0] == pytest.approx(0.35)
    assert short.project.color.repin and not short.project.color.match_result
    assert any("legacy_colormatch" in note for note in short.warnings)


def test_the_fixture_holds_every_key_of_the_reference():
    units = [f"cn_{unit}_{name}" for unit in range(1, 6) for name in UNIT]
    assert len(complete()) > 150 + len(UNIT) and set(units) <= set(complete())


def test_a_text_file_is_recognised_and_named_by_its_stem(tmp_path):
    path = tmp_path / "my clip.txt"
    path.write_text(json.dumps(complete(), indent=4, ensure_ascii=False))
    assert load(path, PLAIN).project.name == "Deforum_my_clip"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"frames": 3},
        {"fps": 12, "seed": 3, "prompts": {}},
        {"format": 1, "max_frames": 3},
        {"size": [8, 8], "steps": 3},
    ],
)
def test_native_projects_are_not_taken_for_settings(data):
    assert not is_settings(data, Project.__dataclass_fields__)


@pytest.mark.parametrize(
    "data", [{"max_frames": 3}, {"fps": 12, "W": 512}, {"animation_prompts": {}}, {"angle": "0:(1)"}]
)
def test_a_key_of_deforum_alone_tells_its_settings(data):
    assert is_settings(data, Project.__dataclass_fields__)


def test_flat_translations_are_in_frame_heights_with_native_signs():
    made = project(H=256, translation_x="0:(0), 10:(10)", translation_y="0:(10*sin(t))")
    assert np.allclose(values(made.camera["x"]), -values("0:(0), 10:(10)") / 256)
    assert np.allclose(values(made.camera["y"]), values("0:(10*sin(t))") / 256)


def test_translations_are_measured_on_the_floored_height():
    loaded = imported(W=500, H=300, translation_y="0:(37)")
    assert loaded.project.size == Size(496, 296)
    assert values(loaded.project.camera["y"])[0] == pytest.approx(37 / 296)
    assert any(note.startswith("W, H: 500x300 becomes 496x296") for note in loaded.warnings)


def test_ramps_stay_ramps_and_jumps_stay_jumps():
    made = project(translation_x="0:(0), 5:(10)", strength_schedule="0:(0.5), 10:( 0.9 ), 20:(0.2)")
    assert values(made.camera["x"])[1] == pytest.approx(-2 / 512)
    assert np.allclose(values(made.sampling["denoise"]), 1 - values("0:(0.5), 10:( 0.9 ), 20:(0.2)"))


def test_depth_mode_takes_400_units_for_a_frame_height():
    made = project(
        animation_mode="3D",
        translation_x="0:(10)",
        translation_y="0:(-20)",
        translation_z="0:(0), 9:(40)",
        rotation_3d_x="0:(1)",
        rotation_3d_y="0:(2)",
        rotation_3d_z="0:(3)",
        fov_schedule="0:(40)",
        padding_mode="reflection",
        sampling_mode="nearest",
    )
    camera = {name: values(text)[9] for name, text in made.camera.items()}
    assert camera == {"x": 0.025, "y": -0.05, "z": 0.1, "pitch": 1, "yaw": 2, "roll": 3, "fov": 40, "aspect": 1}
    assert (made.mode, made.depth.model, made.depth.equalize) == ("depth", "mini", True)
    assert (made.warp.border, made.warp.sampling) == ("reflection", "nearest")


def test_the_old_aspect_formula_is_the_shape_of_the_frame():
    made = project(animation_mode="3D", W=768, H=512, aspect_ratio_use_old_formula=True)
    assert made.camera["aspect"] == 1.5


@pytest.mark.parametrize(
    ("algorithm", "nearest"), [("Midas-3-Hybrid", "Intel/dpt-large"), ("zoe", "Intel/zoedepth-nyu-kitti")]
)
def test_a_depth_model_without_weights_is_told_with_what_to_download_and_what_needs_none(algorithm, nearest):
    deep = complete(animation_mode="3D", depth_algorithm=algorithm)
    with pytest.raises(ProjectError, match=rf"huggingface\.co/{nearest}.*--set depth\.model=mini"):
        parse(deep, "x.txt", name="x", changes=PLAIN)
    loaded = parse(deep, "x.txt", name="x", changes=[*PLAIN, "depth.model=mini"])
    assert (loaded.project.depth.model, loaded.project.depth.equalize) == ("mini", True)
    assert any(note.startswith("depth.equalize") for note in loaded.warnings)


def test_depth_is_asked_for_only_where_something_sees_it():
    for idle in ({}, {"animation_mode": "3D", "use_depth_warping": False}, {"animation_mode": "Interpolation"}):
        assert project(depth_algorithm="Zoe", **idle).depth.model in ("mini", "flat")
    saved = project(animation_mode="3D", use_depth_warping=False, save_depth_maps=True).depth
    assert (saved.model, saved.warp, saved.save) == ("mini", False, True)
    assert "depth_algorithm" in faults(save_depth_maps=True, depth_algorithm="Zoe")
    assert project(animation_mode="3D", motion_preview_mode=True, depth_algorithm="Zoe").depth.model == "flat"


def test_a_setting_that_cannot_be_imported_gives_way_to_one_that_is_set():
    asked = parse(complete(sampler=3), "x.txt", name="x", changes=[*PLAIN, "sampler=DDIM"])
    assert asked.project.sampler == "DDIM"


def test_the_perspective_flip_drops_translations_in_2d_and_says_so():
    loaded = imported(enable_perspective_flip=True, translation_x="0:(5)", perspective_flip_phi="0:(t)")
    assert "x" not in loaded.project.camera and loaded.project.camera["flip_tilt"] == "0:(t)"
    assert loaded.project.warp.flip
    assert any("translation_x" in note for note in loaded.warnings)


@pytest.mark.parametrize("strength", ["0:(1.5), 60:(0.2)", "0:(0.5+t/100)", "0:(-0.5)"])
def test_strength_is_held_in_its_range_on_every_frame(strength):
    made = project(strength_schedule=strength)
    assert np.allclose(values(made.sampling["denoise"]), 1 - np.clip(values(strength), 0, 1))


def test_switches_choose_between_a_number_and_its_schedule():
    off, on = project(), project(**{key: True for key in KEYS if key.startswith("enable_") and "checkpoint" not in key})
    assert set(off.sampling) == {"steps", "cfg", "denoise", "noise_multiplier"}
    assert on.sampling["steps"] == "0: (25)" and on.sampling["clip_skip"] == "0: (2)"
    assert on.sampler == '0: ("Euler a")'
    assert {"eta_ddim", "eta_ancestral", "variation_seed", "variation_strength"} <= set(on.sampling)
    assert "noise_multiplier" not in project(enable_noise_multiplier_scheduling=False).sampling


def test_seed_behaviours_keep_their_rules():
    assert project(seed_iter_N=3).seeds.short_first and not project().seeds.short_first
    made = project(seed_behavior="schedule", seed_schedule="0:(s), 5:(-1)", seed=7)
    assert (made.seeds.behavior, made.seeds.schedule, made.seed) == ("schedule", "0:(s), 5:(-1)", 7)
    assert project(seed_behavior="ladder").seeds.behavior == "ladder"


@pytest.mark.parametrize(("legacy", "match_result", "repin"), [(True, False, True), (False, True, False)])
def test_the_two_ways_of_matching_colours(legacy, match_result, repin):
    color = project(legacy_colormatch=legacy).color
    assert (color.match_result, color.repin) == (match_result, repin)


def test_an_init_image_starts_the_render(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "s.txt").write_text(json.dumps(complete(use_init=True, init_image="a.png", strength=0.75)))
    init = load(tmp_path / "s.txt", PLAIN).project.init
    assert (init.image, init.denoise) == ("a.png", 0.25)


def test_an_init_image_that_is_not_used_may_be_an_address():
    assert project(use_init=False, init_image="https://example.org/a.png").init is None


def test_positive_and_negative_words_go_with_every_prompt():
    made = project(animation_prompts_positive="masterpiece", animation_prompts_negative="blurry")
    assert (made.positive, made.negative) == ("masterpiece", "blurry")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("Deforum_{timestring}", "Deforum_x"),
        ("{animation_mode}_{seed}_{W}x{h}", "2D_random_512x512"),
        ("{unknown}/{use_init} a:b", "unknown___a_b"),
        ("{prompts}", "a_beach"),
        ("../../escape", "_._.._escape"),
        ("", "_"),
    ],
)
def test_batch_names_follow_their_rules_and_stay_in_the_output_folder(pattern, name):
    assert project(batch_name=pattern).name == name


def test_an_imported_project_is_written_and_read_back_equal():
    for mode in ("2D", "3D"):
        made = project(animation_mode=mode, strength_schedule="0:(t/100)", translation_x="0:(3*sin(t)), 50:(1)")
        assert parse(json.loads(to_text(made)), "x").project == made


def test_conversion_changes_nothing_it_is_given():
    given = complete()
    before = json.dumps(given)
    converted(given, "x")
    assert json.dumps(given) == before


def test_tiles_seed_resizing_and_checkpoints_come_along():
    made = project(
        tiling=True,
        seed_resize_from_w=256,
        seed_resize_from_h=320,
        enable_checkpoint_scheduling=True,
        checkpoint_schedule='0: ("mini")',
    )
    assert made.drawing.tiling
    assert (made.sampling["seed_width"], made.sampling["seed_height"]) == (256, 320)
    assert made.checkpoint == '0: ("mini")'

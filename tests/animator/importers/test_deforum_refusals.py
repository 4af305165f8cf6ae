"""Deforum settings of every age: old names are converted, what cannot be is refused, the rest is said."""

import time
from fractions import Fraction

import pytest

from animator.importers.deforum import converted
from animator.importers.deforum_ages import modernized
from animator.importers.deforum_keys import KEYS
from animator.project import parse
from core.errors import ProjectError
from tests.animator.importers.test_deforum import PLAIN, complete, faults, imported, project

HANGING = {
    "use_mask": {"mask_file": "x.png"},
    "hybrid_composite": {"hybrid_comp_alpha_schedule": "0:(0.9)"},
    "use_looper": {"blendFactorMax": "0:(0.9)"},
    "parseq_manifest": {"parseq_use_deltas": False},
    "cn_1_enabled": {"cn_1_weight": "0:(0.5)"},
    "frame_interpolation_engine": {"frame_interpolation_x_amount": 4},
    "add_soundtrack": {"soundtrack_path": "x.mp3"},
}


@pytest.mark.parametrize("master", HANGING)
def test_what_hangs_on_something_off_is_said_and_not_refused(master):
    (key,) = HANGING[master]
    loaded = imported(**HANGING[master])
    assert any(note.startswith("without effect") and key in note for note in loaded.warnings)


def test_a_file_at_its_defaults_is_imported_with_few_words():
    notes = [note.partition(" ")[0] for note in imported().warnings]
    assert notes == ["sd_model_name", "batch_name:", "diffusion_cadence", "color_coherence:", "warp.geometry,"]


def test_settings_of_the_other_mode_are_said_to_have_no_effect():
    notes = imported(rotation_3d_x="0:(1)", translation_z="0:(9)", near_schedule="0:(1)").warnings
    assert "without effect here, as in Deforum: translation_z, rotation_3d_x, near_schedule" in notes


def test_old_names_and_values_are_converted_and_said():
    old = {
        "flip_2d_perspective": True,
        "skip_video_for_run_all": True,
        "histogram_matching": True,
        "color_coherence": "Match Frame 0 HSV",
        "hybrid_composite": False,
        "optical_flow_redo_generation": False,
        "optical_flow_cadence": False,
        "use_zoe_depth": True,
        "cn_1_weight": 0.7,
        "cn_1_resize_mode": "Envelope (Outer Fit)",
        "animation_prompts": {"0": "old"},
        "add_soundtrack": False,
        "diffusion_cadence": "3",
        "diffusion_redo": "0",
    }
    modern, notes = modernized(old)
    assert modern == {
        "enable_perspective_flip": True,
        "skip_video_creation": True,
        "color_coherence": "HSV",
        "hybrid_composite": "None",
        "optical_flow_redo_generation": "None",
        "optical_flow_cadence": "None",
        "depth_algorithm": "Zoe+AdaBins (old)",
        "cn_1_weight": "0:(0.7)",
        "cn_1_resize_mode": "Outer Fit (Shrink to Fit)",
        "prompts": {"0": "old"},
        "add_soundtrack": "None",
        "diffusion_cadence": 3,
        "diffusion_redo": 0,
    }
    for key in old.keys() - {"diffusion_cadence", "diffusion_redo"}:
        assert any(note.startswith(key) for note in notes), key


def test_numbers_and_switches_that_stand_there_as_text_are_read():
    """As hand-made files and old interfaces have them."""
    texts = {"max_frames": "12", "W": "512.0", "fps": "29.97", "strength": "0.5", "use_init": "False", "tiling": 1}
    texts |= {"perlin_octaves": " 4 ", "perlin_persistence": "0.25", "fill": "2", "zoom": 1.5, "seed_iter_N": "2"}
    modern, _ = modernized(texts)
    assert {key: modern[key] for key in texts} == texts | {
        **{"max_frames": 12, "W": 512, "fps": 29.97, "strength": 0.5, "use_init": False, "tiling": True},
        **{"perlin_octaves": 4, "perlin_persistence": 0.25, "fill": 2, "seed_iter_N": 2},
    }
    made = project(max_frames="12", fps="12.5", legacy_colormatch="true", zoom=1.5)
    assert (made.frames, made.fps, made.color.repin) == (12, Fraction(25, 2), True)


def test_null_is_a_setting_that_is_not_given():
    loaded = imported(W=None, sampler=None, angle=None, hybrid_composite=None, init_image=None)
    assert loaded.project.size.width == 512 and loaded.project.sampler == "Euler a"
    assert "null, so at their defaults: W, sampler, angle" in loaded.warnings


def test_the_notebooks_own_keys_are_read():
    old = {"fov": 40, "near_plane": 200, "scale": 9, "animation_mode": "3D", "depth_algorithm": "mini"}
    old |= {"animation_prompts": {"0": "a cat", "10": "a dog"}, "neg_prompts": {"0": "blurry", "20": "text"}}
    made = parse(old | {"W": 512, "max_frames": 30}, "x.txt", name="x", changes=PLAIN).project
    assert (made.camera["fov"], made.sampling["cfg"]) == (40, 9)
    assert made.prompts == {
        **{"0": "a cat --neg blurry", "10": "a dog --neg blurry", "20": "a dog --neg text"},
    }
    both = modernized({"scale": 9, "cfg_scale_schedule": "0:(5)", "width": 640})[0]
    assert (both["cfg_scale_schedule"], both["W"]) == ("0:(5)", 640)


def test_the_checkpoint_that_drew_is_taken_from_the_models_folders(tmp_path, monkeypatch):
    assert imported().project.model == "mini"
    assert any("v1-5.ckpt" in note and "--models-dir" in note for note in imported().warnings)
    (tmp_path / "Stable-diffusion").mkdir()
    (tmp_path / "Stable-diffusion" / "v1-5.ckpt").write_bytes(b"")
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    loaded = imported(sd_model_hash=None)
    assert loaded.project.model == "v1-5.ckpt" and any("v1-5.ckpt of the models" in note for note in loaded.warnings)


def test_an_old_file_imports():
    old = {
        key: value
        for key, value in complete().items()
        if key not in ("prompts", "legacy_colormatch", "color_coherence")
    }
    made = project(
        **old | {"animation_prompts": {"0": "old"}, "color_coherence": "Match Frame 0 RGB", "use_zoe_depth": False}
    )
    assert made.prompts == {"0": "old"} and made.color.match == "rgb"


def test_an_unknown_key_is_told_with_the_nearest():
    assert any("'translation_z'" in note for note in imported(translaton_z="0:(1)").warnings)


# key as the writer knows it, what it says, a word of the answer
BAD_VALUES = [
    ("max_frames (frames)", {"max_frames": "many"}, "whole number"),
    ("max_frames (frames)", {"max_frames": 0}, "greater than or equal to 1"),
    ("W, H (size)", {"W": "wide"}, "16 to 8192"),
    ("W, H (size)", {"H": -512}, "16 to 8192"),
    ("W, H (size)", {"W": 10**9}, "16 to 8192"),
    ("fps (fps)", {"fps": 0}, "above 0"),
    ("angle (camera.roll)", {"angle": "0:(sin(t)"}, "never closed"),
    ("angle (camera.roll)", {"angle": "0:(where(t<5,1))"}, "where"),
    ("translation_x (camera.x)", {"translation_x": "0:(1) oops"}, "oops"),
    ("translation_x (camera.x)", {"translation_x": [1]}, "a number or text"),
    ("zoom (camera.zoom)", {"zoom": "0:(0)"}, "between 0 and 100"),
    ("strength_schedule (sampling.denoise)", {"strength_schedule": "0:(q)"}, "q"),
    ("strength_schedule (sampling.denoise)", {"strength_schedule": {}}, "a number or text"),
    ("cfg_scale_schedule (sampling.cfg)", {"cfg_scale_schedule": "0:(-5)"}, "0 .. 100"),
    ("steps (sampling.steps)", {"steps": 0}, "1 .. 1000"),
    ("sampler (sampler)", {"sampler": "Euler z"}, "Did you mean"),
    ("sampler", {"sampler": 3}, "Write its name"),
    ("seed_behavior (seeds.behavior)", {"seed_behavior": "sometimes"}, "ladder"),
    ("border (warp.border)", {"border": "mirror"}, "reflection"),
    ("color_coherence (color.match)", {"color_coherence": "XYZ"}, "lab"),
    ("color_coherence_image_path (color.reference)", {"color_coherence": "Image"}, "no path"),
    ("init_image (init.image)", {"use_init": True}, "address"),
    ("init_image (init.image)", {"use_init": True, "init_image": "C:\\pictures\\a.png"}, "no such file"),
    ("strength (init.denoise)", {"use_init": True, "strength": "strong"}, "a number"),
    ("use_init", {"use_init": "maybe"}, "true or false"),
    ("depth_algorithm", {"animation_mode": "3D", "depth_algorithm": "Sonar"}, "midas-3-hybrid"),
    ("animation_mode (mode)", {"animation_mode": "4D"}, "4D"),
    ("prompts (prompts)", {"prompts": "a cat"}, "object"),
    ("prompts.soon", {"prompts": {"soon": "a"}}, "soon"),
    ("perlin_octaves (color.octaves)", {"perlin_octaves": 50}, "8"),
    ("diffusion_cadence (cadence)", {"diffusion_cadence": 0}, "greater than or equal to 1"),
    ("noise_type (color.noise_kind)", {"noise_type": "pink"}, "perlin"),
    ("batch_name (name)", {"batch_name": 5}, "text"),
    ("r_upscale_model (upscale.upscaler)", {"r_upscale_video": True}, "upscale.upscaler=Lanczos"),
    ("r_upscale_factor (upscale.by)", {"r_upscale_video": True, "r_upscale_factor": "x40"}, "less than or equal to 16"),
]


@pytest.mark.parametrize(("field", "settings", "word"), BAD_VALUES)
def test_a_bad_value_is_told_under_the_name_its_writer_knows(field, settings, word):
    start = time.process_time()
    found = faults(**settings)
    assert time.process_time() - start < 2
    assert field in found and word in found[field]
    assert {name for name in found if name != field} <= {"init_image (init.image)"}


@pytest.mark.parametrize("value", [None, True, -1, 1e300, "", "x", "None", [], {}, [[]], {"0": None}])
def test_no_value_of_any_key_makes_it_stumble(value):
    for key in (key for key, row in KEYS.items() if row.into):
        converted(complete(**{"sd_model_name": "", key: value}), "x")  # which is looked for on disk
    with pytest.raises(ProjectError):
        imported(**dict.fromkeys(complete(), value))

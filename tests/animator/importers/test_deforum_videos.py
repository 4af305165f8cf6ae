"""Deforum's videos, masks, guides, units and files, as far as the effects of their keys do not show it."""

import json

import pytest

from animator.pace import Pace
from animator.project import parse
from animator.timeline import Timeline
from core.downloads import ALLOWED
from core.errors import ProjectError
from core.image import Size
from media.stills import write_png
from tests.animator.importers.test_deforum import complete, project
from tests.motion.pictures import clouds

PLAIN = ["generator=noise", "export=[]"]


@pytest.fixture
def folder(tmp_path):
    for name, count in (("clip", 10), ("masks", 4)):
        (tmp_path / name).mkdir()
        for frame in range(count):
            write_png(tmp_path / name / f"{frame}.png", clouds(Size(32, 32), seed=frame), {})
    write_png(tmp_path / "a.png", clouds(Size(32, 32)), {})
    return tmp_path


def loaded(folder, **settings):
    return parse(complete(**{"W": 64, "H": 64} | settings), "x.txt", folder=folder, name="x", changes=PLAIN)


VIDEO = {"animation_mode": "Video Input", "video_init_path": "clip"}


@pytest.mark.parametrize(
    ("every", "first", "last", "count"), [(1, 0, -1, 10), (3, 0, -1, 4), (3, 1, -1, 3), (2, 3, 7, 2), (20, 0, -1, 1)]
)
def test_frames_are_as_many_as_deforum_extracts(every, first, last, count, folder):
    made = loaded(folder, **VIDEO, extract_nth_frame=every, extract_from_frame=first, extract_to_frame=last)
    assert made.project.frames == count and made.project.cadence == 1
    assert any(note.startswith(f"max_frames: {count}") for note in made.warnings)


def test_hybrid_video_and_mask_videos_say_how_many_frames_there_are(folder):
    assert loaded(folder, hybrid_composite="Normal", video_init_path="clip").project.frames == 10
    flat = loaded(folder, use_mask_video=True, video_mask_path="masks").project
    assert flat.frames == 4 and flat.mask.video.file == "masks"


def test_a_mask_video_that_is_shorter_goes_on_with_its_last_frame(folder):
    made = loaded(folder, **VIDEO, use_mask_video=True, video_mask_path="masks", overlay_mask=False)
    assert made.project.frames == 10 and made.project.mask.overlay
    assert any("4 frames of 10" in note for note in made.warnings)


def test_hybrid_starts_from_the_video_unless_told_otherwise(folder):
    mixed = {"hybrid_composite": "Normal", "video_init_path": "clip", "strength": 0.7}
    init = loaded(folder, **mixed).project.init
    assert init.image == "video" and init.denoise == pytest.approx(0.3)
    assert loaded(folder, **mixed, hybrid_use_first_frame_as_init_image=False).project.init is None


def test_flow_methods_have_their_names(folder):
    flow = {"hybrid_motion": "Optical Flow", "video_init_path": "clip"}
    for method, name in (("DIS Medium", "dis"), ("DIS Fine", "dis-fine"), ("Farneback", "farneback")):
        assert loaded(folder, **flow, hybrid_flow_method=method).project.hybrid.flow == name


def test_dis_stands_in_for_raft_without_weights_and_says_so(folder, monkeypatch):
    flow = {"hybrid_motion": "Optical Flow", "video_init_path": "clip", "hybrid_flow_method": "RAFT"}
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(folder / "models"))
    made = loaded(folder, **flow)
    assert made.project.hybrid.flow == "dis" and any("raft.pth" in note for note in made.warnings)
    (folder / "models").mkdir()
    (folder / "models" / "raft.pth").write_bytes(b"weights")
    made = loaded(folder, **flow)
    assert made.project.hybrid.flow == "raft" and not any("raft.pth" in note for note in made.warnings)


def test_the_redo_goes_on_with_the_motion_as_deforums_does():
    made = project(optical_flow_redo_generation="DIS Fine", redo_flow_factor_schedule="0:(0.5), 9:(1)")
    assert made.feedback.flow_redo == "dis-fine"
    assert made.mix["redo_flow"] == "0:(-0.5), 9:(-1)"


def test_guides_need_a_strength_and_readable_pictures(folder):
    images = json.dumps({"0": "a.png", "max_f/2": "a.png"})
    made = loaded(folder, use_looper=True, init_images=images).project
    assert made.seeds.behavior == "schedule" and made.guide.denoise == pytest.approx(0.2)
    with pytest.raises(ProjectError, match="strength"):
        loaded(folder, use_looper=True, init_images=images, strength=0)
    with pytest.raises(ProjectError, match=r"line 1, column 15"):
        loaded(folder, use_looper=True, init_images='{"0": "a.png",}')


def test_a_unit_becomes_a_control(folder):
    unit = {
        "cn_2_enabled": True,
        "cn_2_vid_path": "clip",
        "cn_2_module": "canny",
        "cn_2_model": "control_v11p_sd15_canny [d14c016b]",
        "cn_2_weight": 0.7,
        "cn_2_threshold_a": 50,
        "cn_2_resize_mode": "Envelope (Outer Fit)",
        "cn_2_control_mode": "ControlNet is more important",
    }
    (control,) = loaded(folder, **unit, max_frames=5).project.controls
    assert (control.control, control.model, control.source) == ("canny", "control_v11p_sd15_canny", "clip")
    assert (control.weight, control.fit, control.mode) == ("0:(0.7)", "fill", "control")
    assert control.options == {"low": 50, "high": 64}
    looped = loaded(folder, **unit | {"cn_2_loopback_mode": True, "cn_2_vid_path": ""}).project.controls[0]
    assert looped.source == "init"
    with pytest.raises(ProjectError, match="no preprocessor"):
        loaded(folder, **unit | {"cn_2_module": "sonar"})


def test_windows_paths_are_looked_for_beside_the_settings(folder):
    made = loaded(folder, use_init=True, init_image="C:\\pictures\\a.png")
    assert made.project.init.image == "a.png"
    assert any("a.png beside the settings" in note for note in made.warnings)
    with pytest.raises(ProjectError, match="no such file"):
        loaded(folder, use_init=True, init_image="D:\\b.png")


def test_addresses_are_refused_with_the_way_to_allow_them(folder, monkeypatch):
    monkeypatch.delenv(ALLOWED, raising=False)
    with pytest.raises(ProjectError, match="--allow-download"):
        loaded(folder, use_init=True, init_image="https://127.0.0.1:9/a.png")
    monkeypatch.setenv(ALLOWED, "1")
    with pytest.raises(ProjectError, match="cannot be downloaded"):
        loaded(folder, use_init=True, init_image="http://127.0.0.1:9/a.png")


def test_a_depth_model_in_the_models_folders_is_used(folder, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(folder / "models"))
    deep = {"animation_mode": "3D", "depth_algorithm": "Zoe"}
    with pytest.raises(ProjectError, match=r"huggingface\.co/Intel/zoedepth-nyu-kitti"):
        loaded(folder, **deep)
    (folder / "models" / "zoedepth-nyu-kitti").mkdir(parents=True)
    (folder / "models" / "zoedepth-nyu-kitti" / "config.json").write_text("{}")
    depth = loaded(folder, **deep).project.depth
    assert (depth.model, depth.spread) == ("transformers", "distance")


def test_an_expression_that_deforum_could_not_write_is_read(folder):
    expression = '0:("({video_mask}&[a.png])\\{everywhere}"), 5:("{video_mask}")'
    made = loaded(folder, use_mask=True, mask_file="a.png", mask_schedule=expression)
    assert made.project.mask.draw == expression and made.project.mask.behind == "init"


LONE = {"animation_mode": "Interpolation", "prompts": {"0": "cat --neg bad", "4": "dog --neg ugly"}, "seed": 5}


def test_interpolation_joins_prompts_as_deforum_does(folder):
    made = loaded(folder, **LONE, max_frames=6, diffusion_cadence=3).project
    assert (made.mode, made.cadence) == ("stills", 1)
    words = [Timeline(made)[frame] for frame in range(6)]
    prompt = " ".join(words[1].prompt[0][0].split())
    assert prompt == "( cat ):0.75 AND ( dog ):0.25"
    assert " ".join(words[1].negative.split()) == "( bad ):0.75 AND ( ugly ):0.25"
    assert words[4].prompt[0][0].strip() == words[5].prompt[0][0].strip() == "dog"
    assert [frame.seed for frame in words] == [5, 6, 7, 8, 9, 10]


def test_keys_of_interpolation_count_all_frames(folder):
    made = loaded(folder, **LONE | {"prompts": {"0": "a", "max_f/2": "b"}}, max_frames=10).project
    assert "5" in made.prompts and "1" in made.prompts


def test_interpolation_with_an_init_picture_draws_over_it_in_every_frame(folder):
    made = loaded(folder, **LONE, max_frames=3, use_init=True, init_image="a.png", strength=0.6).project
    assert made.init.denoise == pytest.approx(0.4) and made.color.match == "none"
    with_mask = loaded(folder, **LONE, use_init=True, init_image="a.png", use_mask=True, mask_file="a.png")
    assert with_mask.project.mask is not None  # crashes in Deforum


@pytest.mark.parametrize(("slow", "factor", "slowness"), [(False, 4, 1), (True, 2, 2)])
def test_frames_in_between_are_as_many_and_as_fast(folder, slow, factor, slowness):
    smooth = {"frame_interpolation_engine": "flow", "frame_interpolation_x_amount": 4}
    asked = complete(**smooth, frame_interpolation_slow_mo_enabled=slow, max_frames=10, fps=12)
    made = parse(asked, "x.txt", folder=folder, name="x", changes=["generator=noise"]).project
    assert (made.interpolate.factor, made.interpolate.slow) == (factor, slowness)
    pace = Pace.of(made)
    assert pace.count(10) == 37 and pace.rate == (24 if slow else 48)


def test_prompts_as_json_text_are_read_and_a_comma_too_many_is_told_with_its_place(folder):
    assert loaded(folder, prompts='{"0": "a", "5": "b"}').project.prompts == {"0": "a", "5": "b"}
    with pytest.raises(ProjectError, match=r"line 2, column \d+: the comma before '}' is one too many"):
        loaded(folder, prompts='{"0": "a",\n "5": "b",}')


def test_depth_is_saved_in_two_dimensions_too(folder):
    assert loaded(folder, save_depth_maps=True, depth_algorithm="mini").project.depth.save


@pytest.mark.parametrize(
    ("settings", "exports"),
    [
        ({"r_upscale_model": "Lanczos"}, [("mp4", True, True), ("gif", True, False)]),
        (
            {"r_upscale_model": "Lanczos", "frame_interpolation_engine": "flow"},
            [("mp4", True, False), ("mp4", False, True), ("gif", False, False)],
        ),
        (
            {
                "r_upscale_model": "Lanczos",
                "frame_interpolation_engine": "flow",
                "frame_interpolation_use_upscaled": True,
            },
            [("mp4", True, True), ("gif", False, False)],
        ),
    ],
)
def test_larger_videos_and_those_of_more_frames_are_made_as_deforum_makes_them(folder, settings, exports):
    asked = complete(r_upscale_video=True, r_upscale_factor="x3", make_gif=True, **settings)
    made = parse(asked, "x.txt", folder=folder, name="x", changes=["generator=noise"]).project
    assert [(one.format, one.interpolate, one.upscale) for one in made.export] == exports
    assert (made.upscale.by, made.upscale.save) == (3, True)

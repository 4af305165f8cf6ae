"""Projects are read, written, changed and made smaller without loss."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.fields import SECTIONS, keyframable
from animator.project import (
    DepthRules,
    Init,
    Project,
    SeedRules,
    WarpRules,
    as_preview,
    load,
    parse,
    quickened,
    save,
    to_text,
    with_settings,
)
from animator.serialize import EMBEDDED_KEY, relocated, to_json
from core.errors import ProjectError
from core.image import Size
from media.stills import write_png

EXAMPLES = Path(__file__).parents[2] / "projects"
SIMPLE = Project(name="simple", generator="noise", frames=10, prompts={"0": "a cat"}, export=())

words = st.text(st.characters(codec="utf-8", exclude_characters="`\0"), max_size=40)
numbers = st.floats(-2, 2).map(lambda number: number or 0.0)
schedules = st.lists(st.tuples(st.integers(0, 30), numbers), min_size=1, max_size=4).map(
    lambda keys: ", ".join(f"{frame}:({value:.6f})" for frame, value in keys)
)
free_camera = st.sampled_from(["x", "y", "z", "roll", "pitch", "yaw", "center_x", "flip_roll"])
projects = st.builds(
    Project,
    name=st.from_regex(r"[\w(][\w \-.()]{0,30}[\w)]", fullmatch=True),
    size=st.builds(Size, *[st.integers(2, 1024).map(lambda cells: cells * 8)] * 2),
    fps=st.fractions(Fraction(1, 1000), 240, max_denominator=1001),
    frames=st.integers(1, 500),
    seed=st.integers(-1, 2**32 - 1),
    seeds=st.builds(SeedRules, behavior=st.sampled_from(["iter", "fixed", "random"]), every=st.integers(1, 99)),
    mode=st.sampled_from(["flat", "depth"]),
    generator=st.just("noise"),
    prompts=st.dictionaries(st.integers(0, 999).map(str), words, min_size=1, max_size=4),
    positive=words,
    negative=words,
    travel=st.sampled_from(["hold", "blend"]),
    camera=st.dictionaries(free_camera, numbers | schedules, max_size=4),
    warp=st.builds(WarpRules, border=st.sampled_from(["border", "wrap"]), flip=st.booleans()),
    sampling=st.fixed_dictionaries({}, optional={"cfg": st.floats(0, 30), "denoise": st.floats(0, 1)}),
    cadence=st.integers(1, 9),
    export=st.just(()),
)


@given(projects)
@settings(max_examples=60, deadline=None)
def test_what_is_saved_is_loaded_equal(project):
    assert parse(json.loads(to_text(project)), "x").project == project


@given(projects)
@settings(max_examples=20, deadline=None)
def test_the_text_of_a_project_is_canonical(project):
    assert to_text(parse(json.loads(to_text(project)), "x").project) == to_text(project)


def test_files_are_written_and_read_back(tmp_path):
    save(SIMPLE, tmp_path / "a.json")
    assert load(tmp_path / "a.json").project == SIMPLE


def test_every_field_stands_in_the_file():
    assert list(to_json(SIMPLE)) == list(Project.__dataclass_fields__)


def test_an_unknown_key_is_told_with_the_nearest_and_changes_nothing():
    data = to_json(SIMPLE) | {"framse": 3, "camera": {"rol": 1}, "seeds": {"evry": 2}, "$schema": "driftloop.json"}
    loaded = parse(data, "x")
    assert loaded.project == SIMPLE
    assert {text.partition(" Known")[0] for text in loaded.warnings} == {
        "framse: no such setting, ignored. Did you mean 'frames'?",
        "camera.rol: no such setting, ignored. Did you mean 'roll'?",
        "seeds.evry: no such setting, ignored. Did you mean 'every'?",
    }


def test_strength_is_told_to_be_denoise():
    loaded = parse(to_json(SIMPLE) | {"sampling": {"strength": 0.6}}, "x")
    assert "1 - strength" in loaded.warnings[0]


def test_a_project_without_a_name_has_its_files(tmp_path):
    data = {key: value for key, value in to_json(SIMPLE).items() if key != "name"}
    for stem, name in (("slow waves", "slow waves"), ("a#b+c", "a_b_c"), ("..dots", "dots"), ("-x", "_-x")):
        (tmp_path / f"{stem}.json").write_text(json.dumps(data))
        assert load(tmp_path / f"{stem}.json").project.name == name


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + to_text(SIMPLE).encode())
    assert load(tmp_path / "a.json").project == SIMPLE


@pytest.mark.parametrize(
    ("written", "fps"),
    [
        (24, 24),
        (12.5, Fraction(25, 2)),
        (29.97, Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        ("24", 24),
    ],
)
def test_frame_rates_are_exact(written, fps):
    assert parse(to_json(SIMPLE) | {"fps": written}, "x").project.fps == fps


def test_sizes_may_be_written_as_people_say_them():
    assert parse(to_json(SIMPLE) | {"size": "640x360"}, "x").project.size == Size(640, 360)


def test_changes_take_json_or_text():
    changes = ["camera.z=0:(0.01)", "frames=24", "camera.roll=2", "size=256x128", "prompts.12=a dog", "warp.flip=true"]
    project = with_settings(SIMPLE, changes)
    assert project.camera == {"z": "0:(0.01)", "roll": 2.0}
    assert (project.frames, project.size, project.warp.flip) == (24, Size(256, 128), True)
    assert project.prompts == {"0": "a cat", "12": "a dog"}


def test_text_fields_take_what_looks_like_a_number():
    project = with_settings(SIMPLE, ["name=1984", "prompts.0=42", "warp.geometry=true"])
    assert (project.name, project.prompts["0"], project.warp.geometry) == ("1984", "42", "true")


def test_a_change_reaches_into_lists_and_new_objects(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    project = with_settings(SIMPLE, ["init.image=a.png", "init.denoise=0.5"], tmp_path)
    assert project.init == Init("a.png", 0.5)


def test_changes_mend_a_file_before_it_is_judged(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(to_json(SIMPLE) | {"frames": "many"}))
    assert load(tmp_path / "a.json", ["frames=7"]).project.frames == 7


def test_a_change_of_an_unknown_field_is_a_fault():
    with pytest.raises(ProjectError, match="Did you mean 'camera'"):
        with_settings(SIMPLE, ["camrea.z=1"])
    with pytest.raises(ProjectError, match="Did you mean 'zoom'"):
        with_settings(SIMPLE, ["camera.zom=1"])


def test_a_preview_is_small_moves_alike_and_needs_no_model():
    project = Project(size=Size(1920, 1080), camera={"x": "0:(0.1)"}, model="other", prompts={"0": "a"})
    preview = as_preview(project)
    assert preview.size == Size(256, 144)
    assert preview.generator == "passthrough"
    assert (preview.camera, preview.frames, preview.fps) == (project.camera, project.frames, project.fps)


def test_a_drawn_preview_keeps_the_generator_and_takes_few_steps():
    preview = as_preview(Project(model="other", sampling={"steps": 30, "cfg": 5}), "stills")
    assert (preview.generator, preview.vae, preview.sampling) == ("stills", "automatic", {"steps": 8, "cfg": 5})


def test_a_model_with_a_lora_for_few_steps_draws_its_previews_with_it():
    preview = as_preview(Project(prompts={"0": "a --neg b"}, sampling={"steps": 30, "cfg": 5}))
    assert (preview.generator, preview.sampler) == ("stills", "DPM++ 2M")
    assert preview.prompts == {"0": "<lora:mini-few-steps:1>a --neg b"}
    assert preview.sampling == {"steps": 4, "cfg": 1.0}
    assert as_preview(preview).prompts == preview.prompts, "once is enough"
    assert as_preview(Project(), "passthrough").generator == "passthrough"


def test_a_small_project_is_not_enlarged_for_its_preview():
    assert as_preview(Project(size=Size(64, 32))).size == Size(64, 32)


def test_a_model_with_a_lora_for_few_steps_draws_so_unless_somebody_said_how():
    made = quickened(Project(prompts={"0": "a"}, sampling={"denoise": 0.4}))
    assert made.sampling == {"denoise": 0.4, "steps": 4, "cfg": 1} and made.prompts == {"0": "<lora:mini-few-steps:1>a"}
    assert quickened(made) == made, "once is enough"
    for said in (
        Project(model="other"),
        Project(generator="noise"),
        Project(preset="lcm"),
        Project(sampler="DDIM"),
        Project(noise_schedule="karras"),
        Project(sampling={"steps": 30}),
        Project(sampling={"cfg": "0:(5)"}),
        Project(negative="blurry"),
        Project(prompts={"0": "a --neg b"}),
    ):
        assert quickened(said) == said


def test_a_picture_rendered_here_is_a_project(tmp_path):
    write_png(tmp_path / "000003.png", np.zeros((8, 8, 3), np.uint8), {EMBEDDED_KEY: to_text(SIMPLE)})
    assert load(tmp_path / "000003.png").project == SIMPLE


def test_a_picture_made_elsewhere_is_none(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ProjectError, match="no project in this file"):
        load(tmp_path / "a.png")


def test_a_project_moved_to_another_folder_finds_its_files(tmp_path):
    project = Project(init=Init("in/a.png"), depth=DepthRules(options={"path": "d"}))
    moved = relocated(project, tmp_path, tmp_path / "out")
    assert Path(moved.init.image) == tmp_path / "in/a.png"
    assert Path(moved.depth.options["path"]) == tmp_path / "d"
    assert relocated(project, tmp_path, tmp_path) == project


def test_every_keyframable_number_is_taken_at_its_default():
    given = {section: {name: number.default for name, number in keyframable(section).items()} for section in SECTIONS}
    project = parse(to_json(SIMPLE) | given, "x").project
    assert project.camera["zoom"] == 1 and len(project.sampling) == len(keyframable("sampling"))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.*")), ids=lambda path: path.name)
def test_every_example_loads(path):
    assert load(path).project.frames > 0

"""Styles and the second pass in projects: keyframed, checked all at once, written back."""

import json

import numpy as np
import pytest

from animator.project import parse, to_text
from animator.second_pass import first_size
from animator.serialize import named_files, relocated
from animator.steps import Step, step_keys
from animator.timeline import Timeline
from animator.wording import styles_of
from core.errors import ProjectError
from core.image import Size
from diffusion.hires import Enlargement

TABLE = 'name,prompt,negative_prompt\nink,"ink drawing, {prompt}",photo\nfog,foggy,\n'


def data(**fields):
    return {"frames": 4, "size": [96, 64], "prompts": {"0": "a hill --neg blur"}, **fields}


def loaded(folder, **fields):
    return parse(data(**fields), "test", folder=folder)


def timeline(folder, **fields):
    project = loaded(folder, **fields).project
    return Timeline(project, styles=styles_of(project, folder))


def faults(folder, **fields):
    with pytest.raises(ProjectError) as told:
        loaded(folder, **fields)
    return {fault.field: str(fault) for fault in told.value.faults}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "styles.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def test_styles_stand_around_every_prompt(home):
    params = timeline(home, styles="ink, fog", styles_files=["styles.csv"])[0]
    assert params.prompt == (("ink drawing, a hill, foggy", 1.0),)
    assert params.negative == "blur, photo"


def test_styles_are_keyframed_and_leave_blends_alone(home):
    prompts = {"0": "a hill", "4": "a lake"}
    frames = timeline(
        home, styles='0:("ink"), 2:("")', styles_files=["styles.csv"], prompts=prompts, travel="blend", frames=5
    )
    assert dict(frames[1].prompt) == {"ink drawing, a hill": 0.75, "ink drawing, a lake": 0.25}
    assert dict(frames[2].prompt) == {"a hill": 0.5, "a lake": 0.5}


def test_a_comment_in_a_prompt_does_not_swallow_the_style(home):
    frames = timeline(home, styles="fog", styles_files=["styles.csv"], prompts={"0": "a hill # the old one"})
    assert frames[0].prompt[0][0] == "a hill, foggy"


def test_an_edit_of_a_style_makes_its_frames_anew(home):
    def keys():
        frames = timeline(home, styles='0:(""), 2:("fog")', styles_files=["styles.csv"])
        return step_keys([Step((params,)) for params in frames], "")

    before = keys()
    (home / "styles.csv").write_text(TABLE.replace("foggy", "misty"), encoding="utf-8")
    assert [old == new for old, new in zip(before, keys(), strict=True)] == [True, True, False, False]


def test_a_second_pass_begins_small_and_ends_at_the_size_of_the_frame(home):
    frames = timeline(home, hires={"scale": 2, "denoise": "0:(0.4), 3:(0.7)", "steps": 5, "upscaler": "lanczos"})
    request = frames[0].in_passes(frames[0].request(Size(96, 64)))
    assert request.size == Size(48, 32) and request.hires.steps == 5
    assert Enlargement.of(request.hires, request.size).final == Size(96, 64)
    assert [round(frames[n].hires.denoise, 6) for n in range(4)] == [0.4, 0.5, 0.6, 0.7]
    assert frames.columns()["hires.denoise"].tolist() == pytest.approx([0.4, 0.5, 0.6, 0.7])


def test_pictures_that_grow_out_of_others_have_one_pass_unless_they_are_drawn_anew(home):
    image = np.zeros((64, 96, 3), np.uint8)
    frames = timeline(home, hires={}, sampling={"denoise": "0:(0.5), 2:(1)"})
    grown, cut = (frames[n].in_passes(frames[n].request(Size(96, 64), image)) for n in (0, 2))
    assert grown.hires is None and grown.init is image and grown.size == Size(96, 64)
    assert cut.hires is not None and cut.init is None and cut.size == Size(48, 32)


def test_the_second_pass_has_words_of_its_own_in_the_same_styles(home):
    frames = timeline(
        home, styles="ink", styles_files=["styles.csv"], hires={"prompts": {"0": "a hill, close --neg far", "2": "b"}}
    )
    assert (frames[0].hires.prompt, frames[0].hires.negative) == ((("ink drawing, a hill, close", 1.0),), "far, photo")
    assert frames[2].hires.prompt == (("ink drawing, b", 1.0),)
    assert timeline(home, hires={})[0].hires.prompt is None


@pytest.mark.parametrize("scale", [1, 1.5, 3, 8])
@pytest.mark.parametrize("size", [Size(16, 16), Size(96, 64), Size(1000, 8)])
def test_first_passes_have_sides_of_whole_cells(size, scale):
    found = first_size(size, scale)
    assert min(found) >= 16 and all(side % 8 == 0 for side in found)


def test_everything_wrong_is_told_at_once(home):
    hires = {
        "upscaler": "Latnt",
        "sampler": "Eular",
        "denoise": "0:(0), 2:(2)",
        "model": "no such",
        "prompts": {"0": "<lora:nope>"},
    }
    told = faults(home, styles="inc", styles_files=["styles.csv"], hires=hires)
    assert set(told) == {"styles", "hires.upscaler", "hires.sampler", "hires.denoise", "hires.model", "hires.prompts.0"}
    assert "'ink'" in told["styles"] and "'Latent'" in told["hires.upscaler"] and "at frame 2" in told["hires.denoise"]
    assert "no file has them" in faults(home, styles="ink")["styles_files"]
    assert "no such file" in faults(home, styles="ink", styles_files=["gone.csv"])["styles_files.0"]


def test_what_has_no_effect_is_said(home):
    assert "no styles are chosen" in loaded(home, styles_files=["styles.csv"]).warnings[0]
    assert "one pass" in loaded(home, hires={}, generator="noise").warnings[0]


def test_projects_come_back_and_find_their_styles_elsewhere(home, tmp_path_factory):
    project = loaded(home, styles="ink", styles_files=["styles.csv"], hires={"scale": 1.5, "steps": 4}).project
    moved = relocated(project, home, tmp_path_factory.mktemp("out"))
    assert dict(named_files(moved))["styles_files.0"] == str(home / "styles.csv")
    again = parse(json.loads(to_text(project)), "test", folder=home).project
    assert again == project

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import render
from commands.terminal import exit_code
from media.infotext import parsed
from media.inscribed import infotext_in, write_picture
from media.read import read_image

GUIDE = (Path(__file__).resolve().parents[2] / "docs/guide/images.md").read_text(encoding="utf-8")
SMALL = ("--generator", "noise", "--size", "64x48")


def run(*arguments):
    return exit_code(lambda: render.app(["image", *map(str, arguments)], standalone_mode=False))


def picture(path, width=64, height=48, seed=0, text=""):
    path.parent.mkdir(exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    write_picture(path, image, text)
    return image


def mask(path, width=64, height=48):
    levels = np.zeros((height, width, 3), np.uint8)
    levels[8:24, 16:40] = 255
    path.parent.mkdir(exist_ok=True)
    write_picture(path, levels)
    return levels[..., 0] > 0


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_picture_says_how_it_was_made_and_is_made_again_from_that(here):
    assert run("a boat", *SMALL, "--seed", 5, "-n", "fog", "-o", "a.png") == 0
    found = parsed(infotext_in(here / "a.png"))
    assert (found.prompt, found.negative, found.fields["Seed"], found.fields["Size"]) == ("a boat", "fog", "5", "64x48")
    assert run("--from", "a.png", "--generator", "noise", "-o", "b.png") == 0
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()
    assert run("--from", "a.png", "--generator", "noise", "--seed", 6, "--size", "32x32", "-o", "c.webp") == 0
    assert read_image(here / "c.webp").shape == (32, 32, 3)
    assert parsed(infotext_in(here / "c.webp")).fields["Seed"] == "6"


def test_a_preset_sets_what_is_not_given(here):
    assert run("a", *SMALL, "--preset", "lcm", "--steps", 4, "-o", "a.png") == 0
    fields = parsed(infotext_in(here / "a.png")).fields
    assert (fields["Sampler"], fields["Steps"], fields["CFG scale"]) == ("LCM", "4", "1.5")
    assert run("a", *SMALL, "--preset", "lcd", "-o", "b.png") == 2


def test_a_drawn_seed_is_told_and_repeats_the_picture(here, capsys):
    assert run("a", *SMALL, "-o", "a.png", "--json") == 0
    told = json.loads(capsys.readouterr().out)["pictures"][0]
    assert told["seed"] == int(told["settings"]["Seed"]) and told["path"] == "a.png"
    assert run("a", *SMALL, "-o", "b.png", "--seed", told["seed"]) == 0
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


def test_files_are_not_replaced_unless_asked(here, capsys):
    assert run("a", *SMALL, "-o", "a.png", "--seed", 1) == 0
    before = (here / "a.png").read_bytes()
    assert run("b", *SMALL, "-o", "a.png", "--seed", 2) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (here / "a.png").read_bytes() == before
    assert run("b", *SMALL, "-o", "a.png", "--seed", 2, "--overwrite") == 0
    assert (here / "a.png").read_bytes() != before


def test_several_pictures_get_a_grid_and_a_folder_gets_names(here):
    assert run("a", *SMALL, "-o", "a.png", "--seed", 1, "--count", 2, "--batch-size", 2) == 0
    assert sorted(path.name for path in here.iterdir()) == ["a-1.png", "a-2.png", "a-3.png", "a-4.png", "a.png"]
    assert read_image(here / "a.png").shape == (96, 128, 3)
    for _ in range(2):
        assert run("a", *SMALL, "-o", "out", "--seed", 7, "--count", 2, "--format", "jpg") == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "00000-7.jpg", "00001-8.jpg", "00002-7.jpg", "00003-8.jpg", "grid-0000.jpg", "grid-0001.jpg",
    ]  # fmt: skip


def test_what_is_not_masked_stays_to_the_bit(here):
    image, masked = picture(here / "in.png"), mask(here / "mask.png")
    common = ("a", "--generator", "noise", "--init", "in.png", "--mask", "mask.png", "--mask-blur", 0, "--seed", 1)
    for n, options in enumerate(([], ["--only-masked", "--padding", 4], ["--content", "fill"])):
        assert run(*common, *options, "-o", f"{n}.png") == 0
        result = read_image(here / f"{n}.png")
        assert (result[~masked] == image[~masked]).all() and (result[masked] != image[masked]).any()
    assert run(*common, "--invert-mask", "-o", "inverted.png") == 0
    assert (read_image(here / "inverted.png")[masked] == image[masked]).all()
    assert parsed(infotext_in(here / "inverted.png")).fields["Mask mode"] == "Inpaint not masked"


def test_a_picture_made_from_another_asks_for_it(here, capsys):
    picture(here / "in.png")
    assert run("a", "--generator", "noise", "--init", "in.png", "--seed", 1, "-o", "a.png") == 0
    assert run("--from", "a.png", "--generator", "noise", "-o", "b.png") == 2
    assert "--init" in capsys.readouterr().err
    assert run("--from", "a.png", "--init", "in.png", "--generator", "noise", "-o", "b.png") == 0
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


def test_a_folder_goes_through_in_order_with_masks_seeds_and_words_of_its_own(here, capsys):
    for n in (1, 2, 10):
        text = f"cat {n}\nSteps: {n}, Sampler: Euler, Seed: {n}0"
        picture(here / "in" / f"f{n}.png", width=48 + n * 8, seed=n, text=text)
    mask(here / "masks" / "f2.png", width=64)
    mask(here / "masks" / "other.png")
    assert run("oil", "--generator", "noise", "--init", "in", "--seed", 5, "--seed-step", 1, "-o", "out") == 0
    fields = {path.stem: parsed(infotext_in(path)).fields for path in (here / "out").iterdir()}
    assert {name: (entry["Seed"], entry["Size"]) for name, entry in fields.items()} == {
        "f1": ("5", "56x48"), "f2": ("6", "64x48"), "f10": ("7", "128x48"),
    }  # fmt: skip
    assert run("oil", "--generator", "noise", "--init", "in", "--mask", "masks", "-o", "masked") == 0
    assert [path.name for path in (here / "masked").iterdir()] == ["f2.png"]
    assert "f10.png has no mask" in capsys.readouterr().err
    assert run("oil", "--generator", "noise", "--init", "in", "--info", "prompt,seed", "-o", "told") == 0
    found = parsed(infotext_in(here / "told" / "f10.png"))
    assert (found.prompt, found.fields["Seed"], found.fields["Steps"]) == ("cat 10 oil", "100", "20")


def test_a_grid_has_its_axes_in_the_infotexts_of_its_cells(here):
    assert run("a b", *SMALL, "--x", "steps: 1-3", "--y", "s/r: a, c", "--seed", 1, "-o", "g.png") == 0
    fields = [parsed(infotext_in(here / f"g-{n}.png")) for n in range(1, 7)]
    assert [(found.fields["Steps"], found.prompt) for found in fields] == [
        (str(steps), f"{word} b") for word in "ac" for steps in (1, 2, 3)
    ]
    assert fields[0].fields["Script"] == "X/Y/Z plot" and fields[0].fields["X Values"] == "1-3"
    height, width = read_image(here / "g.png").shape[:2]
    assert height > 96 and width > 192


def test_all_faults_are_told_at_once_and_nothing_is_drawn(here, capsys):
    code = run(
        "a", "--steps", 0, "--cfg", "x", "--sampler", "Oiler", "--mask", "m.png", "--x", "stps: 3", "--set", "foo=1",
        "--style", "ink", "--model", "no such model", "--from", "none.png", "-o", "a.png",
    )  # fmt: skip
    error = capsys.readouterr().err
    assert code == 2 and "Traceback" not in error
    options = ("--steps", "--cfg", "--sampler", "--mask", "--x", "--set", "--style", "--model", "--from")
    assert all(option in error for option in options)
    assert [*here.iterdir()] == []


@pytest.mark.parametrize(
    "options",
    [
        ["--hires", "2", "--init", "in.png"], ["--x", "steps: 1, 2", "--matrix"], ["--init", "nowhere"],
        ["--init", "in.png", "--mask", "small.png"], ["--seed-step", "1"], ["--format", "tga"], ["--matrix"],
        ["--prompts", "none.txt"], ["--from", "bare.png"], ["--curve", "wild"], ["--matrix-rules", "x"],
        ["--info", "nothing", "--init", "in.png"], ["--size", "1x1"], ["-o", "a.tga/b.png/c.png"],
    ],
)  # fmt: skip
def test_what_does_not_go_is_the_users_mistake(here, options, capsys):
    picture(here / "in.png")
    picture(here / "bare.png")
    picture(here / "small.png", width=16, height=16)
    (here / "a.tga").write_text("a file")
    assert run("a", "--generator", "noise", "-o", "out.png", *options) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (here / "out.png").exists()


def test_a_grid_says_how_its_first_picture_was_made(here):
    assert run("a", *SMALL, "--seed", 4, "--x", "steps: 5, 7", "--no-singles", "-o", "grid.png") == 0
    fields = parsed(infotext_in(here / "grid.png")).fields
    assert (fields["Steps"], fields["Seed"], fields["X Type"], fields["X Values"]) == ("5", "4", "Steps", "5, 7")


def test_a_prompt_that_no_jpeg_can_hold_is_told_before_anything_is_drawn(here, capsys):
    assert run("a" * 40_000, *SMALL, "-o", "a.jpg") == 2
    assert "Write a PNG" in capsys.readouterr().err
    assert run("a" * 40_000, *SMALL, "-o", "a.png") == 0


def test_names_follow_a_pattern(here):
    assert (
        run("a fox", *SMALL, "--seed", 4, "--count", 2, "--no-grid", "-o", "out", "--names", "[steps]/[seed]-[prompt]")
        == 0
    )
    found = sorted(path.relative_to(here).as_posix() for path in (here / "out").rglob("*.png"))
    assert found == ["out/20/00000-4-a_fox.png", "out/20/00001-5-a_fox.png"]
    assert run("a", *SMALL, "-o", "a.png", "--names", "[seed]") == 2
    assert run("a", *SMALL, "-o", "out", "--names", "../[sed]") == 2


def test_a_grid_that_would_be_too_large_is_told_before_anything_is_drawn(here, capsys):
    assert run("a", "--generator", "noise", "--size", "4096x4096", "--count", 100, "-o", "a.png") == 2
    assert "--no-grid" in capsys.readouterr().err and [*here.iterdir()] == []


def examples():
    blocks = re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if "render.py image" in line]


@pytest.mark.parametrize("line", examples())
def test_the_examples_of_the_guide_run(here, line):
    picture(here / "boat.png", text="a boat\nSteps: 3, Sampler: Euler, CFG scale: 5, Seed: 7, Size: 64x48")
    mask(here / "mask.png")
    for n in (1, 2):
        picture(here / "frames" / f"{n}.png", text="a\nSteps: 3, Sampler: Euler, CFG scale: 5")
    mask(here / "masks" / "any.png")
    (here / "prompts.txt").write_text('a boat\n--prompt "a cat" --steps 3\n', encoding="utf-8")
    words = shlex.split(line.removeprefix("python render.py image "))
    size = [] if "--size" in words or "--init" in words or "--from" in words else ["--size", "64x48"]
    assert run(*words, *size, "--generator", "noise", "--overwrite") == 0
    assert (here / words[words.index("-o") + 1]).exists()


@pytest.mark.parametrize("name", render.COMMANDS["image"].__annotations__)
def test_the_guide_names_the_options_people_need(name):
    shown = {"prompt": "image", "origin": "--from", "settings": "--set", "out": "-o", "as_json": "--json"}
    shown |= {"picture_format": "--format", "x": "--x", "grid": "--no-grid", "singles": "--no-singles", "return": "-o"}
    shown |= {"compile_": "--compile"}
    if name not in ("generator",):
        assert shown.get(name, f"--{name.replace('_', '-')}") in GUIDE

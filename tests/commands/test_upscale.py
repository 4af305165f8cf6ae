import numpy as np
import PIL.Image
import pytest

import render
from commands.terminal import exit_code
from media.inscribed import infotext_in, write_picture
from media.read import read_image, read_image_and_alpha
from media.stills import read_png_text
from tests.diffusion.upscaler_toys import esrgan, write

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
INFOTEXT = "a boat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 40x24"


def run(*arguments):
    return exit_code(lambda: render.app(["upscale", *map(str, arguments)], standalone_mode=False))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIFTLOOP_MODELS", "")
    write(tmp_path / "models/ESRGAN", "4x_Toy.pth", esrgan())
    write_picture(tmp_path / "a.png", PICTURE, INFOTEXT)
    return tmp_path


def test_a_network_enlarges_and_the_file_still_says_how_it_was_made(here):
    assert run("a.png", "-o", "b.png", "--upscaler", "4x_toy", "--by", 4, "--models-dir", "models") == 0
    assert (read_image(here / "b.png") == PICTURE.repeat(4, 0).repeat(4, 1)).all()
    texts = read_png_text(here / "b.png")
    assert texts["parameters"] == INFOTEXT
    assert texts["postprocessing"] == "Postprocess upscale by: 4, Postprocess upscaler: 4x_Toy"


def test_a_size_is_covered_and_cut_or_only_covered(here):
    assert run("a.png", "-o", "b.png", "--to", "64x64") == 0
    assert run("a.png", "-o", "c.png", "--to", "64x64", "--no-crop") == 0
    assert read_image(here / "b.png").shape == (64, 64, 3)
    assert read_image(here / "c.png").shape == (64, 106, 3)
    assert "Postprocess crop to: 64x64" in read_png_text(here / "b.png")["postprocessing"]


def test_a_factor_ends_at_the_longest_side(here):
    assert run("a.png", "-o", "b.png", "--by", 4, "--longest", 100) == 0
    assert read_image(here / "b.png").shape == (60, 100, 3)


def test_two_upscalers_are_blended(here):
    assert run("a.png", "-o", "b.png", "--upscaler", "nearest", "--second", "lanczos", "--share", 0.25) == 0
    nearest, lanczos = (np.array(PIL.Image.fromarray(PICTURE).resize((80, 48), kind)) for kind in (0, 1))
    blend = nearest * 0.75 + lanczos * 0.25
    assert np.abs(read_image(here / "b.png") - blend).max() <= 0.5


def test_opacity_comes_along(here):
    alpha = np.zeros((24, 40, 1), np.uint8)
    alpha[:, 20:] = 255
    write_picture(here / "clear.png", np.dstack([PICTURE, alpha]))
    assert run("clear.png", "-o", "b.png") == 0
    image, opacity = read_image_and_alpha(here / "b.png")
    assert image.shape == (48, 80, 3) and opacity[:, :34].max() == 0 and opacity[:, 46:].min() == 1


def test_a_folder_goes_to_a_folder_with_its_names(here):
    (here / "in").mkdir()
    for n in (2, 10):
        write_picture(here / f"in/{n}.jpg", PICTURE, INFOTEXT)
    assert run("in", "-o", "out", "--format", "webp") == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == ["10.webp", "2.webp"]
    text = infotext_in(here / "out/2.webp")
    assert text.startswith("a boat\nSteps: 20") and text.endswith("Postprocess upscaler: Lanczos")
    assert run("in", "-o", "out", "--format", "webp") == 2
    assert run("in", "-o", "one.png") == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--upscaler", "4x_Tiy", "--models-dir", "models"), "Did you mean '4x_Toy'"),
        (("--upscaler", "Latent"), "no upscaler named"),
        (("--by", 99), "1 to 16"), (("--second", "Lanczos"), "go together"), (("--tile", 8, "--overlap", 8), "overlap"),
        (("--to", "64"), "no size"), (("--to", "64x64", "--longest", 9), "longest"),
    ],
)  # fmt: skip
def test_mistakes_are_told(here, capsys, options, told):
    assert run("a.png", "-o", "b.png", *options) == 2
    assert told in capsys.readouterr().err


def test_a_video_is_enlarged_frame_by_frame(here):
    frames = here / "frames"
    frames.mkdir()
    for n in range(3):
        write_picture(frames / f"{n}.png", np.full((16, 16, 3), 60 + n * 40, np.uint8))
    assert exit_code(lambda: render.app(["export", "frames", "-o", "a.mkv"], standalone_mode=False)) == 0
    assert run("a.mkv", "-o", "b.mkv", "--upscaler", "nearest") == 0
    from media.video import open_video

    with open_video(here / "b.mkv", 24) as video:
        found = [image for _, image in video]
    assert [image.shape for image in found] == [(32, 32, 3)] * 3
    assert [round(float(image.mean())) for image in found] == [60, 100, 140]

"""The section `upscale`: exports are larger, frames are not; what is kept is taken again; who is missing is told."""

import numpy as np
import pytest

from animator.enlarging import Larger
from animator.job import RenderJob
from animator.larger import UpscaleRules
from animator.project import parse
from commands.plan import delivery, exported_line
from core.devices import ModelPool
from core.errors import ProjectError
from core.image import Size
from media.read import read_image
from media.video import VideoReader
from tests.diffusion.upscaler_toys import esrgan, write
from tests.motion.pictures import clouds

FIELDS = {
    "size": [32, 24],
    "fps": 8,
    "frames": 3,
    "generator": "passthrough",
    "prompts": {"0": "a"},
    "camera": {"x": 0.1},
}


def parsed(**fields):
    return parse({**FIELDS, "camera": {"x": 0.1}, "export": [{"format": "mkv"}], **fields}, "film.json").project


def rendered(project, folder):
    job = RenderJob(project, folder, folder / "out", ModelPool())
    list(job.run())
    return job


def shown(path):
    with VideoReader(path) as video:
        return [image for _, image in video]


def frame(folder, index):
    return read_image(folder / "out" / "frames" / f"{index:06d}.png")


def test_exports_are_larger_and_frames_stay(tmp_path):
    job = rendered(parsed(upscale={"upscaler": "nearest", "by": 2}), tmp_path)
    images = shown(tmp_path / "out" / "untitled.mkv")
    for index, image in enumerate(images):
        assert (image == frame(tmp_path, index).repeat(2, 0).repeat(2, 1)).all()
    assert exported_line(delivery(job)) == "exported: 3 frames at 8 fps, 0.375 s, 64x48 by nearest"
    apart = [{"format": "mkv", "upscale": False}, {"format": "mkv", "interpolate": False}]
    both = parsed(upscale={"upscaler": "nearest"}, interpolate={"model": "blend", "factor": 2}, export=apart)
    line = exported_line(delivery(RenderJob(both, tmp_path, tmp_path / "apart", ModelPool())))
    assert line == "exported: 5 frames at 16 fps, 0.312 s, by blend; others 64x48 by nearest"


def test_a_network_of_the_models_folder_enlarges(tmp_path, monkeypatch):
    write(tmp_path / "models/ESRGAN", "4x_Toy.pth", esrgan())
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path / "models"))
    rendered(parsed(upscale={"upscaler": "4x_toy", "by": 4}), tmp_path)
    image = shown(tmp_path / "out" / "untitled.mkv")[0]
    assert (image == frame(tmp_path, 0).repeat(4, 0).repeat(4, 1)).all()


def test_each_export_may_leave_out_what_is_made_of_the_frames(tmp_path):
    ways = [(True, True), (True, False), (False, True), (False, False)]
    exports = [{"format": "mkv", "interpolate": more, "upscale": large} for more, large in ways]
    rendered(
        parsed(upscale={"upscaler": "nearest"}, interpolate={"model": "blend", "factor": 2}, export=exports), tmp_path
    )
    made = [shown(tmp_path / "out" / f"untitled{n}.mkv") for n in ("", ".2", ".3", ".4")]
    assert [(len(images), Size.of(images[0])) for images in made] == [
        *((5, (64, 48)), (5, (32, 24)), (3, (64, 48)), (3, (32, 24)))
    ]


def test_what_is_kept_is_taken_again_unless_it_was_made_of_something_else(tmp_path):
    picture, other = clouds(Size(32, 24)), clouds(Size(32, 24), seed=9)
    larger = Larger(UpscaleRules("nearest", 2, save=True), tmp_path / "upscaled", ModelPool())
    first = larger.at(0, picture)
    path = tmp_path / "upscaled" / "000000.png"
    written = path.stat().st_mtime_ns
    assert (larger.at(0, picture) == first).all() and path.stat().st_mtime_ns == written
    assert not np.array_equal(larger.at(0, other), first)
    assert (read_image(path) == larger.at(0, other)).all()
    path.write_bytes(path.read_bytes()[:100])
    assert (larger.at(0, picture) == first).all()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"upscale": {"upscaler": "4x-Nobody"}}, r"upscale.upscaler: no upscaler.*--models-dir.*upscaler=Lanczos"),
        ({"upscale": {"upscaler": "Latent"}}, "upscale.upscaler: no upscaler"),
        ({"upscale": {"by": 16}, "size": [2048, 2048]}, "upscale.by: 32768x32768 is too large"),
        ({"upscale": {}, "export": []}, "there is no export that would show it"),
        ({"export": [{"upscale": False}]}, r"export.0.upscale: there is no section upscale"),
        ({"export": [{"interpolate": False}]}, r"export.0.interpolate: there is no section interpolate"),
    ],
)
def test_what_cannot_be_or_would_show_nowhere_is_told(fields, told):
    with pytest.raises(ProjectError, match=told):
        parsed(**fields)

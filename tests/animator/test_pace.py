"""The section `interpolate`: how many frames exports get, what is refused, what is kept from one render to the next."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from animator.between import KeptBetween
from animator.job import RenderJob
from animator.pace import Pace
from animator.project import parse
from animator.report import measured
from commands.plan import delivery
from core.devices import ModelPool
from core.errors import ProjectError, UserError
from interpolation.models import blend
from media.read import read_image
from media.sheet import contact_sheet
from media.sound import read_sound
from media.video import VideoReader
from tests.media.test_sound import RATE, record_sound, tone

LOSSLESS = [{"format": "mkv"}]


def parsed(**fields):
    data = {"size": [32, 32], "fps": 8, "frames": 6, "generator": "passthrough", "prompts": {"0": "a"}}
    return parse({**data, "export": LOSSLESS, "camera": {"x": 0.05}, **fields}, "film.json").project


def rendered(project, folder, span=None):
    job = RenderJob(project, folder, folder / "out", ModelPool(), span)
    list(job.run())
    return job


def shown(path):
    with VideoReader(path) as video:
        return [image for _, image in video], video.info


@pytest.mark.parametrize(
    ("rules", "rate", "count"),
    [
        ({"factor": 4}, 32, 21),  # (6 - 1) x 4 + 1
        ({"factor": 4, "closed": True}, 32, 24),  # 6 x 4
        ({"factor": 2.5}, 20, 13),
        ({"factor": "1/2"}, 4, 3),
        ({"fps": 30}, 30, 19),
        ({"fps": "30000/1001"}, Fraction(30000, 1001), 19),
        ({"slow": 2}, 8, 11),
        ({"slow": 2, "fps": 16}, 16, 21),
    ],
)
def test_frames_are_counted_exactly_and_the_source_frames_are_among_them(tmp_path, rules, rate, count):
    project = parsed(interpolate={"model": "blend", **rules})
    job = rendered(project, tmp_path)
    images, info = shown(tmp_path / "out" / "untitled.mkv")
    assert (len(images), info.fps) == (count, rate) and job.pace.count(6) == count
    assert delivery(job)["frames"] == count
    plain, _ = shown(_plain(tmp_path))
    step = job.pace.step
    for n, image in enumerate(plain):
        if (n / step).denominator == 1:
            assert np.array_equal(images[int(n / step)], image)


def _plain(folder):
    rendered(parsed(), folder / "plain")
    return folder / "plain" / "out" / "untitled.mkv"


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "plain").mkdir()


def test_a_loop_is_closed_and_a_part_of_it_is_not(tmp_path):
    project = parsed(frames=8, loop={"method": "fade", "over": 2}, interpolate={"model": "blend", "factor": 3})
    rendered(project, tmp_path)
    images, _ = shown(tmp_path / "out" / "untitled.mkv")
    assert len(images) == 24
    middle = (images[21].astype(float) + images[0]) / 2  # between the last frame and the first
    assert np.abs((images[22].astype(float) + images[23]) / 2 - middle).max() <= 1
    rendered(project, tmp_path, range(2, 4))
    assert len(shown(tmp_path / "out" / "untitled.mkv")[0]) == 4
    rendered(project, tmp_path, range(2, 3))
    assert len(shown(tmp_path / "out" / "untitled.mkv")[0]) == 1


@pytest.mark.parametrize("upscale", [None, {"upscaler": "Lanczos", "by": 2}])
def test_figures_and_contact_sheet_are_of_what_is_shown(tmp_path, upscale):
    rules = {"model": "flow", "factor": 2, "closed": True}
    rendered(parsed(frames=12, interpolate=rules, **({"upscale": upscale} if upscale else {})), tmp_path)
    images, info = shown(tmp_path / "out" / "untitled.mkv")
    figures = json.loads((tmp_path / "out" / "untitled.report.json").read_text())
    assert (figures["frames"], figures["fps"]) == (24, "16")
    assert figures == measured(images, info.fps).to_json()
    with contact_sheet(tmp_path / "sheet.png", "untitled", info.fps, lambda _: "a", range(24)) as show:
        for n, image in enumerate(images):
            show(n, image)
    assert np.array_equal(read_image(tmp_path / "sheet.png"), read_image(tmp_path / "out" / "untitled.sheet.png"))


def test_figures_are_of_the_rendered_frames_where_no_export_shows_others(tmp_path):
    exports = [{"format": "gif", "interpolate": False}, {"format": "mkv"}]
    rendered(parsed(interpolate={"model": "blend", "factor": 2}, export=exports), tmp_path)
    assert json.loads((tmp_path / "out" / "untitled.report.json").read_text())["frames"] == 11
    rendered(parsed(), tmp_path)
    assert json.loads((tmp_path / "out" / "untitled.report.json").read_text())["frames"] == 6


def test_all_exports_get_the_same_frames_from_one_pass(tmp_path):
    exports = [*LOSSLESS, {"format": "png"}, {"purpose": "resolume", "fit": "pad"}]
    rendered(parsed(size=[40, 32], interpolate={"model": "flow", "factor": 2}, export=exports), tmp_path)
    assert len(shown(tmp_path / "out" / "untitled.mkv")[0]) == 11
    assert len(list((tmp_path / "out" / "untitled_png").iterdir())) == 11
    images, info = shown(tmp_path / "out" / "untitled.mov")
    assert (len(images), info.size) == (11, (48, 32))


def test_the_sound_stays_as_long_as_the_pictures_and_is_stretched_on_request(tmp_path):
    record_sound(tmp_path / "song.wav", tone(2))
    project = replace(
        parsed(),
        audio=parse({"prompts": {"0": "a"}, "audio": {"file": "song.wav"}}, "x", folder=tmp_path).project.audio,
    )
    pitch = {}
    for name, rules in {"fast": {"factor": 2}, "slow": {"slow": 2, "stretch_sound": True}}.items():
        section = parse(
            {"prompts": {"0": "a"}, "audio": {"file": "song.wav"}, "interpolate": {"model": "blend", **rules}},
            "x",
            folder=tmp_path,
        ).project.interpolate
        rendered(replace(project, name=name, interpolate=section), tmp_path)
        images, info = shown(tmp_path / "out" / f"{name}.mkv")
        samples, rate = read_sound(tmp_path / "out" / f"{name}.mkv")
        assert rate == RATE and abs(len(samples) - len(images) * RATE / info.fps) <= 1
        pitch[name] = np.abs(np.fft.rfft(samples[: RATE // 2, 0])).argmax()
    assert abs(pitch["fast"] - pitch["slow"]) <= 4
    silent = parse(
        {"prompts": {"0": "a"}, "audio": {"file": "song.wav"}, "interpolate": {"model": "blend", "slow": 2}},
        "x",
        folder=tmp_path,
    ).project.interpolate
    job = rendered(replace(project, interpolate=silent), tmp_path)
    assert shown(tmp_path / "out" / "untitled.mkv")[1].sound is None and delivery(job)["silent"]


class Counting:
    """A cross-fade that remembers what it was asked for."""

    def __init__(self, identity="counting"):
        self.identity, self.asked = identity, 0

    def between(self, a, b, times):
        self.asked += 1
        return blend.Blend().between(a, b, times)


def test_frames_in_between_are_made_once_and_damaged_ones_again(tmp_path):
    a, b = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)
    maker = Counting()
    first = KeptBetween(maker, tmp_path / "between")(a, b, (0.25, 0.5))
    again = KeptBetween(maker, tmp_path / "between")(a, b, (0.25, 0.5))
    assert maker.asked == 1 and all(map(np.array_equal, first, again))
    KeptBetween(maker, tmp_path / "between")(a, b, (0.5,))
    KeptBetween(maker, tmp_path / "between")(b, a, (0.25, 0.5))
    assert maker.asked == 3
    other = Counting("another")
    kept = KeptBetween(other, tmp_path / "between")
    kept(a, b, (0.25, 0.5))
    assert other.asked == 1
    kept.forget_the_rest()
    files = sorted((tmp_path / "between").iterdir())
    assert len(files) == 2
    files[0].write_bytes(b"damaged")
    KeptBetween(other, tmp_path / "between")(a, b, (0.25, 0.5))
    assert other.asked == 2


def test_a_second_render_makes_no_frame_anew_and_an_edit_only_what_it_changes(tmp_path):
    project = parsed(interpolate={"model": "blend", "factor": 2})
    rendered(project, tmp_path)
    times = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "between").iterdir()}
    assert len(times) == 5
    job = rendered(project, tmp_path)
    assert job.reusable() == 6
    assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "between").iterdir()} == times
    rendered(replace(project, interpolate=None), tmp_path)
    assert RenderJob(project, tmp_path, tmp_path / "out", ModelPool()).reusable() == 6


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"interpolate": {}}, "nothing to do"),
        ({"interpolate": {"factor": 2, "fps": 30}}, "not both"),
        ({"interpolate": {"model": "flwo", "factor": 2}}, "Did you mean 'flow'"),
        ({"interpolate": {"model": "film", "factor": 2, "options": {"weights": "no/such"}}}, "no FILM weights"),
        ({"interpolate": {"model": "rife", "factor": 2, "options": {"shrink": 3}}}, "interpolate.options.shrink"),
        ({"interpolate": {"factor": 0}}, "interpolate.factor"),
        ({"interpolate": {"factor": 100}}, "800 frames per second"),
        ({"interpolate": {"factor": 2}, "export": []}, "no export"),
        ({"interpolate": {"factor": 2}, "frames": 1}, "fewer than two"),
        ({"interpolate": {"factor": "5/4", "closed": True}}, "7.500 frames"),
        ({"interpolate": {"factor": 2, "stretch_sound": True}}, "no sound that is slowed down"),
        ({"export": [{"format": "mp4", "purpose": "web"}]}, "Leave one of them out"),
        ({"export": [{"purpose": "webb"}]}, "export.0.purpose"),
        ({"export": [{"fit": "squash"}]}, "export.0.fit"),
    ],
)
def test_what_does_not_go_together_is_a_fault_of_the_project(fields, told):
    with pytest.raises(ProjectError, match=told):
        parsed(**fields)


def test_a_rate_that_a_format_cannot_hold_is_told_before_any_frame(tmp_path):
    project = parsed(fps=25, interpolate={"model": "blend", "factor": 4}, export=[{"format": "gif"}])
    with pytest.raises(UserError, match="100 frames per second are too many for GIF"):
        rendered(project, tmp_path)
    assert not (tmp_path / "out").exists()


def test_the_section_reads_back_equal():
    from animator.serialize import to_json

    project = parsed(interpolate={"factor": "15/4", "slow": 1.5, "options": {}, "drop_repeats": True})
    assert parse(json.loads(json.dumps(to_json(project))), "again").project == project
    assert Pace.of(project).rate == 30

"""`stylize` as people use it, with a generator that needs no model."""

import json
import wave
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import render
from animator.project import parse
from commands.terminal import exit_code
from core.image import Size
from diffusion.request import Sampling
from media.exporters import REGISTRY
from media.sound import Soundtrack
from media.stills import write_png
from media.video import VideoReader

ODD = Size(100, 70)  # no multiple of 8


def picture(n, size=ODD):
    rough = np.random.default_rng(4).random((size.height, 2 * size.width, 3), dtype=np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 4), None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)
    return np.ascontiguousarray(wide[:, 2 * n : 2 * n + size.width])


def video(path, count, fps=Fraction(24), sound=None, size=ODD):
    with REGISTRY.build("mp4", {}, pool=None).open(path, size, fps, {}, sound) as write:
        for n in range(count):
            write(picture(n, size))
    return path


def tone(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes((np.sin(np.arange(96000) / 20) * 8000).astype("<i2").tobytes())
    return Soundtrack(path)


def run(tmp_path, *arguments, generator="noise"):
    fixed = ("--work", tmp_path / "work", "--set", f"generator={generator}")
    return exit_code(lambda: render.app([str(a) for a in ("stylize", *arguments, *fixed)], standalone_mode=False))


def frames_in(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "frames").iterdir())}


def test_size_rate_length_and_sound_are_kept(tmp_path, capsys):
    clip = video(tmp_path / "dance.mp4", 7, Fraction(30000, 1001), tone(tmp_path / "t.wav"))
    assert run(tmp_path, clip, "-o", tmp_path / "out.mp4", "--prompt", "purple", "--compare") == 0
    with VideoReader(clip) as before, VideoReader(tmp_path / "out.mp4") as after:
        assert (after.info.size, after.info.fps, after.info.count) == (ODD, before.info.fps, 7)
        assert after.info.sound is not None and abs(after.info.seconds - before.info.seconds) < Fraction(1, 1000)
    with VideoReader(tmp_path / "work" / "out" / "out.compare.mp4") as both:
        assert both.info.size == Size(200, 70) and both.info.count == 7
    figures = json.loads((tmp_path / "work" / "out" / "out.report.json").read_text())["figures"]
    assert {"warp error", "flicker", "drift of lightness", "edges kept", "edge strength"} <= figures.keys()
    assert (tmp_path / "work" / "out" / "out.sheet.png").is_file() and "result" in capsys.readouterr().out


def test_a_clip_handed_through_is_that_clip_by_its_own_motion(tmp_path):
    clip = video(tmp_path / "dance.mp4", 5)
    assert run(tmp_path, clip, "-o", tmp_path / "out.mkv", "--prompt", "x", "--coherence", "none",
               generator="passthrough") == 0  # fmt: skip
    figures = json.loads((tmp_path / "work" / "out" / "out.report.json").read_text())["figures"]
    assert figures["edges kept"]["value"] == 1 and figures["edge strength"]["value"] == pytest.approx(1)


def test_finished_frames_are_kept_and_an_edit_keeps_those_before_it(tmp_path):
    clip = video(tmp_path / "dance.mp4", 6)
    given = (clip, "-o", tmp_path / "out.mp4", "--prompt", "a")
    assert run(tmp_path, *given) == 0
    whole, log = frames_in(tmp_path / "work" / "out"), tmp_path / "work" / "out" / "steps.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:3]))
    assert run(tmp_path, *given) == 0
    assert frames_in(tmp_path / "work" / "out") == whole


def test_a_failing_clip_is_told_at_the_end_and_stops_nothing(tmp_path, capsys):
    clips = [video(tmp_path / "a.mp4", 3), tmp_path / "broken.mp4", video(tmp_path / "c.mp4", 3)]
    clips[1].write_bytes(clips[0].read_bytes()[:3000])
    out = tmp_path / "out"
    assert run(tmp_path, *clips, "-o", out, "--prompt", "a", "--name", "{number}-{name}") == 2
    assert {path.name for path in out.iterdir()} == {"001-a.mp4", "003-c.mp4"}
    told = capsys.readouterr().out
    assert "2 done, 1 failed" in told and told.splitlines()[-1].count("broken.mp4") == 1
    before = (out / "001-a.mp4").stat().st_mtime_ns
    assert run(tmp_path, *clips, "-o", out, "--prompt", "a", "--name", "{number}-{name}", "--skip-finished") == 2
    assert "2 skipped, 1 failed" in capsys.readouterr().out
    assert (out / "001-a.mp4").stat().st_mtime_ns == before


def test_what_keeps_clips_from_being_drawn_is_told_before_any_is_drawn_and_once_a_reason(tmp_path, capsys):
    clips = [video(tmp_path / "a.mp4", 2), *(tmp_path / f"gone{n}.mp4" for n in range(5))]
    assert run(tmp_path, *clips, "-o", tmp_path / "out", "--prompt", "a") == 2
    told = capsys.readouterr()
    assert told.err.index("gone0.mp4") < told.err.index("a: frame") and "and 2 more: there is no such file" in told.err
    assert told.out.splitlines()[-1].startswith("  failed") and "1 done, 5 failed" in told.out


def test_a_result_of_another_clip_keeps_its_frames(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    clips = [video(tmp_path / "a.mp4", 2), video(tmp_path / "b.mp4", 3)]
    for clip, folder in zip(clips, ("one", "two"), strict=True):
        assert run(tmp_path, clip, "-o", tmp_path / folder / "out.mp4", "--prompt", "x") == 0
    assert len(frames_in(tmp_path / "work" / "out")) == 2
    [other] = (tmp_path / "work").glob("out-*")
    assert len(frames_in(other)) == 3
    assert run(tmp_path, clips[1], "-o", tmp_path / "two" / "out.mp4", "--prompt", "x") == 0
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_the_figures_of_coherence_are_said(tmp_path, capsys):
    assert run(tmp_path, video(tmp_path / "a.mp4", 3), "-o", tmp_path / "out.mp4", "--prompt", "x") == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("coherence")]
    assert "warp error" in line and "edges kept" in line
    assert run(tmp_path, tmp_path / "a.mp4", "-o", tmp_path / "out.mp4", "--prompt", "x", "--skip-finished") == 0
    assert "is there" in capsys.readouterr().out


def test_an_ending_may_have_no_dot_and_must_be_known(tmp_path, capsys):
    clip = video(tmp_path / "a.mp4", 2)
    assert run(tmp_path, clip, "-o", tmp_path / "out", "--prompt", "x", "--format", "mkv") == 0
    assert (tmp_path / "out" / "a.mkv").is_file()
    assert run(tmp_path, clip, "-o", tmp_path / "out", "--prompt", "x", "--format", "foo") == 2
    assert "no format ends in '.foo'" in capsys.readouterr().err


def test_no_frame_of_a_clip_at_uneven_times_is_lost_and_that_is_said(tmp_path, caplog):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for n, milliseconds in enumerate([0, 50, 100, 150, 200, 400, 600, 800]):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 30 * n, np.uint8), "rgb24")
            frame.pts, frame.time_base = milliseconds, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    arguments = ("-o", tmp_path / "out.mkv", "--prompt", "x", "--strength", "0", "--coherence", "none")
    assert run(tmp_path, tmp_path / "a.mkv", *arguments, generator="passthrough") == 0
    assert "uneven times; drawn 20 times a second" in caplog.text
    with VideoReader(tmp_path / "out.mkv") as made:
        shown = [(float(seconds), int(image[0, 0, 0])) for seconds, image in made]
    assert [min(t for t, level in shown if abs(level - 30 * n) < 6) for n in range(8)] == pytest.approx(
        [0, 0.05, 0.1, 0.15, 0.2, 0.4, 0.6, 0.8], abs=0.002
    )


def test_a_folder_of_pictures_is_a_clip_and_prompts_come_from_a_table(tmp_path):
    folder = tmp_path / "shots"
    folder.mkdir()
    for n in range(4):
        write_png(folder / f"{n}.png", picture(n))
    table = tmp_path / "p.json"
    table.write_text(json.dumps({"shots": {"0": "a", "2-2": "b"}}))
    assert run(tmp_path, folder, "-o", tmp_path / "out.mp4", "--prompts", table, "--fps", "12") == 0
    project = json.loads((tmp_path / "work" / "out" / "project.json").read_text())
    assert project["prompts"] == {"0": "a", "2": "b", "3": "a"} and project["fps"] == 12


def test_size_and_scale_change_the_size_and_nothing_else(tmp_path, capsys):
    clip = video(tmp_path / "a.mp4", 3)
    for arguments, size in ((("--scale", "0.5"), Size(50, 36)), (("--size", "40x40", "--fit", "fill"), Size(40, 40))):
        out = tmp_path / f"{size}.mkv"
        assert run(tmp_path, clip, "-o", out, "--prompt", "x", *arguments) == 0
        with VideoReader(out) as made:
            assert (made.info.size, made.info.count) == (size, 3)
    assert run(tmp_path, clip, "-o", out, "--prompt", "x", "--scale", "2", "--size", "40x40") == 2
    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--prompt", ""), "no prompt"),
        (("--prompt", "x", "--set", "prompts.9=y"), "beyond the last frame, 2"),
        (("--prompt", "x", "--set", "frames=5"), "the clip has 3"),
        (("--prompt", "x", "--set", "source.start=3"), "beyond the clip"),
        (("--prompt", "x", "--set", "cadence=2"), "no effect in mode stylize"),
        (("--prompt", "x", "--set", "camera.z=1"), "no effect in mode stylize"),
        (("--prompt", "x", "--control", "cany"), "Did you mean 'canny'"),
        (("--prompt", "x", "--control", "canny=much"), "no weight"),
        (("--prompt", "x", "--strength", "1.5"), "--strength: 1.5 is out of range"),
        (("--prompt", "x", "--control", "canny=3"), "--control canny.weight: 3 is out of range"),
        (("--prompt", "x", "--control", "canny:3"), "--control canny.weight: 3 is out of range"),
        (("--prompt", "x", "--name", "{number}"), "results in a folder"),
        (("--prompt", "x", "--format", ".mov"), "results in a folder"),
        (("--prompt", "x", "--noise", "flow", "--set", "seeds.behavior=iter"), "one seed"),
        (("--prompt", "x", "--set", "source.flow=diss"), "Did you mean 'dis'"),
        (("--prompt", "x", "--set", "stylize.smoth=1"), "smooth"),
    ],
)
def test_mistakes_are_told(tmp_path, capsys, arguments, told):
    clip = video(tmp_path / "a.mp4", 3)
    assert run(tmp_path, clip, "-o", tmp_path / "out.mp4", *arguments) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_several_clips_need_a_folder_and_names_of_their_own(tmp_path, capsys):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    clips = [video(tmp_path / folder / "a.mp4", 2) for folder in ("one", "two")]
    assert run(tmp_path, *clips, "-o", tmp_path / "out.mp4", "--prompt", "x") == 2
    assert "one file for 2 clips" in capsys.readouterr().err
    assert run(tmp_path, *clips, "-o", tmp_path / "out", "--prompt", "x") == 2
    assert "several clips would become" in capsys.readouterr().err
    assert run(tmp_path, *clips, "-o", tmp_path / "out", "--prompt", "x", "--name", "{folder}-{name}") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"one-a.mp4", "two-a.mp4"}


def test_a_size_that_a_format_cannot_hold_is_told_before_any_work(tmp_path, capsys):
    folder = tmp_path / "shots"
    folder.mkdir()
    for n in range(2):
        write_png(folder / f"{n}.png", picture(n, Size(91, 67)))
    assert run(tmp_path, folder, "-o", tmp_path / "out.mp4", "--prompt", "x") == 2
    assert "even sides" in capsys.readouterr().err and not (tmp_path / "work" / "out" / "frames").exists()
    assert run(tmp_path, folder, "-o", tmp_path / "out.mp4", "--prompt", "x", "--set", "export.0.fit=pad") == 0
    with VideoReader(tmp_path / "out.mp4") as made:
        assert made.info.size == Size(92, 68)
    assert run(tmp_path, folder, "-o", tmp_path / "out.mkv", "--prompt", "x") == 0
    with VideoReader(tmp_path / "out.mkv") as made:
        assert made.info.size == Size(91, 67)


def test_a_clip_is_never_written_over(tmp_path, capsys):
    clip = video(tmp_path / "a.mp4", 2)
    before = Path(clip).read_bytes()
    assert run(tmp_path, clip, "-o", clip, "--prompt", "x") == 2
    assert "written over" in capsys.readouterr().err and clip.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "steps", "cfg"),
    [((), 20, 7), (("--preset", "few-steps"), 4, 1), (("--preset", "few-steps", "--steps", "6"), 6, 1)],
)
def test_a_preset_says_steps_and_guidance_where_nobody_else_does(tmp_path, options, steps, cfg):
    run(tmp_path, video(tmp_path / "dance.mp4", 2), "-o", tmp_path / "out.mp4", "--prompt", "purple", *options)
    [kept] = (tmp_path / "work").rglob("project.json")
    sampling = parse(json.loads(kept.read_text()), "kept").project.sampling
    assert (sampling.get("steps", Sampling().steps), sampling.get("cfg", Sampling().cfg)) == (steps, cfg)


def test_temporal_sees_the_frame_before_moved_along_unless_it_is_told_otherwise(tmp_path):
    clip = video(tmp_path / "dance.mp4", 2)
    for name, options, source in (("a", (), "carried"), ("b", ("--set", "controls.0.source=previous"), "previous")):
        run(tmp_path, clip, "-o", tmp_path / f"{name}.mp4", "--prompt", "purple", "--control", "temporal=0.5", *options)
        [unit] = json.loads((tmp_path / "work" / name / "project.json").read_text())["controls"]
        assert (unit["source"], unit["weight"]) == (source, 0.5)

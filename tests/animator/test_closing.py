from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from animator.closers import Closer, delivered
from animator.closing import LoopRules, Ring, camera_closed, ring_weights
from animator.job import RenderJob
from animator.project import Project, parse
from animator.steps import Frame
from animator.timeline import Timeline
from core.devices import ModelPool
from core.errors import ProjectError
from core.image import Size
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from media.read import read_image

TOY = Project(
    size=Size(64, 48), frames=12, generator="noise", prompts={"0": "a", "6": "b"}, travel="blend",
    camera={"x": "0:(0.02*sin(2*pi*t/12))", "zoom": 1.01}, sampling={"denoise": 0.4}, coherence={"noise": 0.1},
    loop=LoopRules(over=4), export=(),
)  # fmt: skip


def frames_of(project, folder):
    job = RenderJob(project, folder, folder / "out", ModelPool())
    exhausted = list(job.run())
    return [frame.image for frame in exhausted]


def test_a_closed_loop_arrives_at_the_very_pictures_of_its_run_in(tmp_path):
    images = frames_of(TOY, tmp_path)
    assert len(images) == 16
    assert np.array_equal(images[15], images[3]) and not np.array_equal(images[12], images[0])


@pytest.mark.parametrize("cadence", [1, 2])
def test_steering_grows_evenly(tmp_path, cadence):
    images = frames_of(replace(TOY, cadence=cadence, loop=LoopRules(over=6)), tmp_path)
    apart = [np.abs(images[12 + n].astype(int) - images[n]).mean() for n in range(6)]
    assert apart[5] == 0 and apart[0] > apart[3] > 0


def test_a_loop_is_the_same_after_a_kill(tmp_path):
    whole = frames_of(TOY, tmp_path / "a") if (tmp_path / "a").mkdir() is None else []
    (tmp_path / "b").mkdir()
    run = RenderJob(TOY, tmp_path / "b", tmp_path / "b" / "out", ModelPool()).run()
    for _ in range(9):
        next(run)
    run.close()
    again = frames_of(TOY, tmp_path / "b")
    assert all(np.array_equal(one, other) for one, other in zip(whole, again, strict=True))


def test_the_numbers_and_words_of_a_loop_go_round():
    timeline = Timeline(TOY)
    assert len(timeline) == 16
    for n in range(4):
        early, late = timeline[n], timeline[12 + n]
        assert replace(early, index=0) == replace(late, index=0)


def test_prompts_of_a_loop_travel_from_the_last_to_the_first():
    words = [Timeline(TOY)[n + 4].prompt for n in range(12)]
    assert words[0] == (("a", 1.0),) and words[6] == (("b", 1.0),)
    assert words[9] == (("b", 0.5), ("a", 0.5))
    assert dict(words[11])["a"] == pytest.approx(5 / 6)


def test_prompts_before_the_first_key_come_from_the_last_one():
    late = replace(TOY, prompts={"3": "a", "9": "b"})
    assert dict(Timeline(late)[4].prompt) == {"b": 0.5, "a": 0.5}
    held = replace(late, travel="hold")
    assert Timeline(held)[4].prompt == (("b", 1.0),)


@pytest.mark.parametrize(("frames", "length"), [(16, 2), (48, 5), (120, 12)])
def test_grain_keeps_its_strength_and_its_likeness_goes_round(frames, length):
    weights = ring_weights(frames, length)
    assert np.square(weights).sum() == pytest.approx(1, abs=1e-3)
    alike = np.fft.irfft(np.abs(np.fft.rfft(weights)) ** 2, frames)
    assert alike[1] == pytest.approx(alike[-1]) and alike[1] == pytest.approx(np.exp(-1 / (2 * length**2)), abs=0.01)
    assert alike.min() > -1e-6


def test_the_noise_of_pictures_is_a_process_that_closes():
    """Unit variance at every frame, and a likeness that depends on the distance around the ring alone."""
    frames, length = 24, 3.0
    project = replace(TOY, frames=frames, loop=LoopRules(over=4, noise=length))
    timeline = Timeline(project)
    mixes = [timeline[4 + n].request(Size(64, 48)).noise for n in range(frames)]
    assert timeline[0].noise == timeline[frames].noise
    drawn = SeededNoise([NoiseSeed(0, mix=mix) for mix in mixes], (4, 40, 40)).initial().flatten(1).numpy()
    likeness = drawn @ drawn.T / drawn.shape[1]
    assert np.diag(likeness) == pytest.approx(1, abs=0.06)
    kernel = np.exp(-2 * np.sin(np.pi * np.arange(frames) / frames) ** 2 / (2 * np.pi * length / frames) ** 2)
    for n in range(frames):
        assert np.roll(likeness[n], -n) == pytest.approx(kernel, abs=0.08)


def test_noise_that_a_sampler_draws_closes_too():
    mix = Timeline(replace(TOY, frames=24, loop=LoopRules(over=4, noise=3.0)))[5].noise
    noise = SeededNoise([NoiseSeed(0, mix=mix)], (4, 32, 32))
    noise.initial()
    for drawn in (noise.white(2.0, 1.0), noise.brownian(2.0, 1.0)):
        assert float(drawn.std()) == pytest.approx(1, abs=0.05)


def test_slow_noise_makes_a_loop_whose_seam_is_a_step_like_any_other():
    mixes = [dict(Timeline(replace(TOY, frames=48, loop=LoopRules(over=6, noise=6.0)))[6 + n].noise) for n in range(48)]
    shared = [
        sum(one[seed] * other.get(seed, 0) for seed in one)
        for one, other in zip(mixes, mixes[1:] + mixes[:1], strict=True)
    ]
    assert shared == pytest.approx([shared[0]] * 48) and 0.95 < shared[0] < 1


def test_slow_grain_changes_little_from_frame_to_frame_and_over_the_seam():
    still = replace(TOY, camera={}, generator="passthrough", color=replace(TOY.color, match="none"), frames=24)
    seeds = [Timeline(replace(still, loop=LoopRules(over=4, grain=6)))[n].noise_seed for n in range(28)]
    assert seeds[0] == seeds[24] and len(seeds[0]) > 1


def test_a_closed_camera_comes_home():
    columns = Timeline(replace(TOY, camera={"x": 0.1, "roll": "0:(29)", "yaw": 31.0, "zoom": 1.02})).camera.columns()
    closed = camera_closed(columns)
    assert closed["x"].sum() == pytest.approx(0)
    assert closed["roll"].sum() == pytest.approx(360) and closed["yaw"].sum() == pytest.approx(360)
    assert closed["zoom"].prod() == pytest.approx(1)


def test_close_camera_acts_on_every_frame():
    project = replace(TOY, camera={"x": "0:(0.1), 11:(0.2)"}, loop=LoopRules(over=4, close_camera=True))
    timeline = Timeline(project)
    assert sum(timeline[n + 4].camera.x for n in range(12)) == pytest.approx(0)


@pytest.mark.parametrize(
    ("method", "over", "rendered"),
    [("closed", 4, 16), ("fade", 4, 16), ("flow-fade", 4, 16), ("gap", 4, 8), ("pingpong", 0, 7), ("pingpong", 1, 5)],
)
def test_every_method_delivers_the_length_of_the_loop(method, over, rendered):
    ring = Ring(method, 12, over)
    assert ring.rendered == rendered
    images = [np.full((2, 2, 3), 10 * n, np.uint8) for n in range(rendered)]
    frames = (Frame(n, image) for n, image in enumerate(images))
    closer = Closer.named("blend", {}, Fraction(24), ModelPool())
    outs = [out for _, completed in delivered(frames, ring, closer, lambda n: images[n]) for out in completed]
    assert [out.index for out in outs] == [*range(12)]
    shown = [int(out.image[0, 0, 0]) for out in outs]
    expected = {
        ("closed", 4): [*range(40, 160, 10)],
        ("fade", 4): [*range(40, 120, 10), 108, 88, 61, 41],
        ("flow-fade", 4): [*range(40, 120, 10), 108, 88, 61, 41],
        ("gap", 4): [10, 20, 30, 40, 50, 60, 65, 55, 35, 16, 5, 5],
        ("pingpong", 0): [0, 10, 20, 30, 40, 50, 60, 50, 40, 30, 20, 10],
        ("pingpong", 1): [0, 3, 10, 20, 30, 37, 40, 37, 30, 20, 10, 3],
    }[method, over]
    if method == "gap":  # runs there and back in even steps; where exactly depends on the pace
        assert shown[:6] == expected[:6] and max(np.abs(np.diff([*shown, shown[0]]))) < 30
    else:
        assert all(abs(one - other) <= 2 for one, other in zip(shown, expected, strict=True)), shown


def test_the_frames_of_a_gap_begin_with_the_numbers_of_the_loops_first():
    ring = Ring("gap", 48, 8)
    assert ring.run_in == 4 and ring.phases()[ring.run_in] == 0
    assert ring.rendered == 40 and ring.phases().tolist()[:4] == [44, 45, 46, 47]


@pytest.mark.parametrize("method", ["fade", "flow-fade", "gap", "pingpong"])
def test_a_project_renders_and_delivers_every_method(tmp_path, method):
    rules = LoopRules(method=method, over=1 if method == "pingpong" else 3)
    job = RenderJob(replace(TOY, loop=rules), tmp_path, tmp_path / "out", ModelPool())
    assert len(list(job.run())) == Ring.of(job.project).rendered
    assert (tmp_path / "out" / "untitled.report.json").is_file()


def parsed(**fields):
    return parse({"prompts": {"0": "a"}, "generator": "noise", **fields}, "test").project


def test_beats_give_the_number_of_frames():
    assert parsed(fps=24, loop={"beats": 16, "bpm": 120}).frames == 192
    assert parsed(fps=30, loop={"beats": 7, "bpm": 140}).frames == 90
    assert parsed(fps=24, frames=192, loop={"beats": 16, "bpm": 120}).frames == 192


def test_a_rate_that_is_not_given_is_one_at_which_beats_come_out_even():
    assert parsed(loop={"beats": 16, "bpm": 120}).fps == 15
    found = parsed(loop={"beats": 16, "bpm": 128})
    assert (found.fps, found.frames) == (24, 180)
    assert (parsed(loop={"beats": 7, "bpm": 140}).fps, parsed(loop={}).fps) == (15, 15)
    with pytest.raises(ProjectError, match=r"15 fps are 102\.857 frames"):
        parsed(loop={"beats": 16, "bpm": 140})


def test_beats_that_do_not_come_out_even_offer_the_exact_choices():
    with pytest.raises(ProjectError) as error:
        parsed(fps=30, loop={"beats": 16, "bpm": 140})
    text = str(error.value)
    assert "205.714 frames" in text
    assert "beats 14 (180 frames) or 21 (270 frames)" in text and "bpm 139.806 (206 frames)" in text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"loop": {"beats": 4}}, "loop.bpm: is missing"),
        ({"loop": {"bpm": 4}}, "loop.beats: is missing"),
        ({"fps": 24, "frames": 100, "loop": {"beats": 16, "bpm": 120}}, "Leave frames out"),
        ({"frames": 13, "loop": {"method": "pingpong"}}, "do not go there and back"),
        ({"frames": 12, "loop": {"method": "pingpong", "over": 3}}, "do not fit"),
        ({"loop": {"method": "gap", "model": "flaw"}}, "Did you mean 'flow'"),
        ({"loop": {"method": "fade", "model": "flow"}}, "makes no new frames"),
        ({"loop": {"method": "gap", "options": {"weights": "x.pt"}}}, "loop.options"),
        ({"frames": 12, "loop": {"over": 7}}, "more than half"),
        ({"frames": 13, "cadence": 3, "loop": {"over": 6}}, "no multiple of the cadence"),
        ({"frames": 12, "loop": {"over": 1}}, "no two generated"),
        ({"frames": 1, "loop": {}}, "more than half"),
        ({"frames": 12, "loop": {"grain": 3}, "color": {"look": "deforum"}}, "loop.grain"),
        ({"loop": {"noise": 4}, "seeds": {"behavior": "fixed"}}, "takes the place of seeds"),
        ({"loop": {"method": "round"}}, "loop.method"),
    ],
)
def test_what_cannot_loop_is_told_with_the_field(fields, told):
    with pytest.raises(ProjectError) as error:
        parsed(**fields)
    assert told in str(error.value)


def test_a_loop_survives_being_written():
    project = parsed(fps=Fraction(24).numerator, loop={"beats": 16, "bpm": 128, "over": 12} | {"bpm": 120})
    from animator.serialize import to_json

    assert parse(to_json(project), "again").project == project


def test_the_delivered_video_starts_with_the_frame_after_the_run_in(tmp_path):
    from animator.project import Export
    from media.video import open_video

    job = RenderJob(replace(TOY, export=(Export(),)), tmp_path, tmp_path / "out", ModelPool())
    list(job.run())
    with open_video(tmp_path / "out" / "untitled.mp4", Fraction(24)) as video:
        shown = [image for _, image in video]
    frames = [read_image(tmp_path / "out" / "frames" / f"{n:06d}.png").mean(2) for n in range(16)]
    apart = [np.abs(shown[0].mean(2) - frame).mean() for frame in frames]
    assert len(shown) == 12 and int(np.argmin(apart)) == 4

"""The sound of a project's loop."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from animator.closing import LoopRules, Ring
from animator.hearing import Audio
from animator.job import RenderJob
from animator.pace import InterpolateRules
from animator.project import Export, Project
from animator.sounding import gone_round, ring_sound
from core.devices import ModelPool
from core.image import Size
from media.sound import RATE, Soundtrack, read_sound, write_samples
from media.soundring import CLICK, SEAM
from tests.media.test_soundring import SMOOTH, clicks, tone

FPS, FRAMES = Fraction(24), 24  # a loop of a second
QUANTUM = 2 / 32767  # of samples in a file


def track(path, samples, **rules):
    write_samples(path / "sound.wav", samples)
    return Soundtrack(path / "sound.wav", **rules)


@pytest.mark.parametrize("method", ["closed", "fade", "flow-fade", "gap"])
@pytest.mark.parametrize("spare", [0, 0.013, 2])
def test_a_loop_sounds_as_long_as_it_is_and_without_a_click(tmp_path, method, spare):
    sound = tone(round((1 + spare) * RATE), 220.5).samples
    ring = ring_sound(track(tmp_path, sound), Ring(method, FRAMES, 4), FPS)
    assert ring.shape == (RATE, 2) and clicks(ring) < SMOOTH
    assert np.abs(ring[RATE // 6 :] - sound[RATE // 6 : RATE]).max() < QUANTUM


def test_a_sound_that_is_as_long_as_its_loop_keeps_its_beginning(tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, (RATE, 2)).astype(np.float32)
    ring = ring_sound(track(tmp_path, sound), Ring("fade", FRAMES, 6), FPS)
    assert np.abs(ring[CLICK:] - sound[CLICK:]).max() < QUANTUM


def test_a_sound_that_is_a_loop_itself_stays_what_it_is(tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, (RATE // 2, 2)).astype(np.float32)
    ring = ring_sound(track(tmp_path, sound, is_looped=True), Ring("flow-fade", FRAMES, 6), FPS)
    assert np.abs(ring - np.tile(sound, (2, 1))).max() < QUANTUM


def test_a_sound_that_ends_early_leaves_silence(tmp_path):
    ring = ring_sound(track(tmp_path, tone(RATE // 2).samples), Ring("closed", FRAMES, 4), FPS)
    assert len(ring) == RATE and not ring[RATE // 2 + SEAM :].any()


def test_sound_turns_with_the_pictures(tmp_path):
    ring = ring_sound(track(tmp_path, tone(RATE).samples), Ring("pingpong", FRAMES, 2), FPS)
    assert len(ring) == RATE and np.array_equal(ring, ring[::-1]) and clicks(ring) < SMOOTH


def test_what_is_no_loop_keeps_its_sound(tmp_path):
    sound = track(tmp_path, tone(RATE).samples)
    with gone_round(sound, None, FPS, tmp_path / "a.wav") as same:
        assert same is sound
    with gone_round(None, Ring("fade", FRAMES, 4), FPS, tmp_path / "a.wav") as none:
        assert none is None


@pytest.mark.parametrize("slow", [1, 2])
def test_exports_of_a_loop_go_round_with_their_sound(tmp_path, slow):
    write_samples(tmp_path / "sound.wav", tone(3 * RATE, 220.5).samples)
    rules = InterpolateRules("blend", slow=Fraction(slow), factor=Fraction(2), stretch_sound=slow > 1)
    project = Project(
        name="film", size=Size(64, 48), frames=12, fps=Fraction(24), generator="noise", prompts={"0": "a"},
        loop=LoopRules(method="fade", over=3), audio=Audio("sound.wav"), interpolate=rules,
        export=(Export(format="mkv"), replace(Export(format="mkv"), interpolate=False)),
    )  # fmt: skip
    list(RenderJob(project, tmp_path, tmp_path, ModelPool()).run())
    for name, seconds in (("film.mkv", slow * 0.5), ("film.2.mkv", 0.5)):
        samples, rate = read_sound(tmp_path / name)
        assert abs(len(samples) - seconds * rate) <= rate / 1000
        assert clicks(samples) < SMOOTH
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".scratch"]

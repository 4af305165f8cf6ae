from fractions import Fraction

import numpy as np
import pytest

from schedules.audio import BANDS, NAMES, RATE, heard
from schedules.schedule import Schedule

FPS = Fraction(24)


def seconds(length):
    return np.arange(round(length * RATE)) / RATE


def clicks(bpm, length=20.0, first=0.5):
    """Short bursts of noise at an even tempo."""
    sound = np.random.default_rng(0).normal(0, 1e-4, round(length * RATE))
    burst = np.random.default_rng(1).normal(0, 0.3, 600) * np.exp(-np.arange(600) / 120)
    for time in np.arange(first, length - 0.1, 60 / bpm):
        place = round(time * RATE)
        sound[place : place + 600] += burst
    return sound.astype(np.float32)


@pytest.mark.parametrize("bpm", [72, 90, 120, 128, 140, 174])
def test_the_tempo_of_clicks_is_found(bpm):
    assert heard(clicks(bpm)).bpm == pytest.approx(bpm, rel=0.01)


def groove(bpm, length=20.0, first=0.37):
    """Kick and snare on the beats in turn, a hat on every half."""
    random = np.random.default_rng(0)
    time = np.arange(4000) / RATE
    kick, snare = (
        0.8 * np.sin(2 * np.pi * 60 * time) * np.exp(-18 * time),
        random.normal(0, 0.4, 4000) * np.exp(-32 * time),
    )
    hat, sound = random.normal(0, 0.2, 4000) * np.exp(-88 * time), random.normal(0, 0.003, round(length * RATE))
    beats = np.arange(first, length - 0.8, 60 / bpm)
    for n, beat in enumerate(beats):
        for late, part in ((0.0, snare if n % 2 else kick), (0.0, hat), (30 / bpm, hat)):
            place = round((beat + late) * RATE)
            sound[place : place + part.size] += part
    return sound.astype(np.float32), beats


@pytest.mark.parametrize("bpm", [80, 100, 120, 133, 150, 160, 174, 200])
def test_a_groove_has_its_tempo_or_an_octave_of_it_but_never_two_thirds(bpm):
    found = heard(groove(bpm)[0]).bpm
    assert min(abs(found / (bpm * octave) - 1) for octave in (0.5, 1, 2)) < 0.01


@pytest.mark.parametrize("bpm", [60, 87, 120, 174])
def test_a_tempo_that_is_known_is_kept_and_its_beats_lie_on_the_sounds(bpm):
    sound, beats = groove(bpm)
    hearing = heard(sound, bpm)
    apart = hearing.beats[:, None] - beats
    nearest = apart[np.arange(len(apart)), np.abs(apart).argmin(1)]
    assert hearing.bpm == pytest.approx(bpm, rel=0.005)
    assert np.abs(nearest).max() < 0.015 and abs(nearest.mean()) < 0.005


@pytest.mark.parametrize("bpm", [100, 120, 128])
def test_a_sound_that_begins_on_the_beat_has_one_at_its_first_frame(bpm):
    series = heard(groove(bpm, first=0.0)[0]).over(48, FPS)
    assert series["beat"][0] > 0.95 and series["onset"][0] > 0.3
    assert series["beat"][:5].tolist() == sorted(series["beat"][:5], reverse=True)


def test_silence_has_no_beats_even_if_a_tempo_is_known():
    assert heard(np.zeros(RATE, np.float32), 120).beats.size == 0


def test_beats_lie_on_the_clicks():
    hearing = heard(clicks(120))
    expected = np.arange(0.5, 19.9, 0.5)
    nearest = np.abs(hearing.beats[:, None] - expected).min(1)
    assert len(hearing.beats) == pytest.approx(len(expected), abs=2)
    assert nearest.max() < 0.03


def test_beat_is_one_on_the_beat_and_falls_until_the_next():
    beat = heard(clicks(120)).over(240, FPS)["beat"]
    on = np.arange(12, 228, 12)
    assert beat[on].min() > 0.9
    assert np.all(np.diff(beat[24:35]) < 0) and beat[35] < 0.15
    assert beat[:11].max() == 0


def test_onset_is_strong_on_the_clicks_alone():
    onset = heard(clicks(120)).over(240, FPS)["onset"]
    near = np.minimum(np.arange(240) % 12, 11 - np.arange(240) % 12) <= 1
    assert onset[12:][near[12:]].max() > 0.5
    assert onset[~near].max() < 0.1
    assert all(onset[n - 1 : n + 2].max() > 0.2 for n in range(12, 228, 12))


@pytest.mark.parametrize(("pitch", "band"), [(60, "bass"), (300, "lowmid"), (1000, "mid"), (5000, "treble")])
def test_a_tone_is_heard_in_its_band(pitch, band):
    time = seconds(4)
    hearing = heard((0.5 * np.sin(2 * np.pi * pitch * time) * (time > 2)).astype(np.float32))
    series = hearing.over(96, FPS)
    assert series[band][60:84].min() > 0.8 and series[band][:40].max() < 0.05
    assert series["rms"][60:84].min() > 0.8


def test_start_moves_the_clip_into_the_sound():
    hearing = heard(clicks(120))
    early, late = hearing.over(240, FPS), hearing.over(216, FPS, start=1.0)
    for name in NAMES:
        assert np.allclose(early[name][24:], late[name], atol=1e-9)


def test_silence_and_what_lies_beyond_the_sound_are_zero():
    silent = heard(np.zeros(RATE, np.float32)).over(48, FPS)
    assert all(np.all(values == 0) for values in silent.values())
    short = heard(clicks(120, length=2.0)).over(240, FPS)
    assert all(np.all(short[name][60:] == 0) for name in ("rms", *BANDS, "onset"))
    assert heard(np.zeros(0, np.float32)).bpm == 0


def test_a_steady_tone_has_no_beat():
    hearing = heard((0.4 * np.sin(2 * np.pi * 220 * seconds(10))).astype(np.float32))
    assert hearing.over(48, FPS)["beat"].max() == 0 or hearing.beats.size < 4


def test_series_are_names_in_expressions():
    series = heard(clicks(120)).over(240, FPS)
    schedule = Schedule.parse("0:(1 + 0.05*bass + beat*onset + bpm/120)", 240, names=series)
    expected = 1 + 0.05 * series["bass"] + series["beat"] * series["onset"] + series["bpm"] / 120
    assert np.allclose(schedule.values(), expected)

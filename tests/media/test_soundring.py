import numpy as np
import pytest

from media.sound import RATE
from media.soundring import SEAM, Recording, bridged_round, cut_round, there_and_back

FRAME = RATE // 24


def tone(count, hertz=220.0):
    wave = np.sin(2 * np.pi * hertz * np.arange(count) / RATE).astype(np.float32)
    return Recording(np.stack([wave, 0.5 * wave], axis=1))


def clicks(ring):
    """The largest step from sample to sample, around the seam too."""
    return float(np.abs(np.diff(ring, axis=0, append=ring[:1])).max())


SMOOTH = 2 * np.pi * 220 / RATE * 1.5  # the steepest that a tone of this pitch gets, and half as much again


def test_a_recording_goes_back_and_forth_beyond_its_ends():
    sound = Recording(np.arange(4, dtype=np.float32)[:, None].repeat(2, 1))
    assert sound.between(-3, 7)[:, 0].tolist() == [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]


@pytest.mark.parametrize("over", [0, 6 * FRAME])
@pytest.mark.parametrize("spare", [0, 10 * FRAME])
def test_a_cut_ring_has_the_length_asked_for_and_no_click(over, spare):
    start, length = 5 * FRAME + 77, 30 * FRAME + 13
    sound = tone(start + length + spare)
    ring = cut_round(sound, start, length, over)
    assert ring.shape == (length, 2) and ring.dtype == np.float32
    assert clicks(ring) < SMOOTH
    faded = max(over, SEAM)
    assert np.array_equal(ring[faded:], sound.samples[start + faded : start + length])


def test_a_cut_without_fade_would_click():
    assert clicks(tone(30 * FRAME + 57).samples) > SMOOTH


def test_a_bridge_keeps_the_whole_sound_and_has_no_click():
    length, over, begin = 40 * FRAME + 11, 9 * FRAME, 3 * FRAME
    sound = tone(length)
    ring = bridged_round(sound, length, over, begin)
    assert len(ring) == length + over and clicks(ring) < SMOOTH
    assert np.array_equal(np.roll(ring, begin, axis=0)[:length], sound.samples)


@pytest.mark.parametrize("turn", [0, 2 * FRAME])
def test_there_and_back_is_the_same_from_both_sides(turn):
    sound = tone(20 * FRAME)
    ring = there_and_back(sound, 2 * (19 * FRAME + 2 * turn), turn)
    assert np.array_equal(ring, ring[::-1]) and clicks(ring) < SMOOTH
    assert np.array_equal(ring[turn : turn + 10 * FRAME], sound.samples[: 10 * FRAME])


def test_a_fade_keeps_the_loudness_of_noise():
    noise = Recording(np.random.default_rng(0).normal(0, 0.1, (60 * FRAME, 2)).astype(np.float32))
    ring = cut_round(noise, 0, 40 * FRAME, 20 * FRAME)
    assert np.sqrt(np.square(ring[: 20 * FRAME]).mean()) == pytest.approx(0.1, rel=0.05)

"""Sound in files."""

from fractions import Fraction

import av
import numpy as np
import pytest

from core.errors import MediaError
from media.sound import read_sound, sound_info

RATE = 48000


def tone(seconds=1.0, rate=RATE, hertz=440.0):
    """A click at every tenth of a second over a soft sine: float32, N x 2."""
    t = np.arange(round(seconds * rate)) / rate
    wave = 0.2 * np.sin(2 * np.pi * hertz * t)
    wave[:: rate // 10] = 0.9
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


def record_sound(path, samples, rate=RATE, codec="pcm_s16le", late=0):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", "stereo")
        frame.sample_rate, frame.pts = rate, late
        for block in av.AudioResampler(stream.format.name, "stereo", rate).resample(frame):
            container.mux(stream.encode(block))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mka", "pcm_f32le")])
def test_lossless_sound_comes_back_sample_by_sample(name, codec, tmp_path):
    path = record_sound(tmp_path / name, tone(), codec=codec)
    samples, rate = read_sound(path)
    assert (rate, samples.dtype, samples.shape) == (RATE, np.float32, tone().shape)
    assert np.abs(samples - tone()).max() < 1e-4
    assert sound_info(path).seconds in (Fraction(1), None)


def test_sound_is_resampled_and_mixed_on_request(tmp_path):
    samples, rate = read_sound(record_sound(tmp_path / "a.wav", tone()), 16000, mono=True)
    assert (rate, samples.shape) == (16000, (16000, 1))


def test_a_file_without_sound_is_refused(tmp_path):
    from tests.media.test_video import record

    path = record(tmp_path / "a.mp4")
    assert sound_info(path) is None
    with pytest.raises(MediaError, match="has no sound"):
        read_sound(path)


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000])
def test_what_is_no_sound_is_refused(content, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.wav"):
        read_sound(tmp_path / "a.wav")

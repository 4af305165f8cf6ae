"""H.264 in MP4."""

import resource
import signal
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest

from core.errors import MediaError
from core.image import Size
from media.exporters import mp4
from media.exporters.mp4 import Options
from media.video import VideoReader

SIZE, FPS, DEFAULTS = Size(192, 128), Fraction(30000, 1001), Options()


def smooth(t: int) -> np.ndarray:
    """Soft colours on the move."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    waves = [np.sin(x / 40 + t / 5), np.sin(y / 50 - t / 7), np.sin((x + y) / 60 + t / 9)]
    return np.round(128 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def save(path, images, options=DEFAULTS, text=None):
    with mp4.build(options, None).open(path, SIZE, FPS, text or {}) as write:
        for image in images:
            write(image)


def test_a_smooth_clip_comes_back_above_38_db(tmp_path):
    images = [smooth(t) for t in range(12)]
    save(tmp_path / "a.mp4", images)
    with VideoReader(tmp_path / "a.mp4") as video:
        errors = [np.mean((there.image.astype(float) - image) ** 2) for there, image in zip(video, images, strict=True)]
    assert 10 * np.log10(255**2 / max(errors)) > 38


def test_the_file_says_what_its_numbers_mean_and_starts_at_zero(tmp_path):
    save(tmp_path / "a.mp4", [smooth(t) for t in range(5)])
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        assert (stream.codec_context.name, frame.format.name) == ("h264", "yuv420p")
        assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)
        assert (stream.average_rate, frame.pts) == (FPS, 0)


def test_colours_stay_where_they_were(tmp_path):
    """The shift that explains best, in least squares, how the chroma that comes back differs."""
    image, middle = smooth(0), (slice(16, -16), slice(16, -16))
    save(tmp_path / "a.mp4", [image], Options(crf=1))
    with VideoReader(tmp_path / "a.mp4") as video:
        back = next(iter(video)).image
    chroma, returned = (each.astype(float) @ [-0.21, -0.72, 0.93] for each in (image, back))
    down, across = (slope[middle].ravel() for slope in np.gradient(chroma))
    shift, *_ = np.linalg.lstsq(np.stack([across, down], 1), (returned - chroma)[middle].ravel(), rcond=None)
    assert np.abs(shift).max() < 0.1


def test_the_index_stands_before_the_pictures(tmp_path):
    save(tmp_path / "a.mp4", [smooth(0)])
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_a_higher_crf_makes_a_smaller_file(tmp_path):
    images = list(np.random.default_rng(0).integers(0, 256, (3, SIZE.height, SIZE.width, 3), dtype=np.uint8))
    save(tmp_path / "fine.mp4", images)
    save(tmp_path / "coarse.mp4", images, Options(crf=40))
    assert (tmp_path / "coarse.mp4").stat().st_size < (tmp_path / "fine.mp4").stat().st_size / 2


@pytest.mark.parametrize("size", [Size(63, 64), Size(64, 63)])
def test_odd_sizes_are_refused_before_work_with_the_way_out(size, tmp_path):
    with pytest.raises(MediaError, match="64x64"):
        mp4.build(Options(), None).open(tmp_path / "a.mp4", size, FPS, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-5), Fraction(2**31), Fraction(23.976)])
def test_rates_that_cannot_be_kept_are_refused(fps):
    with pytest.raises(MediaError, match="frames per second"):
        mp4.build(Options(), None).check(SIZE, fps)


def test_no_frames_make_no_file(tmp_path):
    with pytest.raises(MediaError, match="no frame"):
        save(tmp_path / "a.mp4", [])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MediaError, match=r"nowhere.*No such file"):
        save(tmp_path / "nowhere" / "a.mp4", [smooth(0)])


@contextmanager
def small_disk():
    """The system refuses files over 4000 bytes, as a full disk refuses more; the test's own output, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_told_and_leaves_no_file(tmp_path):
    with pytest.raises(MediaError, match=r"a\.mp4.*cannot be written"), small_disk():
        save(tmp_path / "a.mp4", [smooth(t) for t in range(20)])
    assert not list(tmp_path.iterdir())


def test_long_texts_come_back_whole(tmp_path):
    from media.read import read_metadata

    project = "{" + "é\n\t\\" * 100_000 + "}"
    save(tmp_path / "a.mp4", [smooth(0)], text={"project": project, "Comment": "x"})
    assert read_metadata(tmp_path / "a.mp4")["project"] == project

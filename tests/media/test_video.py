"""Video as an iterator."""

from fractions import Fraction

import av
import numpy as np
import pytest

from core.errors import MediaError
from core.image import Size, is_image
from media.stills import write_png
from media.video import PictureReader, VideoReader, open_video

SIZE, TICK = Size(64, 48), Fraction(1, 24)


def record(path, pts=range(12), tick=TICK, size=SIZE, rotation=None):
    """A red corner at the top left; the whole picture grows lighter with each frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1 / tick)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv444p" if size.width % 2 else "yuv420p"
        stream.codec_context.time_base = tick
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for n, moment in enumerate(pts):
            image = np.full((size.height, size.width, 3), min(8 * n, 255), np.uint8)
            image[:16, :16] = (250, 0, 0)
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = moment, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path):
    with VideoReader(path) as video:
        return video.info, list(video)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi"])
def test_a_steady_video_is_told_as_such(suffix, tmp_path):
    info, frames = read(record(tmp_path / f"a.{suffix}"))
    assert (info.size, info.fps, info.is_variable, info.count) == (Size(64, 48), 24, False, 12)
    assert abs(info.seconds - Fraction(1, 2)) < Fraction(1, 500)
    assert all(is_image(frame.image) for frame in frames)
    brightness = [frame.image[20:].mean() for frame in frames]
    assert brightness == sorted(brightness)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_an_uneven_video_is_told_and_keeps_its_times(suffix, tmp_path):
    moments = [0, 1, 2, 5, 6, 12, 13, 20]
    info, frames = read(record(tmp_path / f"a.{suffix}", moments))
    assert info.is_variable
    assert abs(info.fps - Fraction(7 * 24, 20)) < Fraction(1, 20)
    assert [round(frame.seconds * 24) for frame in frames] == moments


def test_one_dropped_frame_makes_a_video_uneven(tmp_path):
    assert read(record(tmp_path / "a.mp4", [n for n in range(40) if n != 20]))[0].is_variable


def test_time_starts_at_the_first_frame(tmp_path):
    _, frames = read(record(tmp_path / "a.mp4", range(100, 105)))
    assert [frame.seconds for frame in frames] == [n * TICK for n in range(5)]


def test_every_loop_starts_at_the_first_frame(tmp_path):
    with VideoReader(record(tmp_path / "a.mp4")) as video:
        first = next(iter(video))
        again = list(video)
    assert len(again) == 12
    assert np.array_equal(first.image, again[0].image)


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_pictures_stand_upright_as_the_file_says(rotation, corner, tmp_path):
    info, frames = read(record(tmp_path / "a.mp4", rotation=rotation))
    assert info.size == Size.of(frames[0].image) == (Size(48, 64) if rotation % 180 else Size(64, 48))
    red = frames[0].image[corner[0] * 8, corner[1] * 8]
    assert red[0] > 200 > 60 > red[1]


def test_odd_sizes_are_read(tmp_path):
    info, frames = read(record(tmp_path / "a.mp4", size=Size(51, 37)))
    assert info.size == Size.of(frames[0].image) == Size(51, 37)


def test_sound_alone_is_refused(tmp_path):
    with pytest.raises(MediaError, match="has sound but no pictures"):
        read(sound(tmp_path / "a.m4a"))


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000])
def test_what_is_no_video_is_refused(content, tmp_path):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.mp4: cannot be opened"):
        read(tmp_path / "a.mp4")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MediaError, match="No such file"):
        read(tmp_path / "a.mp4")


def test_a_video_without_frames_is_refused(tmp_path):
    with pytest.raises(MediaError, match=r"a\.mkv"):
        read(record(tmp_path / "a.mkv", []))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_video_that_breaks_off_is_refused(share, tmp_path):
    from media.exporters.mp4 import Mp4, Options

    path, random = tmp_path / "a.mp4", np.random.default_rng(0)
    with Mp4(Options(preset="ultrafast")).open(path, Size(64, 64), Fraction(24), {}) as write:
        for _ in range(12):
            write(random.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(MediaError, match=r"breaks off|damaged"):
        read(path)


def pictures(folder, names, size=(4, 6)):
    for n, name in enumerate(names):
        write_png(folder / name, np.full((*size, 3), n, np.uint8))


def test_a_folder_is_a_video_in_the_order_of_its_numbers(tmp_path):
    pictures(tmp_path, ["f1.png", "f10.png", "f9.png", "f2.png"])
    (tmp_path / "notes.txt").write_text("no picture")
    with open_video(tmp_path, Fraction(10)) as video:
        assert (video.info.size, video.info.fps, video.info.count) == (Size(6, 4), 10, 4)
        assert video.info.seconds == Fraction(2, 5)
        assert [(frame.seconds * 10, frame.image[0, 0, 0]) for frame in video] == [(0, 0), (1, 3), (2, 2), (3, 1)]


def test_a_pattern_is_a_video_of_the_pictures_it_matches(tmp_path):
    pictures(tmp_path, ["a1.png", "b1.png", "a2.png"])
    with open_video(tmp_path / "a*.png", Fraction(10)) as video:
        assert [frame.image[0, 0, 0] for frame in video] == [0, 2]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    with open_video(record(tmp_path / "a[1].mp4"), Fraction(10)) as video:
        assert isinstance(video, VideoReader)


@pytest.mark.parametrize("pattern", ["", "*.png", "nowhere/*.png"])
def test_no_pictures_are_refused(pattern, tmp_path):
    with pytest.raises(MediaError, match="no pictures here"), PictureReader(tmp_path / pattern, Fraction(10)):
        pass


def test_a_picture_of_another_size_is_refused_by_name(tmp_path):
    pictures(tmp_path, ["a.png"])
    pictures(tmp_path, ["b.png"], size=(5, 5))
    with pytest.raises(MediaError, match=r"b\.png: is 5x5"), open_video(tmp_path, Fraction(10)) as video:
        list(video)

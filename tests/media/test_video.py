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


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_time_starts_at_the_first_frame(suffix, tmp_path):
    _, frames = read(record(tmp_path / f"a.{suffix}", range(96, 101)))
    assert [round(frame.seconds, 2) for frame in frames] == [round(n * TICK, 2) for n in range(5)]


def test_every_loop_starts_at_the_first_frame(tmp_path):
    with VideoReader(record(tmp_path / "a.mp4")) as video:
        first = next(iter(video))
        again = list(video)
    assert len(again) == 12
    assert np.array_equal(first.image, again[0].image)


def test_a_bare_stream_of_pictures_is_read_as_often_as_asked(tmp_path):
    (tmp_path / "bare.h264").write_bytes(_bare(record(tmp_path / "a.mp4")))
    with VideoReader(tmp_path / "bare.h264") as video:
        assert video.info.count == 12
        assert video.info.seconds == 12 / video.info.fps
        assert [len(list(video)) for _ in range(3)] == [12] * 3


def _bare(path):
    """The pictures of an MP4 without a container."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        filter_ = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        return b"".join(bytes(kept) for packet in container.demux(stream) for kept in filter_.filter(packet))


def test_pixels_that_are_not_square_are_told(tmp_path, caplog):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.sample_aspect_ratio = Fraction(2)
        container.mux(stream.encode(av.VideoFrame(*SIZE, "yuv420p")))
        container.mux(stream.encode())
    for _ in range(3):
        read(tmp_path / "a.mp4")
    assert caplog.text.count("not square (2)") == 1


def test_a_loop_left_halfway_spoils_no_other(tmp_path):
    with VideoReader(record(tmp_path / "a.mp4")) as video:
        for n, _ in enumerate(video):
            if n == 5:
                break
        times = [[round(24 * frame.seconds) for frame in frames] for frames in (video, video.glimpses(), video.rgba())]
    assert times == [list(range(12))] * 3


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


@pytest.mark.parametrize(("content", "told"), [(b"", "is empty"), (b"rubbish" * 1000, "cannot be opened")])
def test_what_is_no_video_is_refused(content, told, tmp_path):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=rf"a\.mp4: {told}"):
        read(tmp_path / "a.mp4")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MediaError, match="No such file"):
        read(tmp_path / "a.mp4")


def test_a_video_without_frames_is_refused(tmp_path):
    with pytest.raises(MediaError, match=r"a\.mkv"):
        read(record(tmp_path / "a.mkv", []))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_video_that_breaks_off_is_refused(share, tmp_path):
    from media.exporters import mp4
    from media.exporters.mp4 import Options

    path, random = tmp_path / "a.mp4", np.random.default_rng(0)
    with mp4.build(Options(preset="ultrafast"), None).open(path, Size(64, 64), Fraction(24), {}) as write:
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


def test_a_picture_is_a_video_of_one_frame(tmp_path):
    pictures(tmp_path, ["a[1].png", "b.png"])
    with open_video(tmp_path / "a[1].png", Fraction(10)) as video:
        assert (video.info.count, video.info.size, len(list(video))) == (1, Size(6, 4), 1)


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
    with pytest.raises(MediaError, match=r"b\.png: is 5x5"), open_video(tmp_path, Fraction(10)):
        pass


def ramp(n: int, size=SIZE) -> np.ndarray:
    """Opacity rises from left to right; the colour tells the frame."""
    image = np.full((size.height, size.width, 4), (200, 8 * n, 60, 255), np.uint8)
    image[..., 3] = np.linspace(0, 255, size.width).round().astype(np.uint8)
    return image


def record_alpha(path, codec, pixels, count=4):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixels
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(ramp(n), "rgba").reformat(format=pixels)
            frame.pts, frame.time_base = n, TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mkv", "ffv1", "bgra"),
        ("b.mov", "qtrle", "argb"),
        ("a.webp", "libwebp_anim", "bgra"),
        ("a.apng", "apng", "rgba"),
    ],
)
def test_opacity_is_read_where_there_is_any(name, codec, pixels, tmp_path):
    with open_video(record_alpha(tmp_path / name, codec, pixels), Fraction(24)) as video:
        assert (video.info.has_alpha, video.info.count, video.info.size) == (True, 4, SIZE)
        frames, over_black = list(video.rgba()), list(video)
    assert [round(frame.seconds * 24) for frame in frames] == [0, 1, 2, 3]
    assert all(np.abs(frame.image[..., 3].astype(int) - ramp(0)[..., 3]).max() <= 8 for frame in frames)
    assert all(is_image(frame.image) for frame in over_black)
    assert over_black[0].image[:, 2].mean() < 12 < 60 < over_black[0].image[:, -2].mean()


def test_an_opaque_file_is_opaque(tmp_path):
    with VideoReader(record(tmp_path / "a.mp4")) as video:
        assert not video.info.has_alpha
        assert all((image[..., 3] == 255).all() for _, image in video.rgba())


def record_levels(path, levels, transfer):
    """Gray of each 10-bit luma level, one a frame, in BT.2020."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p10le"
        codec = stream.codec_context
        codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = 9, transfer, 9, 1
        for n, level in enumerate(levels):
            planes = [
                np.full((SIZE.height, SIZE.width), level),
                *[np.full((SIZE.height // 2, SIZE.width // 2), 512)] * 2,
            ]
            flat = np.concatenate([plane.ravel() for plane in planes]).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(flat.reshape(-1, SIZE.width), "yuv420p10le")
            frame.pts, frame.time_base = n, TICK
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, transfer, 9, 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_ten_bits_become_eight(tmp_path):
    _, frames = read(record_levels(tmp_path / "a.mkv", [64, 502, 940], 1))
    assert [frame.image[5, 5].tolist() for frame in frames] == [[0] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize(("transfer", "name", "white"), [(16, "pq", 573), (18, "hlg", 721)])
def test_hdr_is_told_and_toned_down(transfer, name, white, tmp_path, caplog):
    """White is 203 nits by BT.2408: 58 % of PQ, 75 % of HLG; what is brighter stays apart from it."""
    info, frames = read(record_levels(tmp_path / "a.mkv", [64, (64 + white) // 2, white, white + 60, 940], transfer))
    assert info.dynamic_range == name
    assert "HDR" in caplog.text
    grays = [int(frame.image[5, 5, 1]) for frame in frames]
    assert grays == sorted(set(grays))
    assert grays[0] == 0 and 215 <= grays[2] <= 245 and grays[4] >= 250


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_a_file_that_states_only_its_length_breaks_off_too(suffix, tmp_path):
    path, random = tmp_path / f"a.{suffix}", np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=24, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(24):
            noise = random.integers(0, 256, (SIZE.height, SIZE.width, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, "rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match="breaks off"):
        read(path)


def test_one_frame_is_a_video(tmp_path):
    info, frames = read(record(tmp_path / "a.mp4", [0]))
    assert (info.count, info.is_variable, len(frames)) == (1, False, 1)
    assert info.seconds == 1 / info.fps > 0

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import MediaError, UserError
from core.image import Size
from motion.depth import REGISTRY, saved
from tests.motion.pictures import hills, noise

SIZE = Size(24, 16)
PICTURE = noise(SIZE)
RAMP = np.linspace(0, 65535, SIZE.width * SIZE.height).reshape(SIZE.height, SIZE.width).astype(np.uint16)


def depth_of(path, frame=0, picture=PICTURE, **options):
    estimator = REGISTRY.build("file", {"path": str(path), **options}, pool=ModelPool())
    return estimator.estimate(picture, frame)


def write_exr(path, channels):
    openexr = pytest.importorskip("OpenEXR")
    openexr.File({"type": openexr.scanlineimage}, channels).write(str(path))


def write_video(path, levels, *, codec="ffv1", pixels="gray16le"):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, pixels
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((SIZE.height, SIZE.width), level, np.uint16), format="gray16le")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode())


def test_what_was_saved_is_read_back(tmp_path):
    depth = hills(SIZE)
    cv2.imwrite(str(tmp_path / "000000.png"), saved(depth))
    np.testing.assert_allclose(depth_of(tmp_path), depth, rtol=1e-3)


@pytest.mark.parametrize(("bits", "levels"), [(8, (RAMP >> 8).astype(np.uint8)), (16, RAMP)])
def test_levels_as_depth_go_from_near_to_far(tmp_path, bits, levels):
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    expected = 2 + levels / (2**bits - 1) * (6 - 2)
    np.testing.assert_allclose(depth_of(tmp_path, values="depth", near=2, far=6), expected, rtol=1e-5)


def test_levels_as_inverse_are_far_when_black_and_near_when_white(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), RAMP)
    depth = depth_of(tmp_path, values="inverse", near=2, far=6)
    assert depth[0, 0] == pytest.approx(6)
    assert depth[-1, -1] == pytest.approx(2)


def test_disparity_is_stretched_in_each_frame(tmp_path):
    np.save(tmp_path / "a.npy", 3 + RAMP / 1000)
    depth = depth_of(tmp_path, values="disparity", near=1, far=10)
    assert (depth.min(), depth.max()) == pytest.approx((1, 10))
    assert depth[0, 0] > depth[-1, -1]


def test_numbers_as_depth_are_distances_times_the_scale(tmp_path):
    distance = hills(SIZE) * 40
    np.save(tmp_path / "a.npy", distance)
    np.testing.assert_allclose(depth_of(tmp_path, values="depth", scale=1 / 40), distance / 40, rtol=1e-5)


def test_infinitely_far_is_very_far(tmp_path):
    distance = hills(SIZE)
    distance[0, 0] = np.inf
    np.save(tmp_path / "a.npy", distance)
    depth = depth_of(tmp_path, values="depth")
    assert np.isfinite(depth).all()
    assert depth[0, 0] == depth.max() > 1e5


@pytest.mark.parametrize("wrong", [0, -1, np.nan])
def test_what_cannot_be_a_distance_is_refused_with_its_frame(tmp_path, wrong):
    distance = hills(SIZE)
    np.save(tmp_path / "0.npy", distance)
    distance[3, 3] = wrong
    np.save(tmp_path / "1.npy", distance)
    with pytest.raises(MediaError, match="frame 1"):
        depth_of(tmp_path, 1, values="depth")


@pytest.mark.parametrize(
    "channels",
    [
        {"Z": hills(SIZE)},
        {"Y": hills(SIZE)},
        {"RGB": np.repeat(hills(SIZE)[..., None], 3, axis=2)},
        {"ViewLayer.Depth.Z": hills(SIZE), "ViewLayer.Combined.R": RAMP.astype(np.float32)},
        {"Z": hills(SIZE).astype(np.float16)},
    ],
)
def test_exr_depth_is_found_in_its_channel(tmp_path, channels):
    write_exr(tmp_path / "z_0001.exr", channels)
    np.testing.assert_allclose(depth_of(tmp_path, values="depth"), hills(SIZE), rtol=1e-3)


def test_exr_without_depth_is_refused(tmp_path):
    write_exr(tmp_path / "z_0001.exr", {"A": hills(SIZE)})
    with pytest.raises(MediaError, match="channels"):
        depth_of(tmp_path)


@pytest.mark.parametrize(("codec", "pixels", "atol"), [("ffv1", "gray16le", 1e-4), ("libx264", "yuv420p", 0.02)])
def test_video_is_read_frame_by_frame_forward_and_back(tmp_path, codec, pixels, atol):
    write_video(tmp_path / "depth.mkv", [0, 20000, 40000, 65535], codec=codec, pixels=pixels)
    options = {"path": str(tmp_path / "depth.mkv"), "values": "depth", "near": 1, "far": 2}
    estimator = REGISTRY.build("file", options, pool=ModelPool())
    found = {frame: estimator.estimate(PICTURE, frame).mean() for frame in (0, 1, 1, 3, 2, 0)}
    expected = {0: 1, 1: 1 + 20000 / 65535, 2: 1 + 40000 / 65535, 3: 2}
    assert found == pytest.approx(expected, abs=atol)


def test_video_that_is_too_short_names_the_frame(tmp_path):
    write_video(tmp_path / "depth.mkv", [0, 1, 2])
    with pytest.raises(MediaError, match="frame 3: the video has 3 frames"):
        depth_of(tmp_path / "depth.mkv", 3)


def test_sequence_that_is_too_short_names_the_frame(tmp_path):
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"z{n}.png"), RAMP)
    with pytest.raises(MediaError, match="frame 3: only 3 there"):
        depth_of(tmp_path, 3)


def constants(folder, names):
    for n, name in enumerate(names):
        np.save(folder / name, np.full((4, 4), n + 1.0))


def test_files_are_ordered_by_their_numbers(tmp_path):
    constants(tmp_path, ["z9.npy", "z10.npy", "z11.npy"])
    assert [depth_of(tmp_path, n, values="depth").mean() for n in range(3)] == pytest.approx([1, 2, 3])


@pytest.mark.parametrize("pattern", ["z_%04d.npy", "z_*.npy", "z_000[123].npy"])
def test_patterns_choose_files(tmp_path, pattern):
    constants(tmp_path, ["z_0001.npy", "z_0002.npy", "z_0003.npy", "other_0001.npy"])
    assert depth_of(tmp_path / pattern, 2, values="depth").mean() == pytest.approx(3)
    with pytest.raises(MediaError, match="only 3"):
        depth_of(tmp_path / pattern, 3)


def test_hidden_files_and_folders_are_no_pictures(tmp_path):
    constants(tmp_path, ["z_0001.npy", "._z_0001.npy"])
    (tmp_path / "z_0002.npy").mkdir()
    with pytest.raises(MediaError, match="only 1"):
        depth_of(tmp_path, 1)


def test_a_number_left_out_is_named(tmp_path):
    constants(tmp_path, ["z_0001.npy", "z_0002.npy", "z_0004.npy"])
    with pytest.raises(MediaError, match="number 3"):
        depth_of(tmp_path)


def test_mixed_formats_are_refused(tmp_path):
    constants(tmp_path, ["z_0001.npy"])
    cv2.imwrite(str(tmp_path / "z_0002.png"), RAMP)
    with pytest.raises(MediaError, match=r"\.npy, \.png"):
        depth_of(tmp_path)


def test_links_out_of_the_folder_are_refused(tmp_path):
    constants(tmp_path, ["secret.npy"])
    (tmp_path / "pass").mkdir()
    (tmp_path / "pass" / "0.npy").symlink_to(tmp_path / "secret.npy")
    with pytest.raises(MediaError, match="link"):
        depth_of(tmp_path / "pass")


def test_depth_has_the_size_of_the_image(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), RAMP)
    for size in (Size(48, 32), Size(11, 7), Size(100, 5)):
        assert depth_of(tmp_path, picture=noise(size)).shape == (size.height, size.width)


def test_identity_follows_content_and_options_but_not_the_place(tmp_path):
    for name in ("here", "there", "other"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "0.npy", hills(SIZE, seed=int(name == "other")))

    def identity(name, **options):
        return REGISTRY.build("file", {"path": str(tmp_path / name), **options}, pool=ModelPool()).identity

    assert identity("here") == identity("there")
    assert len({identity("here"), identity("other"), identity("here", far=50), identity("here", scale=2)}) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b"no picture"),
        ("a.npy", b"no array"),
        ("a.exr", b"no exr"),
        ("a.mp4", b"no video"),
        ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x10\x00\x00\x00\x00"),
    ],
)
def test_rubbish_is_a_media_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=name):
        depth_of(tmp_path / name)


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(MediaError):
        depth_of(tmp_path)


def test_coloured_pictures_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), PICTURE)
    with pytest.raises(MediaError, match="coloured"):
        depth_of(tmp_path)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"path": ""}, "path"),
        ({"near": 0}, "near"),
        ({"near": 5, "far": 5}, "far"),
        ({"scale": 0}, "scale"),
        ({"values": "metres"}, "values"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options, field):
    with pytest.raises(UserError, match=field):
        depth_of(**{"path": tmp_path, **options})


@pytest.mark.parametrize("path", ["nothing", "nothing/*.png", "nothing.mp4", "empty"])
def test_nothing_there_is_a_media_error(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="no depth pictures"):
        depth_of(tmp_path / path)

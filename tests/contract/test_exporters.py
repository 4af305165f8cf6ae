"""What every exporter promises."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.errors import MediaError
from core.image import Image, Size
from media.exporters import REGISTRY, Exporter
from media.read import read_metadata
from media.video import TimedImage, VideoInfo, open_video

SIZE, FPS, COUNT = Size(96, 64), Fraction(24), 11
COLORS = ((250, 20, 20), (20, 230, 40), (30, 40, 240), (128, 128, 128), (5, 5, 5), (250, 250, 250), (200, 90, 30))
TEXT = {"project": '{"name": "prüfung", "prompts": {"0": "a \\"quoted\\" 日本\\n"}}'}

VIDEOS = [name for name in REGISTRY.names() if name != "filmstrip"]  # which is one picture
EXACT = {"mp4", "prores", "dxv", "hap", "png", "exr"}  # the others count whole hundredths or thousandths of a second
FEW_COLORS = {"gif": 8, "hap": 8, "dxv": 8, "webp": 6}  # levels by which colours may be off
every_exporter = pytest.mark.parametrize("name", VIDEOS)


def slack(name: str) -> Fraction:
    """Seconds by which a time may be off."""
    return Fraction(0) if name in EXACT else Fraction(1, 100)


def flat(n: int, size: Size = SIZE) -> Image:
    return np.full((size.height, size.width, 3), COLORS[n % len(COLORS)], np.uint8)


def exporter(name: str) -> Exporter:
    built: Exporter = REGISTRY.build(name, {}, pool=None)
    return built


def written(folder: Path, name: str, fps: Fraction = FPS, count: int = COUNT) -> Path:
    chosen = exporter(name)
    path = folder / f"clip{chosen.suffix}"
    with chosen.open(path, SIZE, fps, TEXT) as write:
        for n in range(count):
            write(flat(n))
    return path


def decoded(path: Path, fps: Fraction = FPS) -> tuple[VideoInfo, list[TimedImage]]:
    with open_video(path, fps) as video:
        return video.info, list(video)


def content(path: Path) -> list[bytes]:
    """Of a file, or of all files in a folder."""
    return [found.read_bytes() for found in (sorted(path.iterdir()) if path.is_dir() else [path])]


@every_exporter
def test_every_frame_comes_back_once_at_its_time(name, tmp_path):
    info, frames = decoded(written(tmp_path, name))
    assert (info.size, info.count) == (SIZE, COUNT)
    assert abs(info.fps / FPS - 1) <= slack(name) and info.is_variable <= (name == "gif")
    assert abs(info.seconds - COUNT / FPS) <= slack(name)
    assert len(frames) == COUNT and frames[0].seconds == 0
    assert all(abs(frame.seconds - n / FPS) <= slack(name) for n, frame in enumerate(frames))


@every_exporter
def test_colours_come_back_within_a_few_levels(name, tmp_path):
    _, frames = decoded(written(tmp_path, name))
    for n, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - flat(n)).max() <= FEW_COLORS.get(name, 2), (
            f"frame {n}, {COLORS[n % len(COLORS)]}"
        )


@every_exporter
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(25, 2), Fraction(1), Fraction(240)])
def test_rates_are_kept(name, fps, tmp_path):
    if name == "gif" and fps > 50:
        pytest.skip("refused, see its own tests")
    info, frames = decoded(written(tmp_path, name, fps), fps)
    assert abs(info.fps / fps - 1) <= 5 * slack(name)
    assert abs(frames[-1].seconds - (COUNT - 1) / fps) <= slack(name)


@every_exporter
def test_one_frame_makes_a_file(name, tmp_path):
    info, frames = decoded(written(tmp_path, name, count=1))
    assert info.count == len(frames) == 1


@every_exporter
def test_texts_come_back(name, tmp_path):
    if not exporter(name).keeps_text:
        pytest.skip("holds none")
    path = written(tmp_path, name)
    assert read_metadata(path)["project"] == TEXT["project"]


@every_exporter
def test_the_same_frames_give_the_same_bytes(name, tmp_path):
    assert content(written(tmp_path, name)) == content(written(tmp_path, name))


@every_exporter
def test_a_block_that_raises_leaves_what_was_there(name, tmp_path):
    chosen = exporter(name)
    path = tmp_path / f"clip{chosen.suffix}"
    if chosen.pictures:
        path.mkdir()
    older = path / f"000000{chosen.pictures}" if chosen.pictures else path
    older.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt), chosen.open(path, SIZE, FPS, {}) as write:
        write(flat(0))
        raise KeyboardInterrupt
    assert older.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


@every_exporter
def test_what_is_not_of_its_kind_is_not_replaced(name, tmp_path):
    chosen = exporter(name)
    path = tmp_path / f"clip{chosen.suffix}"
    path.mkdir()
    (path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(MediaError, match="something else of that name"):
        chosen.open(path, SIZE, FPS, {})
    assert (path / "holiday.jpg").read_bytes() == b"mine"


@every_exporter
def test_the_name_appears_with_the_whole_file(name, tmp_path):
    chosen = exporter(name)
    path = tmp_path / f"clip{chosen.suffix}"
    with chosen.open(path, SIZE, FPS, {}) as write:
        for n in range(COUNT):
            write(flat(n))
            assert not path.exists()
    assert path.exists()


@every_exporter
def test_opacity_is_kept_or_left_out(name, tmp_path):
    image = np.dstack([flat(3), np.full((SIZE.height, SIZE.width), 255, np.uint8)])
    image[:, : SIZE.width // 2, 3] = 0
    chosen = exporter(name)
    path = tmp_path / f"clip{chosen.suffix}"
    with chosen.open(path, SIZE, FPS, {}) as write:
        for n in range(COUNT):
            image[-1, -1, 0] = n  # WebP keeps equal frames as one
            write(image.copy())
    with open_video(path, FPS) as video:
        seen = next(iter(video.rgba())).image[..., 3]
    assert seen[:, -8:].min() >= 250
    assert (seen[:, :8].max() <= 5) == chosen.keeps_alpha

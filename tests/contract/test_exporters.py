"""What every exporter promises."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.image import Image, Size
from media.exporters import REGISTRY, Exporter
from media.read import read_metadata
from media.video import TimedImage, VideoInfo, open_video

SIZE, FPS, COUNT = Size(96, 64), Fraction(24), 11
COLORS = ((250, 20, 20), (20, 230, 40), (30, 40, 240), (128, 128, 128), (5, 5, 5), (250, 250, 250), (200, 90, 30))
TEXT = {"project": '{"name": "prüfung", "prompts": {"0": "a \\"quoted\\" 日本\\n"}}'}

every_exporter = pytest.mark.parametrize("name", REGISTRY.names())


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


@every_exporter
def test_every_frame_comes_back_once_at_its_time(name, tmp_path):
    info, frames = decoded(written(tmp_path, name))
    assert (info.size, info.fps, info.is_variable, info.count) == (SIZE, FPS, False, COUNT)
    assert info.seconds == COUNT / FPS
    assert [frame.seconds for frame in frames] == [n / FPS for n in range(COUNT)]


@every_exporter
def test_colours_come_back_within_two_levels(name, tmp_path):
    _, frames = decoded(written(tmp_path, name))
    for n, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - flat(n)).max() <= 2, f"frame {n}, {COLORS[n % len(COLORS)]}"


@every_exporter
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(25, 2), Fraction(1), Fraction(240)])
def test_rates_are_kept_exactly(name, fps, tmp_path):
    info, frames = decoded(written(tmp_path, name, fps), fps)
    assert info.fps == fps
    assert frames[-1].seconds == (COUNT - 1) / fps


@every_exporter
def test_one_frame_makes_a_file(name, tmp_path):
    info, frames = decoded(written(tmp_path, name, count=1))
    assert info.count == len(frames) == 1


@every_exporter
def test_texts_come_back(name, tmp_path):
    path = written(tmp_path, name)
    assert read_metadata(path)["project"] == TEXT["project"]


@every_exporter
def test_the_same_frames_give_the_same_bytes(name, tmp_path):
    assert written(tmp_path, name).read_bytes() == written(tmp_path, name).read_bytes()


@every_exporter
def test_a_block_that_raises_leaves_what_was_there(name, tmp_path):
    chosen = exporter(name)
    path = tmp_path / f"clip{chosen.suffix}"
    path.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt), chosen.open(path, SIZE, FPS, {}) as write:
        write(flat(0))
        raise KeyboardInterrupt
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


@every_exporter
def test_the_name_appears_with_the_whole_file(name, tmp_path):
    chosen = exporter(name)
    path = tmp_path / f"clip{chosen.suffix}"
    with chosen.open(path, SIZE, FPS, {}) as write:
        for n in range(COUNT):
            write(flat(n))
            assert not path.exists()
    assert path.exists()

"""Decoding and encoding 1080p H.264: our reader and writer beside the FFmpeg program of imageio-ffmpeg.

python -m benchmarks.video [FRAMES] [ROUNDS]

Both take turns and the middle of all rounds counts, as other work on the machine comes and goes.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

from core.image import Image, Size
from media.exporters import mp4
from media.exporters.mp4 import Options
from media.video import VideoReader

SIZE, FPS = Size(1920, 1080), Fraction(30)
PRESET, CRF, THREADS = "medium", 20, 2
BUDGET = 0.8  # of FFmpeg's speed
DEFAULTS = 90, 5  # frames, rounds


def picture(n: int, ground: Image) -> Image:
    """A textured ground that moves, with a disc on it."""
    image = np.roll(ground, (3 * n, 5 * n), axis=(0, 1)).copy()
    cv2.circle(image, (200 + 11 * n % 1500, 540), 120, (240, 180, 40), -1)
    return image


def source(path: Path, frames: int) -> None:
    """The video that both take."""
    rough = np.random.default_rng(0).normal(size=(SIZE.height, SIZE.width, 3)).astype(np.float32)
    soft = cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 6), None, 10, 245, cv2.NORM_MINMAX)
    ground = np.asarray(soft + np.random.default_rng(1).normal(0, 2, soft.shape), np.float32).clip(0, 255)
    with mp4.build(Options(crf=14, preset="veryfast"), None).open(path, SIZE, FPS, {}) as write:
        for n in range(frames):
            write(picture(n, ground.astype(np.uint8)))


def ours(path: Path, out: Path) -> None:
    """Through arrays of pictures, and checked."""
    writer = mp4.build(Options(crf=CRF, preset=PRESET, threads=THREADS), None)
    with VideoReader(path) as video, writer.open(out, video.info.size, video.info.fps, {}) as write:
        for _, image in video:
            write(image)


def theirs(path: Path, out: Path) -> None:
    """The same command line; its pictures never become RGB."""
    threads = ["-threads", str(THREADS)]
    quality = ["-preset", PRESET, "-crf", str(CRF), "-bf", "0", "-x264-params", "mbtree=0"]
    coding = ["-c:v", "libx264", *quality, *threads, "-movflags", "+faststart"]
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-y", *threads, "-i", str(path), *coding, str(out)]
    subprocess.run(command, check=True)


def main() -> None:
    """Prints frames per second of both, in turns, and how they compare."""
    given = [int(word) for word in sys.argv[1:]]
    frames, rounds = [*given, *DEFAULTS[len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.mp4"
        source(path, frames)
        runs = [[timed(act, path, Path(folder) / "out.mp4") for act in (ours, theirs)] for _ in range(rounds)]
    (own, their), (own_work, their_work) = np.median(runs, axis=0).T
    ratio = np.median([its[0] / mine[0] for mine, its in runs])
    print(f"{SIZE} {PRESET}, {THREADS} threads, {frames} frames, middle of {rounds} runs: ours {frames / own:.1f}, "
          f"ffmpeg {frames / their:.1f} frames/s, ratio {ratio:.2f} (budget {BUDGET:g} or more)")  # fmt: skip
    print(f"processor time of a frame: ours {own_work / frames:.3f} s, ffmpeg {their_work / frames:.3f} s")


def timed(act: Callable[[Path, Path], None], path: Path, out: Path) -> tuple[float, float]:
    """Seconds that a run takes, and that processors compute for it."""
    start, worked = time.perf_counter(), processor_time()
    act(path, out)
    return time.perf_counter() - start, processor_time() - worked


def processor_time() -> float:
    """Seconds that this process and the programs it has called have computed."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()

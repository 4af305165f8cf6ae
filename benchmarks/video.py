"""Decoding and encoding 1080p H.264: our reader and writer beside the FFmpeg program of imageio-ffmpeg.

python -m benchmarks.video [FRAMES]
"""

import resource
import subprocess
import sys
import tempfile
import time
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
ROUNDS = 2


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
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.mp4"
        source(path, frames)
        best: dict[str, float] = {}
        work: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, act in {"ours": ours, "ffmpeg": theirs}.items():
                start, worked = time.perf_counter(), processor_time()
                act(path, Path(folder) / f"{name}.mp4")
                best[name] = max(best.get(name, 0), frames / (time.perf_counter() - start))
                work[name] = min(work.get(name, float("inf")), (processor_time() - worked) / frames)
    speeds = ", ".join(f"{name} {speed:.1f} frames/s" for name, speed in best.items())
    print(f"{SIZE} {PRESET}, {THREADS} threads, {frames} frames: {speeds}, "
          f"ratio {best['ours'] / best['ffmpeg']:.2f} (budget {BUDGET:g} or more)")  # fmt: skip
    print(f"processor time of a frame: ours {work['ours']:.2f} s, ffmpeg {work['ffmpeg']:.2f} s")


def processor_time() -> float:
    """Seconds that this process and the programs it has called have computed."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()

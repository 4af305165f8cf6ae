"""What writing a PNG costs, beside other writers: `python -m benchmarks.stills [PICTURE]`."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from core.image import Image, Size, resized
from media.read import read_image
from media.stills import write_png

SIDE = 512  # pixels
BUDGET = 8.0  # milliseconds
RUNS = 20


def measured(name: str, write: Callable[[Path], object]) -> None:
    """Prints the best wall time and the size of the file."""
    with tempfile.TemporaryDirectory() as folder:
        path, times = Path(folder) / "a.png", []
        for _ in range(RUNS):
            start = time.perf_counter()
            write(path)
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name:24} {min(times):6.2f} ms {path.stat().st_size / 1024:7.0f} KiB")


def picture() -> Image:
    """The picture named on the command line, else soft blobs with a little grain."""
    if len(sys.argv) > 1:
        return resized(read_image(Path(sys.argv[1])), Size(SIDE, SIDE))
    random = np.random.default_rng(0)
    rough = cv2.GaussianBlur(random.normal(size=(SIDE, SIDE, 3)).astype(np.float32), (0, 0), 12)
    soft = cv2.normalize(rough, None, 10, 245, cv2.NORM_MINMAX)
    return np.asarray(np.clip(soft + random.normal(scale=2, size=soft.shape), 0, 255).astype(np.uint8))


def main() -> None:
    """Prints one line a writer."""
    image = picture()
    swapped = np.ascontiguousarray(image[..., ::-1])
    print(f"{SIDE}x{SIDE}; budget {BUDGET:g} ms")
    for level in range(4):
        measured(f"ours, level {level}", lambda path, level=level: write_png(path, image, {}, level))
    for level in (1, 3):
        options = [cv2.IMWRITE_PNG_COMPRESSION, level]
        measured(f"OpenCV, level {level}", lambda path, options=options: cv2.imwrite(str(path), swapped, options))
        measured(
            f"Pillow, level {level}",
            lambda path, level=level: PIL.Image.fromarray(image).save(path, compress_level=level),
        )


if __name__ == "__main__":
    main()

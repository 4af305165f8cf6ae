"""What a warp costs, beside one plain cv2.remap and torch's grid_sample: `python -m benchmarks.warp`."""

import statistics
import time
from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import torch
from torch.nn.functional import grid_sample

from core.image import DepthMap, Image
from motion.camera import CameraMove, Geometry, Lens
from motion.depth import equalized, saved
from motion.resample import BORDERS, FILTERS
from motion.warp2d import warp2d
from motion.warp3d import displaced, seen, warp3d

SIDE = 512  # pixels
BUDGET = 8.0  # milliseconds for one bicubic warp, 2 cores
RUNS = 50
MOVE = CameraMove(x=0.01, y=0.005, z=0.01, roll=1, pitch=0.5, yaw=0.3, zoom=1.02, flip_tilt=2)
GEOMETRIES: tuple[Geometry, ...] = ("true", "deforum")


def report(name: str, work: Callable[[], object]) -> None:
    """Prints median and best wall time of `work`."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    print(f"{name:40} {statistics.median(times):7.2f} ms median, {min(times):7.2f} ms best")


def scene() -> tuple[Image, DepthMap]:
    """Soft colours and soft hills from 1 to 2."""
    rough = np.random.default_rng(0).random((SIDE, SIDE, 4), dtype=np.float32)
    soft = cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 8), None, 0, 1, cv2.NORM_MINMAX)
    return (255 * soft[..., :3]).astype(np.uint8), np.ascontiguousarray(1 + soft[..., 3])


def floors(image: Image, depth: DepthMap) -> None:
    """What one resampling costs with the coordinates given."""
    x, y = displaced(depth, MOVE, Lens())
    for sampling, filter_ in FILTERS.items():
        report(
            f"floor: cv2.remap {sampling}", lambda f=filter_: cv2.remap(image, x, y, f, borderMode=BORDERS["border"])
        )
    levels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    grid = torch.from_numpy(np.stack([(2 * x + 1) / SIDE - 1, (2 * y + 1) / SIDE - 1], -1))[None]
    for sampling in FILTERS:
        work = lambda s=sampling: grid_sample(levels, grid, s, "border", align_corners=False)  # noqa: E731
        report(f"torch grid_sample {sampling}", work)


def main() -> None:
    """Prints one line per path."""
    image, depth = scene()
    print(f"{SIDE}x{SIDE}, {cv2.getNumThreads()} threads; budget of a bicubic warp {BUDGET:g} ms")
    floors(image, depth)
    ways = [*product(("bicubic",), BORDERS), *product(("bilinear", "nearest"), ("border",))]
    for geometry, (sampling, border) in product(GEOMETRIES, ways):
        kind = {"geometry": geometry, "sampling": sampling, "border": border}
        name = f"{geometry} {sampling} {border}"
        report(f"2D {name}", lambda k=kind: warp2d(image, MOVE, **k))
        report(f"3D {name}", lambda k=kind: warp3d(image, depth, MOVE, Lens(), **k))
    for geometry in GEOMETRIES:
        kind = {"geometry": geometry, "sampling": "bicubic", "border": "border", "flip": True}
        report(f"2D {geometry} bicubic border, flipped", lambda k=kind: warp2d(image, MOVE, **k))
        report(f"3D {geometry} bicubic border, flipped", lambda k=kind: warp3d(image, depth, MOVE, Lens(), **k))
    report("coordinates, true", lambda: seen(depth, MOVE, Lens()))
    report("coordinates, deforum", lambda: displaced(depth, MOVE, Lens()))
    report("depth equalized", lambda: equalized(depth))
    report("depth saved", lambda: saved(depth))


if __name__ == "__main__":
    main()

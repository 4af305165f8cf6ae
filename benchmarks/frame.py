"""All work outside the networks for one frame, and its share of a render with the embedded model.

python -m benchmarks.frame
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from animator.coherence import Coherence, CoherenceRules, conditioned, remembered_palette
from animator.job import RenderJob
from animator.project import Project
from core.devices import ModelPool
from core.hashing import array_fingerprint
from core.image import Image, Size
from media.stills import write_png
from motion.camera import CameraMove, Lens
from motion.warp2d import warp2d
from motion.warp3d import warp3d

RUNS = 40
SIDE = 512
NUMBERS = Coherence(noise=0.05, sharpen=0.2)
WARP = {"border": "border", "sampling": "bicubic"}


def milliseconds(act: Callable[[], object]) -> tuple[float, float]:
    """Least and median wall time of one call."""
    act()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1000)
    return min(times), float(np.median(times))


def picture(side: int) -> Image:
    """Smooth clouds with grain: neither the best nor the worst case of compression."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [127 + 90 * np.sin(7 * x * (c + 1) + 5 * y) * np.cos(4 * y * (3 - c)) for c in range(3)]
    return np.clip(np.stack(waves, -1) + rng.normal(0, 3, (side, side, 3)), 0, 255).astype(np.uint8)


def frame_work(folder: Path) -> None:
    """The budget: 40 ms in 3D, 30 ms in 2D, at 512 x 512 on two cores."""
    image = picture(SIDE)
    y = np.linspace(1, 2, SIDE, dtype=np.float32)
    depth = np.repeat(y[:, None], SIDE, 1)
    move = CameraMove(x=0.003, z=0.01, yaw=0.3, roll=0.5, zoom=1.01)
    rules = CoherenceRules(match="lab", noise_kind="perlin")
    palette_of = remembered_palette(rules)

    def conditioned_and_stored(moved: Image) -> None:
        write_png(folder / "a.png", conditioned(moved, NUMBERS, rules, palette_of(image), 7))
        array_fingerprint(moved)

    def flat() -> None:
        conditioned_and_stored(warp2d(image, move, geometry="true", **WARP))

    def deep() -> None:
        conditioned_and_stored(warp3d(image, depth, move, Lens(), geometry="true", **WARP))

    for name, budget, act in (("3D frame", 40, deep), ("2D frame", 30, flat)):
        least, median = milliseconds(act)
        figures = f"{least:6.1f} ms least, {median:6.1f} ms median (budget {budget})"
        print(f"{name} {SIDE}x{SIDE} outside the networks: {figures}")


class Clocked:
    """A generator that adds up the time it takes."""

    def __init__(self, inner: object) -> None:
        self.inner, self.seconds = inner, 0.0
        self.window, self.identity = inner.window, inner.identity

    def generate(self, requests: object) -> list[Image]:
        """The inner generator's pictures."""
        start = time.perf_counter()
        images = self.inner.generate(requests)
        self.seconds += time.perf_counter() - start
        return images


def share(folder: Path, mode: str, camera: dict[str, float]) -> None:
    """The budget: at most 10 % of a mini render at 256 x 256, 8 steps, lies outside the generator."""
    project = Project(
        name="share", size=Size(256, 256), frames=25, mode=mode, prompts={"0": "mountains at sunset"},
        camera=camera, sampling={"steps": 8, "denoise": 0.99}, coherence={"noise": 0.02, "sharpen": 0.1},
    )  # fmt: skip
    job = RenderJob(project, folder, folder / mode, ModelPool())
    clock = Clocked(job.mode.generation.generator)
    job.__dict__["mode"] = replace(job.mode, generation=replace(job.mode.generation, generator=clock))
    frames = job.run()
    next(frames)  # loads the models
    clock.seconds, start = 0.0, time.perf_counter()
    count = sum(1 for _ in frames)
    seconds = time.perf_counter() - start
    outside = seconds - clock.seconds
    print(f"mini 256x256, 8 steps, {mode}: {count / seconds:.2f} frames/s, {outside / seconds:.1%} outside", end=" ")
    print(f"the generator (budget 10 %), {1000 * outside / count:.0f} ms a frame", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        frame_work(Path(made))
        share(Path(made), "depth", {"z": 0.01})
        share(Path(made), "flat", {"zoom": 1.01})

"""All work outside the networks with everything on: `python -m benchmarks.hybrid`.

Hybrid video with optical flow, checked there and back, and a difference mask; cadence 3 whose pictures meet by flow; an
inpainting mask and a noise mask; colours matched before and after generation; noise, contrast and sharpening.
"""

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from animator.job import RenderJob
from animator.project import parse
from animator.steps import Carry
from core.devices import ModelPool
from core.image import Image
from media.stills import write_png

SIDE, FRAMES = 512, 19  # pixels; the first step is left out, as it reads and measures more
BUDGET = 150  # milliseconds a frame, on two cores
EVERYTHING = {
    "size": [SIDE, SIDE],
    "frames": FRAMES,
    "seed": 1,
    "generator": "passthrough",
    "prompts": {"0": "a"},
    "camera": {"x": 0.004, "roll": 0.4, "zoom": 1.01},
    "warp": {"geometry": "deforum", "sampling": "bilinear"},
    "sampling": {"denoise": 0.4},
    "cadence": 3,
    "color": {"match": "lab", "match_result": True, "look": "deforum"},
    "coherence": {"noise": 0.065, "contrast": 1.02, "sharpen": 0.2},
    "feedback": {"flow_cadence": "dis"},
    "video": {"file": "clip"},
    "hybrid": {"composite": "normal", "motion": "flow", "consistent": True, "mask": "difference", "equalize": "after"},
    "mask": {"video": {"file": "mask.png"}, "noise": "!{video_mask}"},
    "export": [],
}


def blobs(seed: int, blur: float) -> Image:
    """Soft coloured blobs over the whole range of levels."""
    rough = np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(rough, (0, 0), blur), None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def main() -> None:
    """Prints the time of a frame."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "clip").mkdir()
        for frame in range(FRAMES):
            write_png(folder / "clip" / f"{frame:03d}.png", np.roll(blobs(2, 6), 4 * frame, axis=1), {})
        mask = np.zeros((SIDE, SIDE, 3), np.uint8)
        mask[100:400, 100:400] = 255
        write_png(folder / "mask.png", mask, {})
        project = parse(EVERYTHING, "benchmark", folder=folder).project
        job = RenderJob(project, folder, folder / "out", ModelPool())
        carry, times = Carry(), []
        for step in job.steps:
            wall, processor = time.perf_counter(), time.process_time()
            images, carry = job.mode.run(step, carry)
            spent = time.perf_counter() - wall, time.process_time() - processor
            times.append(1000 * np.array(spent) / len(images))
        (least, processor), (median, _) = np.min(times[1:], axis=0), np.median(times[1:], axis=0)
        print(f"everything on, {SIDE}x{SIDE}, {cv2.getNumThreads()} threads, a frame (budget {BUDGET} ms):")
        print(f"  {least:.0f} ms least, {median:.0f} ms median, {processor:.0f} ms of processor time")


if __name__ == "__main__":
    main()

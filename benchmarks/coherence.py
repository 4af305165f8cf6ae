"""What conditioning the carried picture costs: `python -m benchmarks.coherence`."""

import statistics
import time
from collections.abc import Callable
from itertools import product

import cv2
import numpy as np

from animator.coherence import Coherence, CoherenceRules, ColorReference, color_matched, conditioned
from core.image import Image

SIDE = 512  # pixels
BUDGET = 18.0  # milliseconds for everything together, "true" look, 2 cores
RUNS = 30


def milliseconds(work: Callable[[], object]) -> str:
    """Median and best wall time of `work`."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return f"{statistics.median(times):6.2f} ms median, {min(times):6.2f} ms best"


def picture(seed: int) -> Image:
    """Soft coloured blobs over the whole range of levels."""
    rough = np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 8), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8))


def main() -> None:
    """Prints one line per part and look."""
    image, target = picture(0), picture(1)
    parts = {
        "nothing": Coherence(),
        "noise": Coherence(noise=0.065),
        "contrast": Coherence(contrast=1.05),
        "unsharp": Coherence(sharpen=0.1),
        "all, with LAB match": Coherence(noise=0.065, contrast=1.05, sharpen=0.1),
    }
    print(f"{SIDE}x{SIDE}, {cv2.getNumThreads()} threads; budget of all together {BUDGET:g} ms")
    for look, space in product(("true", "deforum"), ("lab", "hsv", "rgb")):
        rules = CoherenceRules(match=space, look=look)
        reference = ColorReference.of(target, rules)
        print(f"{look:8} {'match ' + space:22}", milliseconds(lambda ref=reference: color_matched(image, ref)))
    for look, (name, numbers) in product(("true", "deforum"), parts.items()):
        rules = CoherenceRules(look=look)
        reference = ColorReference.of(target, rules) if name.startswith("all") else None
        work = lambda n=numbers, r=rules, ref=reference: conditioned(image, n, r, ref, 7)  # noqa: E731
        print(f"{look:8} {name:22}", milliseconds(work))


if __name__ == "__main__":
    main()

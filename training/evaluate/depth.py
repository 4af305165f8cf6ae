"""Gates of the depth model, on held-out painted scenes whose depth is known exactly."""

import time
from collections.abc import Iterator

import numpy as np

from core.image import Size
from core.seeds import derive
from motion.depth.mini import MiniDepth
from training.evaluate.pictures import Finding
from training.mini.depth import spoilt
from training.mini.model import MiniModel
from training.mini.samples import drawn, redrawn
from training.painter.briefs import LAYOUTS, SUBJECTS, brief
from training.painter.compose import scene
from training.painter.theatre import Shot, view

PAIRS = 2000  # of each picture
CLEAR = 1.15  # pairs count when one of the two is this much farther


def findings(model: MiniDepth, count: int = 45) -> Iterator[Finding]:
    """Share of pairs of pixels whose order in depth is right, for clean and spoilt pictures; time; steadiness."""
    clean, rough, moved = [], [], []
    for number in range(count):
        seed = derive(number, "held-out depth")
        draw = np.random.default_rng(seed)
        painted = scene(brief(seed, SUBJECTS[number % len(SUBJECTS)], LAYOUTS))
        seen = view(painted, Size(256, 256), Shot(draw.uniform(-0.1, 0.1), 0, draw.uniform(0, 0.15)))
        if seen.depth.max() < CLEAR * seen.depth.min():
            continue
        given = model.estimate(seen.image, 0)
        clean.append(order_right(given, seen.depth, draw))
        rough.append(order_right(model.estimate(spoilt(seen.image, draw), 0), seen.depth, draw))
        noisy = np.clip(seen.image + draw.normal(0, 2, seen.image.shape), 0, 255).astype(np.uint8)
        moved.append(float(np.median(np.abs(model.estimate(noisy, 0) / given - 1))))
    yield Finding("depth order right, painted pictures", float(np.mean(clean)), ">= 0.9")
    yield Finding("depth order right, spoilt pictures", float(np.mean(rough)), ">= 0.9")
    yield Finding("depth change of a static picture with new noise", float(np.mean(moved)), "<= 0.03")
    yield Finding("milliseconds at 256 x 256 on one core", _milliseconds(model), "<= 25")


def in_feedback(model: MiniDepth, drawer: MiniModel, frames: int = 24) -> Finding:
    """How much depth changes from frame to frame while a resting camera redraws what it shows."""
    prompts = ("ocean at sunset with sun", "mountains at day, snow", "forest at day")
    images, changes = drawn(drawer, prompts, range(len(prompts))), []
    before = [model.estimate(image, 0) for image in images]
    for frame in range(frames):
        seeds = range(frame * len(prompts), (frame + 1) * len(prompts))
        images = redrawn(drawer, images, prompts, seeds, strength=0.4)
        now = [model.estimate(image, 0) for image in images]
        changes += [float(np.median(np.abs(one / other - 1))) for one, other in zip(now, before, strict=True)]
        before = now
    return Finding("depth change in a feedback render at rest", float(np.mean(changes)), "<= 0.03")


def order_right(given: np.ndarray, true: np.ndarray, draw: np.random.Generator) -> float:
    """Share of clearly different random pairs of pixels that both maps put in the same order."""
    first, second = draw.integers(0, true.size, (2, PAIRS))
    ratio = np.log(true.ravel()[first] / true.ravel()[second])
    clear = np.abs(ratio) > np.log(CLEAR)
    found = np.log(given.ravel()[first] / given.ravel()[second])
    return float(np.mean(np.sign(found[clear]) == np.sign(ratio[clear])))


def _milliseconds(model: MiniDepth) -> float:
    image = np.zeros((256, 256, 3), np.uint8)
    model.estimate(image, 0)
    start = time.process_time()
    for frame in range(10):
        model.estimate(image, frame)
    return (time.process_time() - start) * 100

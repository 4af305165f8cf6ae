"""Gates of the embedded ControlNets: each control is followed better than chance, by figures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from core.devices import ModelPool
from core.image import FlowField, Image, Mask, to_float
from core.seeds import derive
from diffusion.backends import Generator, stills
from diffusion.controls import Given, canny, depth, temporal
from diffusion.hints import Hint
from diffusion.request import ControlImage, ImageRequest, Sampling
from motion.depth import DepthEstimator
from motion.fields import agreement, warped
from training.evaluate.depth import order_right
from training.evaluate.pictures import Finding
from training.mini.samples import NATIVE
from training.painter.briefs import LAYOUTS, SUBJECTS, Brief, brief
from training.painter.captions import caption
from training.painter.compose import scene
from training.painter.theatre import Scene, Shot, View, flow, view

PICTURES = 18  # of each kind
STEPS, GUIDANCE = 12, 4.0
NEAR = 2  # pixels between two edges that count as the same
EDGES = canny.Canny(canny.Options())
FIRST = 2**24  # of the seeds, none of which was trained on
FRAMES, FPS = 8, 12  # of a clip, and a second
CLIPS = ("ocean", "mountains", "forest")


@dataclass(frozen=True, slots=True)
class Sitter:
    """A painted picture that hints are taken from."""

    seen: View
    prompt: str


@dataclass(frozen=True, slots=True)
class Draughtsman:
    """Draws with the embedded model."""

    generator: Generator

    @classmethod
    def of(cls, model: str) -> "Draughtsman":
        """Who draws with a model."""
        return cls(stills.build(stills.Options(model), ModelPool()))

    def drawn(
        self, prompt: str, seed: int, controls: Sequence[ControlImage], init: Image | None = None, denoise: float = 1.0
    ) -> Image:
        """One picture of the native size."""
        sampling = Sampling(steps=float(STEPS), cfg=GUIDANCE, denoise=denoise)
        request = ImageRequest(((prompt, 1.0),), "", NATIVE, seed, "DPM++ 2M", sampling, init, controls=tuple(controls))
        return self.generator.generate([request])[0]


def canny_findings(artist: Draughtsman, network: Path, count: int = PICTURES) -> Iterator[Finding]:
    """How many of the hint's edges are drawn, with the network and without."""

    def hint(sitter: Sitter) -> Hint:
        return EDGES.hint(Given(sitter.seen.image))

    def judged(picture: Image, sitter: Sitter) -> float:
        return edge_score(picture, sitter.seen.image)

    yield from _compared("canny: F-score of the edges", artist, network, hint, judged, count)


def depth_findings(
    artist: Draughtsman, network: Path, estimator: DepthEstimator, count: int = PICTURES
) -> Iterator[Finding]:
    """How often of two points the right one is nearer, with the network and without."""
    relief = depth.Depth(depth.Options())
    draw = np.random.default_rng(1)

    def hint(sitter: Sitter) -> Hint:
        return relief.hint(Given(sitter.seen.image, depth=lambda image: estimator.estimate(image, 0)))

    def judged(picture: Image, sitter: Sitter) -> float:
        return order_right(estimator.estimate(picture, 0), sitter.seen.depth, draw)

    yield from _compared("depth: order of clearly different points", artist, network, hint, judged, count)


def temporal_findings(artist: Draughtsman, network: Path, subjects: Sequence[str] = CLIPS) -> Iterator[Finding]:
    """How much changes from frame to frame besides the motion, at new noise for each frame, with and without."""
    errors: dict[str, list[float]] = {"with": [], "carried": [], "without": []}
    edges: dict[str, list[float]] = {"with": [], "carried": [], "without": []}
    for number, subject in enumerate(subjects):
        clip = Clip.of(subject, FIRST + number)
        for name, found in errors.items():
            frames = clip.stylized(artist, network if name != "without" else None, carries=name == "carried")
            found.append(clip.warp_error(frames))
            edges[name].append(float(np.mean([_sharpness(frame) for frame in frames])))
    alone = float(np.mean(errors["without"]))
    for name, title in (("with", "frame before"), ("carried", "frame before, moved along")):
        value = float(np.mean(errors[name]))
        yield Finding(f"temporal ({title}): warp error x 1000", 1000 * value, f"below {1000 * alone:.3f}, that without")
        kept = float(np.mean(edges[name]) / np.mean(edges["without"]))
        yield Finding(f"temporal ({title}): edge strength against that without", kept, "about 1: not by blur")


@dataclass(frozen=True, slots=True)
class Clip:
    """A painted scene seen by a camera that moves, with its exact motion."""

    scene: Scene
    shots: tuple[Shot, ...]
    views: tuple[View, ...]
    prompt: str

    @classmethod
    def of(cls, subject: str, seed: int) -> "Clip":
        """FRAMES frames of a subject."""
        asked = brief(seed, subject, LAYOUTS)
        shots = tuple(Shot(0.012 * n - 0.05, 0.0, 0.008 * n, n / FPS) for n in range(FRAMES))
        made = scene(asked)
        return cls(made, shots, tuple(view(made, NATIVE, shot) for shot in shots), _prompt(asked, seed))

    def back(self, frame: int) -> tuple[FlowField, Mask]:
        """Where a frame's pixels were in the frame before, and where that is to be believed."""
        here, before = self.shots[frame], self.shots[frame - 1]
        there = flow(self.scene, self.views[frame], here, before)
        return there, agreement(there, flow(self.scene, self.views[frame - 1], before, here))

    def stylized(self, artist: Draughtsman, network: Path | None, *, carries: bool) -> list[Image]:
        """Each frame redrawn at 0.6 with noise of its own; steered by the frame before where there is a network."""
        frames: list[Image] = []
        for n, seen in enumerate(self.views):
            controls = []
            if network is not None and frames:
                controls = [ControlImage(str(network), self._hint(n, frames[-1], carries=carries))]
            seed = derive(n, "frame") % 2**32
            frames.append(artist.drawn(self.prompt, seed, controls, seen.image, 0.6))
        return frames

    def _hint(self, frame: int, before: Image, *, carries: bool) -> Hint:
        """What the network is shown, as rendering shows it."""
        control = temporal.Temporal(temporal.Options())
        if carries:
            return control.hint(Given(warped(before, self.back(frame)[0])))
        here, there = self.shots[frame], self.shots[frame - 1]
        return control.hint(Given(before, flow=lambda: flow(self.scene, self.views[frame - 1], there, here)))

    def warp_error(self, frames: Sequence[Image]) -> float:
        """Mean squared difference of each frame and the one before moved onto it, 0..1 levels, where that is shown."""
        found = []
        for n, (before, after) in enumerate(pairwise(frames), 1):
            there, shown = self.back(n)
            difference = np.square(to_float(warped(before, there)) - to_float(after)).mean(-1)
            found.append(float((difference * shown).sum() / max(float(shown.sum()), 1.0)))
        return float(np.mean(found))


def edge_score(picture: Image, wanted: Image) -> float:
    """F-score of a picture's edges against another's, 0..1; edges NEAR to each other are the same."""
    given, true = (EDGES.hint(Given(image)).image[..., 0] > 0 for image in (picture, wanted))
    if not given.any() or not true.any():
        return 0.0
    kernel = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    wide_given, wide_true = (cv2.dilate(edges.astype(np.uint8), kernel) > 0 for edges in (given, true))
    precision, recall = float(wide_true[given].mean()), float(wide_given[true].mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _compared(
    name: str,
    artist: Draughtsman,
    network: Path,
    hint: Callable[[Sitter], Hint],
    judged: Callable[[Image, Sitter], float],
    count: int,
) -> Iterator[Finding]:
    """The figure with the network, without, and with the hint of another picture."""
    sitters = [_sitter(FIRST + number) for number in range(count)]
    hints = [hint(sitter) for sitter in sitters]
    pictures: list[Image] = []
    found: dict[str, list[float]] = {"with": [], "without": [], "other": []}
    for number, sitter in enumerate(sitters):
        steered = artist.drawn(sitter.prompt, number, [ControlImage(str(network), hints[number])])
        plain = artist.drawn(sitter.prompt, number, [])
        other = sitters[(number + len(SUBJECTS) // 2) % count]
        found["with"].append(judged(steered, sitter))
        found["without"].append(judged(plain, sitter))
        found["other"].append(judged(steered, other))
        pictures += [hints[number].image, steered, plain, sitter.seen.image]
    alone = float(np.mean(found["without"]))
    titles = ("hint", "with", "without", "painted") * count
    yield Finding(f"{name}, with the network", float(np.mean(found["with"])), f"above {alone:.3f}, that without",
                  tuple(pictures), titles)  # fmt: skip
    yield Finding(f"{name}, against another picture's", float(np.mean(found["other"])), "chance")


def _sitter(seed: int) -> Sitter:
    asked = brief(seed, SUBJECTS[seed % len(SUBJECTS)], LAYOUTS)
    return Sitter(view(scene(asked), NATIVE), _prompt(asked, seed))


def _prompt(asked: Brief, seed: int) -> str:
    """A caption that says something."""
    draw = np.random.default_rng(derive(seed, "prompt"))
    while not (text := caption(asked, draw)):
        continue
    return text


def _sharpness(image: Image) -> float:
    """Mean slope of the levels."""
    slopes = np.gradient(to_float(image).mean(axis=2))
    return float(np.hypot(*slopes).mean())

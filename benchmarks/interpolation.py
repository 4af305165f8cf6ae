"""How near made frames come to true ones on painted scenes, where the time goes, and whether memory stays.

python -m benchmarks.interpolation [NAME=WEIGHTS ...] [VIDEO ...]

NAME=WEIGHTS, as in film=film_net_fp32.pt, for weights that do not lie in a models folder; of each VIDEO every second
frame is removed and made anew.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Image, Size, resized
from core.seeds import derive
from interpolation.models import REGISTRY, Interpolator
from interpolation.retime import retimed
from media.exporters import mp4
from media.video import VideoReader
from training.painter.briefs import SUBJECTS, brief
from training.painter.compose import scene
from training.painter.theatre import Shot, view

HELD_OUT = 2**31  # seeds from here on are trained on by nobody
SIZE = Size(256, 256)
FRAMES = 5  # of a clip; the second and fourth are removed and made anew
WAYS = {"small motion": 0.04, "large motion": 0.2}  # frame heights between two frames that stay, at distance 1
FILMED, LARGEST_SIDE = 41, 640  # frames taken of a video; pixels
SIDE, RUN, LONG = 512, 9, 1000  # pixels; frames of the run whose time is shared out; frames of the long run


def clip(number: int, way: float) -> list[Image]:
    """A painted scene seen by a camera that goes sideways, a little down and forward."""
    shown = scene(brief(derive(HELD_OUT, number), SUBJECTS[number % len(SUBJECTS)]))
    shares = [n / 2 - 1 for n in range(FRAMES)]
    shots = [Shot(way * share, 0.2 * way * share, 0.5 * way * share, 1 + share / 8) for share in shares]
    return [view(shown, SIZE, shot).image for shot in shots]


def psnr(one: Image, other: Image) -> float:
    """Peak signal to noise, dB."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def ssim(one: Image, other: Image) -> float:
    """Structural similarity of brightness, 11-pixel windows of standard deviation 1.5.

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004.
    """
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (one, other))

    def mean(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> "np.ndarray":
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5))

    a, b = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    means = mean(x), mean(y)
    spread = mean(x * x) - means[0] ** 2 + mean(y * y) - means[1] ** 2
    shared = mean(x * y) - means[0] * means[1]
    levels = (2 * means[0] * means[1] + a) / (means[0] ** 2 + means[1] ** 2 + a)
    return float((levels * (2 * shared + b) / (spread + b)).mean())


def filmed(path: Path) -> list[Image]:
    """The first frames of a video, of even numbers of pixels, at most LARGEST_SIDE of them wide."""
    with VideoReader(path) as video:
        images = [image for _, image in islice(video, FILMED)]
    size = Size.of(images[0])
    small = Size(*(round(side * min(1, LARGEST_SIDE / max(size)) / 2) * 2 for side in size))
    return [resized(image, small) for image in images]


def table(makers: dict[str, Interpolator], videos: Sequence[Path]) -> None:
    """PSNR and SSIM of all makers, for small and for large motion, and for videos."""
    clips = {name: [clip(n, way) for n in range(len(SUBJECTS))] for name, way in WAYS.items()}
    clips |= {path.name[:22]: [filmed(path)] for path in videos}
    print(f"every second frame removed; {2 * len(SUBJECTS)} frames of {SIZE} a figure, of a video up to {FILMED // 2}")
    print(f"{'':8}" + "".join(f"{name:>24}" for name in clips))
    for maker, interpolator in makers.items():
        cells = []
        for given in clips.values():
            pairs = [
                (interpolator.between(images[n], images[n + 2], (0.5,))[0], images[n + 1])
                for images in given
                for n in range(0, len(images) - 2, 2)
            ]
            found = [(psnr(*pair), ssim(*pair)) for pair in pairs]
            cells.append("{:.2f} dB  {:.4f}".format(*np.mean(found, axis=0)))
        print(f"{maker:8}" + "".join(f"{cell:>24}" for cell in cells))


def moving(count: int, side: int) -> Iterator[tuple[Fraction, Image]]:
    """A clip of soft noise that goes by."""
    rough = np.random.default_rng(0).random((side, 2 * side, 3), dtype=np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    for n in range(count):
        yield Fraction(n), np.ascontiguousarray(wide[:, 2 * n % side : 2 * n % side + side])


def share(interpolator: Interpolator) -> float:
    """Share of a run's time, from a video to a checked video, that is spent in making frames: 0..1."""
    spent = 0.0

    def between(a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        nonlocal spent
        start = time.perf_counter()
        made = interpolator.between(a, b, times)
        spent += time.perf_counter() - start
        return made

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        writer = mp4.build(mp4.Options(), None)
        with writer.open(source, Size(SIDE, SIDE), Fraction(12), {}) as write:
            for _, image in moving(RUN, SIDE):
                write(image)
        between(*(image for _, image in moving(2, SIDE)), (0.5,))  # loads the weights
        spent, start = 0.0, time.perf_counter()
        with VideoReader(source) as video, writer.open(target, video.info.size, Fraction(24), {}) as write:
            for image in retimed(video, 1 / Fraction(24), between):
                write(image)
        return spent / (time.perf_counter() - start)


def growth(interpolator: Interpolator) -> float:
    """Megabytes by which peak memory grows from the 50th frame of a long run to its end."""
    peaks = []
    for n, _ in enumerate(retimed(moving(LONG, 64), Fraction(1, 2), interpolator.between)):
        if n in (50, 2 * LONG - 2):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return next(after - before for before, after in pairwise(peaks))


def makers_of(arguments: Sequence[str]) -> dict[str, Interpolator]:
    """All interpolators that can be made: those given weights, and those that find or need none."""
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    found: dict[str, Interpolator] = {}
    for name in REGISTRY.names():
        try:
            found[name] = REGISTRY.build(name, {"weights": given[name]} if name in given else {}, pool=ModelPool())
        except WeightsError as fault:
            print(f"{name}: {fault}")
    return found


def main() -> None:
    """Prints the table, then time shares and memory."""
    makers = makers_of(sys.argv[1:])
    table(makers, [Path(argument) for argument in sys.argv[1:] if "=" not in argument])
    for name, interpolator in makers.items():
        print(f"{name}: {share(interpolator):.1%} of the time at {SIDE}x{SIDE} in making frames (budget 85 %)")
    print(f"flow over {LONG:,} frames: peak memory grows by {growth(makers['flow']):.1f} MB")


if __name__ == "__main__":
    main()

"""How steady a stylized clip is, how much of the clip it keeps, and what it costs.

python -m benchmarks.stylize [--frames 48] [--clips ocean,photograph] [--variants abcde] [--networks FOLDER]

Four moving clips: three painted scenes, whose flow is known exactly, and a photograph under a moving camera. Each is
drawn over with the embedded model in five ways, by its few-step recipe. FOLDER holds the control networks `canny` and
`temporal`; without it those that came with the model are used, if they are there. What is measured is kept in
`--results` as it comes: the same command again goes on.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, Self

import cv2
import matplotlib
import numpy as np
import torch

from animator.build import build_mode
from animator.job import RenderJob
from animator.modes import Mode
from animator.project import Export, Project, parse
from animator.report import meter, report_of
from animator.steps import Carry, step_keys
from animator.timeline import Timeline
from core.devices import ModelPool
from core.image import FlowField, Image, Mask, Size, resized, to_image
from core.seeds import derive
from diffusion.backends import Generator
from diffusion.kit import Kit
from diffusion.models.load import load_model
from diffusion.request import ImageRequest
from diffusion.sampling.presets import FEW_STEPS
from interpolation.likeness import edge_strength, edges_kept
from media.read import read_image
from media.sheet import contact_sheet
from media.stills import write_png
from motion.fields import carried, resized_flow, warped
from training.painter.briefs import brief
from training.painter.compose import scene
from training.painter.theatre import Shot, flow, view

HELD_OUT = 2**31  # seeds from here on are trained on by nobody
OVER = 2  # painted at so many times the size and averaged, as a camera would
PAINTED, PHOTOGRAPH = ("ocean", "forest", "waves"), "photograph"
FPS = Fraction(24)
RENDERS = 3  # for costs; the middle one counts
LOOK = "<lora:mini-few-steps:1>purple {}, watercolor"
SHOWS = {"waves": "abstract waves", PHOTOGRAPH: "flower"}  # what prompts call clips that are called otherwise
SEED = 7
NORMAL = {"steps": 8, "cfg": 5.0, "denoise": 0.5, "inversion": 3.0}  # for costs: as most models are drawn
GUIDED: dict[str, Any] = {"sampling": NORMAL}
NUMBERS = {"frames": 48, "side": 256, "strength": 0.5, "canny": 1.0, "temporal": 0.6, "inversion": 3.0}  # as usual
TARGETS = {"cut": 0.6, "edges": 0.15, "kept": 0.6}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a": ("each frame, fixed seed", {"coherence": "none"}),
    "b": ("each frame, new seed", {"coherence": "none", "seeds": "iter"}),
    "c": ("carried by flow", {"coherence": "carry"}),
    "d": ("c and temporal", {"coherence": "carry", "temporal": True}),
    "e": ("d and anchors (full)", {"coherence": "full", "temporal": True}),
}


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """A clip whose motion is known."""

    name: str
    images: list[Image]
    flows: list[FlowField]  # image n + 1 (p) = image n (p + flow)
    seen: list[Mask]  # 1 where image n shows that place


def painted(subject: str, size: Size, frames: int) -> Moving:
    """A held-out scene, seen by a camera that goes sideways, a little down and forward, while parts of it drift."""
    shown = scene(brief(derive(HELD_OUT, subject), subject))
    shares = [n / 47 - 0.5 for n in range(frames)]
    shots = [Shot(1.2 * share, 0.24 * share, 0.6 * share, 1 + n / 24) for n, share in enumerate(shares)]
    views = [view(shown, Size(OVER * size.width, OVER * size.height), shot) for shot in shots]
    flows, seen = [], []
    for n in range(1, frames):
        back = flow(shown, views[n], shots[n], shots[n - 1])
        layers = warped(np.repeat(views[n - 1].layer[..., None].astype(np.uint8), 3, 2), back, sampling="nearest")
        same = cv2.resize((layers[..., 0] == views[n].layer).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        flows.append(resized_flow(back, size))
        seen.append(inside(flows[-1]) * (same > 0.99).astype(np.float32))
    return Moving(subject, [resized(one.image, size, "area") for one in views], flows, seen)


def photographed(size: Size, frames: int) -> Moving:
    """A photograph that comes with matplotlib, under a camera that turns, nears and goes by."""
    photo = read_image(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    wide = resized(photo, Size(512, 606))
    centre = np.array([(size.width - 1) / 2, (size.height - 1) / 2])

    def placed(n: int) -> np.ndarray:
        """Frame to photograph, 3 x 3."""
        share = n / 47
        angle, scale = np.radians(6 * np.sin(2 * share)), 0.85 - 0.2 * share
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale * 256 / size.height
        corner = np.array([200 + 90 * share, 190 + 70 * share]) - turn @ centre
        return np.vstack([np.column_stack([turn, corner]), [0, 0, 1]])

    images = [
        np.asarray(cv2.warpAffine(wide, placed(n)[:2], size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP), np.uint8)
        for n in range(frames)
    ]
    x, y = np.meshgrid(np.arange(size.width), np.arange(size.height))
    here = np.stack([x, y, np.ones_like(x)], -1).astype(np.float64)
    flows = []
    for n in range(1, frames):
        before = here @ (np.linalg.inv(placed(n - 1)) @ placed(n)).T
        flows.append((before - here)[..., :2].astype(np.float32))
    return Moving(PHOTOGRAPH, images, flows, [inside(back) for back in flows])


def inside(back: FlowField) -> Mask:
    """1 where a flow leads to a place in the picture."""
    whole = np.zeros((back.shape[0] + 2, back.shape[1] + 2), np.float32)
    whole[1:-1, 1:-1] = 1
    return np.asarray(carried(whole, np.pad(back, ((1, 1), (1, 1), (0, 0))))[1:-1, 1:-1] > 0.99, np.float32)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of one drawn clip."""

    warp_error: float  # x 1000, by the true flow
    flicker: float  # levels
    edges: float  # mean gradient
    kept: float  # F-score of Canny edges against the clip
    seconds: float  # a frame


def figures(images: Sequence[Image], clip: Moving, seconds: float) -> Figures:
    """The figures of a clip drawn over."""
    errors, eye = [], meter(FPS)
    for n, (image, guide) in enumerate(zip(images, clip.images, strict=True)):
        eye.see(image, guide)
        if n:
            apart = (warped(images[n - 1], clip.flows[n - 1]).astype(np.float32) - image) / 255
            errors.append((np.square(apart).mean(-1) * clip.seen[n - 1]).sum() / clip.seen[n - 1].sum())
    return Figures(
        warp_error=1000 * float(np.mean(errors)),
        flicker=float(report_of(eye, FPS).score("flicker").value or 0),
        edges=float(np.mean([edge_strength(image) for image in images])),
        kept=float(np.mean([edges_kept(*pair) for pair in zip(images, clip.images, strict=True)])),
        seconds=seconds,
    )


def project_of(clip: Moving, folder: Path, asked: argparse.Namespace, **ways: Any) -> Project:
    """The project that draws over a clip in one of the ways."""
    for n, image in enumerate(clip.images):
        write_png(folder / f"{n:04}.png", image)
    wanted = {"canny": asked.canny, **({"temporal": asked.temporal} if ways.get("temporal") else {})}
    data = {
        "name": "bench", "mode": "stylize", "fps": 24, "seed": SEED, "preset": FEW_STEPS, "export": [],
        "source": {"clip": str(folder), "coherence": ways["coherence"]},
        "seeds": {"behavior": ways.get("seeds", "fixed")},
        "prompts": {"0": LOOK.format(SHOWS.get(clip.name, clip.name))},
        "sampling": {"denoise": asked.strength, "inversion": asked.inversion},
        "controls": [unit | {"weight": weight} for name, weight in wanted.items()
                     if (unit := unit_of(name, asked.networks))],
    }  # fmt: skip
    return parse(data, "benchmark").project


def unit_of(name: str, networks: str) -> dict[str, Any] | None:
    """A control unit; None where there is no network for it."""
    path = Path(networks) / name if networks else Path("models/mini") / f"controlnet-{name}"
    if not (path / "config.json").is_file():
        return None
    return {"control": name, "model": str(path.resolve()), **({"source": "carried"} if name == "temporal" else {})}


def drawn(mode: Mode, project: Project) -> list[Image]:
    """All frames of a project, without a disk between."""
    carry, images = Carry(), []
    for step in mode.plan(Timeline(project)):
        made, carry = mode.run(step, carry)
        images += made
    return images


def encoded(clip: Moving, pool: ModelPool) -> list[Image]:
    """A clip through the autoencoder and back: what no drawing of the model can be above."""
    model = load_model("mini", pool)
    kit, size = Kit(model), Size.of(clip.images[0])
    with torch.inference_mode():
        pixels = (model.autoencoder.decode(kit.encoded(image, size))[0] for image in clip.images)
        return [to_image(one.permute(1, 2, 0).add(1).div(2).float().cpu().numpy()) for one in pixels]


@contextmanager
def saved(folder: str, clip: str, variant: str, frames: int) -> Iterator[Any]:
    """A contact sheet of clip and result, where one is wanted."""
    if not folder:
        yield lambda index, image: None
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    name = VARIANTS[variant][0]
    with contact_sheet(Path(folder) / f"{clip}-{variant}.png", name, FPS, lambda _: "", range(frames)) as show:
        yield show


def table(asked: argparse.Namespace, pool: ModelPool) -> dict[str, dict[str, Figures]]:
    """The figures of all clips and ways, printed as they come."""
    size = Size(asked.side, asked.side)
    found: dict[str, dict[str, Figures]] = {}
    print("| clip | | warp error x 1000 | flicker | edges | edges kept | s a frame |")
    print("|---|---|---|---|---|---|---|")
    for wanted in asked.clips.split(","):
        clip = photographed(size, asked.frames) if wanted == PHOTOGRAPH else painted(wanted, size, asked.frames)
        for name, images in (("the clip itself", clip.images), ("through the autoencoder", encoded(clip, pool))):
            shown(clip.name, name, figures(images, clip, 0.0))
        for letter in asked.variants:
            one = measured(clip, letter, asked, pool)
            found.setdefault(clip.name, {})[letter] = one
            shown(clip.name, f"({letter}) {VARIANTS[letter][0]}", one)
    return found


def shown(clip: str, name: str, one: Figures) -> None:
    """Prints a line of the table."""
    cells = f"{one.warp_error:.3f} | {one.flicker:.2f} | {one.edges:.2f} | {one.kept:.2f} | {one.seconds:.2f}"
    print(f"| {clip} | {name} | {cells} |", flush=True)


def measured(clip: Moving, letter: str, asked: argparse.Namespace, pool: ModelPool) -> Figures:
    """The figures of a clip drawn over in one way; from the results where they are of the very same render."""
    folder = asked.results.with_suffix("") / f"{clip.name}-{asked.frames}-{asked.side}"  # what is known is of this path
    folder.mkdir(parents=True, exist_ok=True)
    project = project_of(clip, folder, asked, **VARIANTS[letter][1])
    mode = build_mode(project, folder, pool)
    key = step_keys(mode.plan(Timeline(project)), mode.identity)[-1]
    if (known := kept_results(asked.results).get(key)) is not None:
        return known
    start = time.perf_counter()
    images = drawn(mode, project)
    one = figures(images, clip, (time.perf_counter() - start) / len(images))
    with saved(asked.sheets, clip.name, letter, asked.frames) as show:
        for n, image in enumerate(images):
            show(n, np.hstack([clip.images[n], image]))
    with asked.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"key": key, "clip": clip.name, "way": letter, "figures": asdict(one)}) + "\n")
    return one


def kept_results(path: Path) -> dict[str, Figures]:
    """What was measured before, by the key of the render; a torn line counts as not written."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            found[entry["key"]] = Figures(**entry["figures"])
    return found


def judged(found: dict[str, dict[str, Figures]]) -> None:
    """Whether (e) meets its targets against (a), clip by clip and in the mean."""
    both = {name: ways for name, ways in found.items() if {"a", "e"} <= ways.keys()}
    for name, ways in both.items():
        first, last = ways["a"], ways["e"]
        cut, edges = 1 - last.warp_error / first.warp_error, last.edges / first.edges - 1
        met = cut >= TARGETS["cut"] and abs(edges) <= TARGETS["edges"] and last.kept >= TARGETS["kept"]
        verdict = "met" if met else "missed"
        print(f"{name}: warp error cut by {cut:.0%}, edges {edges:+.0%}, edges kept {last.kept:.2f}: {verdict}")


class Spent:
    """Seconds in blocks: by the clock, of all processors, and of this thread; on a busy machine they differ."""

    def __init__(self) -> None:
        self.seconds = self.processor = self.thread = 0.0

    def __enter__(self) -> Self:
        self._start = time.perf_counter(), time.process_time(), time.thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start[0]
        self.processor += time.process_time() - self._start[1]
        self.thread += time.thread_time() - self._start[2]


class Timed:
    """A generator that counts the seconds it takes."""

    window = 1

    def __init__(self, generator: Generator) -> None:
        self._generator, self.identity, self.spent = generator, generator.identity, Spent()

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image]:
        """As the generator does."""
        with self.spent:
            return self._generator.generate(requests)


def costs(asked: argparse.Namespace, pool: ModelPool) -> None:
    """What a clip costs besides its networks, and drawn one frame at a time."""
    clip = painted("ocean", Size(asked.side, asked.side), 16)
    with tempfile.TemporaryDirectory() as folder:
        at_once(replace(project_of(clip, Path(folder), asked, coherence="none"), **GUIDED), Path(folder), pool)
        whole = replace(project_of(clip, Path(folder), asked, coherence="full"), **GUIDED)
        outside(replace(whole, export=(Export("mp4"),)), Path(folder), pool)


def at_once(project: Project, folder: Path, pool: ModelPool) -> None:
    """Prints how much quicker eight frames are at once than one at a time."""
    mode: Any = build_mode(project, folder, pool)
    steps = mode.plan(Timeline(project))
    mode.run(steps[0], Carry())
    single, together = Spent(), Spent()
    with together:
        mode.run(steps[1], Carry())
    with single:
        for params in steps[1].frames:
            mode.run(replace(steps[1], frames=(params,)), Carry())
    ratio, own = single.seconds / together.seconds, single.processor / together.processor
    print(f"{len(steps[1].frames)} frames at once: {ratio:.2f} times the frames a second of one at a time,", end=" ")
    print(f"{own:.2f} times by the time the processor spent", flush=True)


def outside(project: Project, folder: Path, pool: ModelPool) -> None:
    """Prints the share of whole renders, from their checks to their files, that is not the generator's."""
    shares, own, seconds = [], [], []
    for _ in range(RENDERS):
        with tempfile.TemporaryDirectory() as out:
            job = RenderJob(project, folder, Path(out), pool)
            timed = Timed(job.mode.generator)  # type: ignore[attr-defined]
            job.__dict__["mode"] = replace(job.mode, generator=timed)  # type: ignore[type-var]
            with Spent() as whole:
                frames = sum(1 for _ in job.run())
        shares.append(1 - timed.spent.seconds / whole.seconds)
        own.append(1 - timed.spent.thread / whole.thread)
        seconds.append(whole.seconds / frames)
    print(f"outside the generator: {median(shares):.1%} of a render (budget 10 %; {RENDERS} renders of", end=" ")
    print(f"{min(shares):.1%} to {max(shares):.1%}), {median(own):.1%} of the time its thread spent;", end=" ")
    print(f"{median(seconds):.2f} s a frame")


def main() -> None:
    """Prints the table, the verdicts and the costs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in NUMBERS.items():
        options.add_argument(f"--{name}", type=type(default), default=default)
    options.add_argument(
        "--clips", default=",".join((*PAINTED, PHOTOGRAPH)), help="subjects of the painter, photograph"
    )
    options.add_argument("--variants", default="abcde")
    options.add_argument("--networks", default="")
    options.add_argument("--sheets", default="", help="folder for contact sheets")
    options.add_argument("--results", type=Path, default=Path("renders/benchmark-stylize.jsonl"))
    options.add_argument("--only-costs", action="store_true")
    asked, pool = options.parse_args(), ModelPool()
    networks = [name for name in ("canny", "temporal") if unit_of(name, asked.networks)]
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    facts = {name: getattr(asked, name) for name in NUMBERS}
    print(json.dumps({**facts, "networks": networks}))
    if not asked.only_costs:
        judged(table(asked, pool))
    costs(asked, pool)


if __name__ == "__main__":
    main()

"""Clips of the embedded models by the figures of `render.py metrics`: how well loops close, and what the module gives.

python -m benchmarks.clip_figures loops [--frames 16 --seeds 2]       seams of closed clips
python -m benchmarks.clip_figures consistency [--seeds 1]             stills per frame beside clip mode
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from animator.report import Report, measured
from core.devices import ModelPool
from core.image import Image, Size
from core.weights import EMBEDDED
from diffusion.clips.journal import Journal
from diffusion.clips.module import load_motion
from diffusion.clips.order import ClipFrame, ClipOrder
from diffusion.clips.studio import ClipStudio
from diffusion.clips.windows import WindowRules
from diffusion.models.load import load_model
from diffusion.request import ImageRequest, PromptMix, Sampling

PROMPTS = (
    "clouds at day",
    "ocean at sunset",
    "abstract waves, teal",
    "a forest at sunrise",
    "mountains at night",
    "a desert at day, orange",
    "a city at night, watercolor",
    "a spiral galaxy, blue",
    "a flower, pink",
    "a forest at sunrise > a forest at night",  # there and back
)  # of the model's own words; nothing was tuned on them
SIZE, FPS = Size(256, 256), Fraction(8)
STEPS, CFG, SAMPLER = 12.0, 4.0, "DPM++ 2M Karras"  # what `render.py clip` takes if nothing is said
SEAM = 1.25  # budget of the seam ratio
FIGURES = ("warp error", "flicker", "speed", "dynamic degree")

app = typer.Typer(add_completion=False, help=__doc__)


@dataclass(frozen=True)
class Kind:
    """A way to draw the same frames."""

    name: str
    moves: bool  # with the motion module
    shares: bool  # whether frames have as much of their noise in common as the module was trained on
    closed: bool = False


KINDS = (
    Kind("stills, a seed each", moves=False, shares=False),
    Kind("stills, the clip's noise", moves=False, shares=True),
    Kind("clip", moves=True, shares=True),
    Kind("clip, closed", moves=True, shares=True, closed=True),
)


class Drawing:
    """The embedded models, ready to draw clips."""

    def __init__(self) -> None:
        """Loads them."""
        pool = ModelPool()
        model, module = load_model("mini", pool), load_motion(EMBEDDED / "mini" / "motion", pool)
        self._moving, self._still, self._traits = ClipStudio(model, module), ClipStudio(model), module.traits

    def frames(self, kind: Kind, prompt: str, seed: int, frames: int) -> list[Image]:
        """All frames of one clip."""
        sampling = Sampling(steps=STEPS, cfg=CFG)
        told = [travelled(prompt, n / frames) for n in range(frames)]
        requests = [ImageRequest(one, "", SIZE, seed + n, SAMPLER, sampling) for n, one in enumerate(told)]
        window = self._traits.window
        order = ClipOrder(
            [ClipFrame(request, (("", 1.0),)) for request in requests],
            SIZE,
            seed,
            kind.closed,
            WindowRules(window, window // (2 if kind.closed else 4)) if kind.moves else WindowRules(1, 0),
            together=1 if kind.moves else 8,
            shared_noise=self._traits.shared_noise if kind.shares else 0.0,
            steady=self._traits.steady if kind.moves else 0.0,
        )
        studio = self._moving if kind.moves else self._still
        with tempfile.TemporaryDirectory() as folder:
            return [studio.picture(one, order) for one in studio.latents(order, Journal(Path(folder) / "clip", "key"))]


def travelled(prompt: str, gone: float) -> PromptMix:
    """What is said after a share of the clip, 0..1: the prompt, or two of them with `>` between on the way and back."""
    first, *other = prompt.split(" > ")
    share = 1 - abs(1 - 2 * gone)
    return ((first, 1 - share), (other[0], share)) if other and share else ((first, 1.0),)


def figures(report: Report, names: Sequence[str]) -> Iterator[float]:
    """Figures by name; NaN where the clip is frozen."""
    for name in names:
        value = report.score(name).value
        yield float("nan") if value is None else value


@app.command()
def loops(
    frames: Annotated[int, typer.Option(help="Of each loop.")] = 16,
    seeds: Annotated[int, typer.Option(help="For each prompt.")] = 2,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1000,
    prompts: Annotated[int, typer.Option(help="How many.")] = len(PROMPTS),
) -> None:
    """Closed clips: the seam against the median step, whether they move, and the verdict."""
    torch.set_num_threads(1)
    drawing, closed = Drawing(), Kind("loop", moves=True, shares=True, closed=True)
    names = ("seam ratio", "velocity seam", "motion", "speed", "largest step")
    print(f"{frames} frames, {STEPS:g} steps of {SAMPLER}, {SIZE}")
    print(f"{'':40} {'seed':>5}  " + "  ".join(f"{name:>13}" for name in names) + "  verdict")
    found = []
    for prompt in PROMPTS[:prompts]:
        for seed in range(first, first + seeds):
            report = measured(drawing.frames(closed, prompt, seed, frames), FPS)
            row = list(figures(report, names))
            found.append(row)
            print(
                f"{prompt:40} {seed:5}  " + "  ".join(f"{one:13.2f}" for one in row) + f"  {report.loops}", flush=True
            )
    seams = np.array([row[0] for row in found])
    print(f"seam ratio: median {np.median(seams):.2f}, {(seams <= SEAM).sum()} of {len(seams)} at most {SEAM}")


@app.command()
def consistency(
    frames: Annotated[int, typer.Option(help="Of each clip.")] = 16,
    seeds: Annotated[int, typer.Option(help="For each prompt.")] = 1,
    prompts: Annotated[int, typer.Option(help="How many.")] = 6,
) -> None:
    """The same prompts as stills and as clips: what the motion module gives, in the mean over all clips."""
    torch.set_num_threads(1)
    drawing = Drawing()
    print(f"{prompts} prompts, {seeds} seeds, {frames} frames, {STEPS:g} steps of {SAMPLER}, {SIZE}, in the mean")
    print(f"{'':26}" + "  ".join(f"{name:>14}" for name in FIGURES))
    for kind in KINDS:
        clips = (
            drawing.frames(kind, prompt, 2000 + seed, frames) for prompt in PROMPTS[:prompts] for seed in range(seeds)
        )
        rows = [list(figures(measured(clip, FPS), FIGURES)) for clip in clips]
        print(f"{kind.name:26}" + "  ".join(f"{one:14.2f}" for one in np.mean(rows, 0)), flush=True)


if __name__ == "__main__":
    app()

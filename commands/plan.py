"""`plan`: what a render would do, frame by frame, without a model."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.render import Frames, Generator, Model, prepared
from commands.terminal import AsJson, OutFolder, Settings, say

if TYPE_CHECKING:
    from animator.job import RenderJob

AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw all moving schedules and the prompts.")
]


def command(
    project: Annotated[Path, typer.Argument(help="A project file or Deforum settings.")],
    out: OutFolder = Path("renders"),
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    plot: Plot = None,
    frames: Frames = "",
    generator: Generator = "",
    model: Model = "",
    settings: Settings = None,
) -> None:
    """Show every frame's numbers and words, and how many frames a render would make anew."""
    changes = [*(settings or ())]
    changes += [f"generator={generator}"] if generator else []
    changes += [f"model={model}"] if model else []
    (job,) = prepared([project], out, changes, frames)
    rows = table(job)
    if plot is not None:
        from commands.plotting import write_plot

        write_plot(job, plot)
    if as_json:
        say(json.dumps({"summary": summary(job), "frames": rows}, indent=1, ensure_ascii=False))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print(rows, summary(job))


def table(job: "RenderJob") -> list[dict[str, Any]]:
    """A row a frame: index, whether a picture is generated, seed, sampler, all moving numbers, words."""
    timeline = job.timeline
    moving = {name: values for name, values in timeline.columns().items() if values.min() != values.max()}
    starts = {step.frames[0].index for step in job.steps}
    rows = []
    for step in job.steps:
        for params in step.frames:
            if job.span is not None and params.index not in job.span:
                continue
            row: dict[str, Any] = {"frame": params.index, "generated": params.index in starts, "seed": params.seed}
            row |= {name: round(float(values[params.index]), 6) for name, values in moving.items()}
            row["sampler"] = params.sampler
            row["prompt"] = " + ".join(
                f"{weight:.2f} {text}" if weight != 1 else text for text, weight in params.prompt
            )
            rows.append(row | {"negative": params.negative})
    return rows


def summary(job: "RenderJob") -> dict[str, Any]:
    """The render in a few numbers."""
    project, last = job.project, job.steps[-1].frames[-1].index + 1
    constant = {
        name: float(values[0]) for name, values in job.timeline.columns().items() if values.min() == values.max()
    }
    return {
        "name": project.name,
        "size": list(project.size),
        "fps": str(project.fps),
        "seconds": round(float(project.frames / project.fps), 3),
        "frames": last,
        "generated": len(job.steps),
        "kept": min(job.reusable(), last),
        "to_make": last - min(job.reusable(), last),
        "constant": constant,
    }


def _print(rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Columns as wide as their widest entry; a star where a picture is generated."""
    heads = [
        "frame",
        *(name for name in rows[0] if name not in ("frame", "generated", "sampler", "prompt", "negative")),
    ]
    lines = [[_cell(row, name) for name in heads] for row in rows]
    widths = [max(len(name), *(len(line[n]) for line in lines)) for n, name in enumerate(heads)]
    say("  ".join(name.rjust(width) for name, width in zip(heads, widths, strict=True)) + "  words")
    before = None
    for row, line in zip(rows, lines, strict=True):
        words = row["prompt"] + (f" --neg {row['negative']}" if row["negative"] else "")
        cells = "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        say(f"{cells}  {words if words != before else '〃'}")
        before = words
    say(f"\n{facts['name']}: {facts['size'][0]}x{facts['size'][1]}, {facts['frames']} frames at {facts['fps']} fps")
    say(
        f"{facts['generated']} pictures to generate (*), {facts['kept']} frames kept from before, {facts['to_make']} to make"
    )


def _cell(row: dict[str, Any], name: str) -> str:
    """A number, short."""
    value = row[name]
    if name == "frame":
        return f"{value}{'*' if row['generated'] else ' '}"
    return f"{value:.5g}" if isinstance(value, float) else str(value)

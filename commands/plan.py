"""`plan`: what a render would do, frame by frame, without a model."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.render import Frames, Generator, Model, prepared
from commands.terminal import (
    AllowDownload,
    AsJson,
    ModelsFolders,
    OutFolder,
    Settings,
    StylesFiles,
    say,
    styles_change,
)

if TYPE_CHECKING:
    from animator.job import RenderJob
    from diffusion.request import PromptMix

AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]
Snap = Annotated[
    Path | None,
    typer.Option("--snap", metavar="FILE.json", help="Write the project with every period changed to one that loops."),
]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw all moving schedules and the prompts.")
]


def command(
    project: Annotated[Path, typer.Argument(help="A project file or Deforum settings.")],
    out: OutFolder = Path("renders"),
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    plot: Plot = None,
    snap: Snap = None,
    frames: Frames = "",
    generator: Generator = "",
    model: Model = "",
    settings: Settings = None,
    allow_download: AllowDownload = False,
    styles: StylesFiles = None,
    models_dir: ModelsFolders = None,
) -> None:
    """Show every frame's numbers and words, and how many frames a render would make anew."""
    changes = [*(settings or ()), *styles_change(styles)]
    changes += [f"generator={generator}"] if generator else []
    changes += [f"model={model}"] if model else []
    (job,) = prepared([project], out, changes, frames)
    columns = table(job)
    if plot is not None:
        from commands.plotting import write_plot

        write_plot(job, plot)
    if snap is not None:
        _snap(job, snap)
        return
    if as_json:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        say(json.dumps({"summary": summary(job), **_explained(job), "frames": rows}, indent=1, ensure_ascii=False))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    else:
        _print(columns, summary(job))
        say("\n".join(_explained(job).get("mode", [])))


def _explained(job: "RenderJob") -> dict[str, list[str]]:
    """What the mode tells besides the table, if it tells anything."""
    from animator.modes import Explains

    return {"mode": list(job.mode.explained())} if isinstance(job.mode, Explains) else {}


def table(job: "RenderJob") -> dict[str, list[Any]]:
    """Columns by name, an entry a frame: index, whether a picture is generated, seed, all moving numbers, words."""
    span = job.span or range(len(job.timeline))
    frames = [params for step in job.steps for params in step.frames if params.index in span]
    generated = {index for step in job.steps for index in step.generated}
    columns: dict[str, list[Any]] = {
        "frame": [params.index for params in frames],
        "generated": [params.index in generated for params in frames],
        "seed": [params.seed for params in frames],
    }
    for name, values in job.timeline.columns().items():
        if values.min() != values.max():
            columns[name] = values[span.start : span.stop].round(6).tolist()
    columns["sampler"] = [params.sampler for params in frames]
    columns["prompt"] = [_mixed(params.prompt) for params in frames]
    columns["negative"] = [params.negative for params in frames]
    return columns


def _mixed(prompt: "PromptMix") -> str:
    """A mix of prompts on one line, with their weights."""
    return " + ".join(f"{weight:.2f} {text}" if weight != 1 else text for text, weight in prompt)


def summary(job: "RenderJob") -> dict[str, Any]:
    """The render in a few numbers."""
    project, last = job.project, job.steps[-1].frames[-1].index + 1
    constant = {
        name: float(values[0]) for name, values in job.timeline.columns().items() if values.min() == values.max()
    }
    loop = {"loop_frames": project.frames, "loop_open": _loop_lines(job)} if project.loop else {}
    return loop | {
        "name": project.name,
        "size": list(project.size),
        "fps": str(project.fps),
        "seconds": round(float(project.frames / project.fps), 3),
        "frames": last,
        "generated": sum(len(step.generated) for step in job.steps),
        "kept": min(job.reusable(), last),
        "to_make": last - min(job.reusable(), last),
        "constant": constant,
        "exported": delivery(job),
    }


def delivery(job: "RenderJob") -> dict[str, Any]:
    """What exports have: frames, rate, who makes those in between, whether the sound goes along."""
    pace, rules, upscale = job.pace, job.project.interpolate, job.project.upscale
    count = pace.count(len(job.span or range(job.project.frames)))
    facts: dict[str, Any] = {"frames": count, "fps": str(pace.rate), "seconds": round(float(count / pace.rate), 3)}
    if rules is not None:
        facts["between"] = rules.model
        facts["silent"] = bool(job.project.audio) and rules.slow != 1 and not rules.stretch_sound
    if upscale is not None:
        facts |= {"size": list(upscale.size(job.project.size)), "upscaler": upscale.upscaler}
        facts["apart"] = rules is not None and not any(one.interpolate and one.upscale for one in job.project.export)
    return facts


def exported_line(facts: dict[str, Any]) -> str:
    """The same for people."""
    line = f"exported: {facts['frames']} frames at {facts['fps']} fps, {facts['seconds']:g} s"
    if "between" in facts:
        line += f", by {facts['between']}"
    if "size" in facts:
        line += "; others " if facts["apart"] else ", "
        line += f"{facts['size'][0]}x{facts['size'][1]} by {facts['upscaler']}"
    silent = "; slow motion leaves the sound out, interpolate.stretch_sound slows it down too"
    return line + (silent if facts.get("silent") else "")


def _snap(job: "RenderJob", path: Path) -> None:
    """Writes the project with its periods changed, and tells what changed."""
    from animator.hearing import series_of
    from animator.lint import lint, with_periods_snapped
    from animator.project import save
    from animator.serialize import relocated, to_json

    names = series_of(job.project, job.source)
    project = with_periods_snapped(job.project, names)
    before, after = to_json(job.project), to_json(project)
    for section in ("camera", "sampling", "coherence", "seeds"):
        for name, value in after[section].items():
            if value != before[section][name]:
                say(f"{section}.{name}: {before[section][name]}  ->  {value}")
    save(relocated(project, job.source, path.resolve().parent), path)
    say(f"written: {path}")
    left = list(lint(project, names).lines())
    say("\n".join(["still open in:", *(f"  {line}" for line in left)]) if left else "everything closes")


def _loop_lines(job: "RenderJob") -> list[str]:
    """What keeps a project's loop from closing; nothing for one that is no loop."""
    if job.project.loop is None or job.project.loop.method == "pingpong":
        return []
    from animator.hearing import series_of
    from animator.lint import lint

    return list(lint(job.project, series_of(job.project, job.source)).lines())


def _print(columns: dict[str, list[Any]], facts: dict[str, Any]) -> None:
    """Columns as wide as their widest entry; a star where a picture is generated, a mark where words stay."""
    marks = ["*" if generated else " " for generated in columns["generated"]]
    cells = {"frame": [f"{index}{mark}" for index, mark in zip(columns["frame"], marks, strict=True)]}
    for name, values in columns.items():
        if name not in ("frame", "generated", "sampler", "prompt", "negative"):
            cells[name] = [f"{value:.5g}" if isinstance(value, float) else str(value) for value in values]
    widths = [max(len(name), *map(len, column)) for name, column in cells.items()]
    say("  ".join(name.rjust(width) for name, width in zip(cells, widths, strict=True)) + "  words")
    form = "  ".join(f"%{width}s" for width in widths) + "  %s"
    words = [
        f"{text} --neg {no}" if no else text for text, no in zip(columns["prompt"], columns["negative"], strict=True)
    ]
    shown = [now if now != before else "〃" for now, before in zip(words, ["", *words], strict=False)]
    say("\n".join(form % row for row in zip(*cells.values(), shown, strict=True)))
    say(f"\n{facts['name']}: {facts['size'][0]}x{facts['size'][1]}, {facts['frames']} frames at {facts['fps']} fps")
    kept, to_make = f"{facts['kept']} frames kept from before", f"{facts['to_make']} to make"
    say(f"{facts['generated']} pictures to generate (*), {kept}, {to_make}")
    if {"between", "size"} & facts["exported"].keys():
        say(exported_line(facts["exported"]))
    if "loop_frames" in facts:
        say(
            f"a loop of {facts['loop_frames']} frames" + (", open in:" if facts["loop_open"] else ", everything closes")
        )
        say("\n".join(f"  {line}" for line in facts["loop_open"]))

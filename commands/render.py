"""`render`: project files to frames and videos."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.terminal import (
    AllowDownload,
    Compile,
    Memory,
    ModelsFolders,
    OutFolder,
    Precision,
    Settings,
    StylesFiles,
    VaePrecision,
    say,
    styles_change,
    warn,
)
from core.errors import DriftloopError, UserError

if TYPE_CHECKING:
    from animator.job import RenderJob
    from animator.project import Project
    from core.devices import ModelPool

Projects = Annotated[
    list[Path], typer.Argument(help="Project files, Deforum settings, or videos and frames made here.")
]
Frames = Annotated[str, typer.Option("--frames", metavar="A-B", help="Only these frames; the first is 0.")]
Generator = Annotated[str, typer.Option(help="Generator in place of the project's; passthrough shows motion alone.")]
Model = Annotated[str, typer.Option(help="Model in place of the project's: a name, a path, a hub id.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over: forget finished frames.")]


def command(
    projects: Projects,
    out: OutFolder = Path("renders"),
    fresh: Fresh = False,
    generator: Generator = "",
    model: Model = "",
    frames: Frames = "",
    settings: Settings = None,
    allow_download: AllowDownload = False,
    styles: StylesFiles = None,
    models_dir: ModelsFolders = None,
    memory: Memory = "",
    precision: Precision = "",
    vae_precision: VaePrecision = "",
    compile_: Compile = False,
) -> int:
    """Render projects. Finished frames are kept: the same command again goes on where it stopped."""
    changes = [*(settings or ()), *styles_change(styles)]
    changes += [f"generator={generator}"] if generator else []
    changes += [f"model={model}"] if model else []
    return render_all(prepared(projects, out, changes, frames), fresh=fresh)


def prepared(
    paths: list[Path],
    out: Path,
    changes: list[str],
    frames: str = "",
    treated: "Callable[[Project], Project]" = lambda project: project,
) -> "list[RenderJob]":
    """A job for every project. The faults of all projects are told at once, before any work starts.

    Args:
        paths: project files.
        out: each project gets a folder in it.
        changes: `field=value` for all of them.
        frames: the span asked for, `A-B`.
        treated: what is done to each project last; a preview makes it small.

    Raises:
        UserError: for any fault of any project.
    """
    from core.devices import ModelPool

    jobs: list[RenderJob] = []
    faults: list[UserError] = []
    pool = ModelPool()
    for path in paths:
        try:
            job = _job(path, out, changes, frames, treated, pool)
            if any(job.out == other.out for other in jobs):
                raise UserError(
                    f"another project given is named {job.project.name!r} too", where=str(path), way_out="Rename one"
                )
            jobs.append(job)
        except UserError as fault:
            faults.append(fault)
    if faults:
        raise faults[0] if len(faults) == 1 else UserError("\n".join(map(str, faults)))
    return jobs


def _job(
    path: Path, out: Path, changes: list[str], frames: str, treated: "Callable[[Project], Project]", pool: "ModelPool"
) -> "RenderJob":
    from animator.job import RenderJob, with_seed
    from animator.project import load

    loaded = load(path, changes)
    for text in loaded.warnings:
        warn(f"{path}: {text}")
    folder = out / loaded.project.name
    project = treated(with_seed(loaded.project, folder))
    return RenderJob(project, path.resolve().parent, folder, pool, parsed_span(frames, project.frames))


def parsed_span(text: str, frames: int) -> range | None:
    """`"A-B"` or `"A"` as a range that holds both ends; None for an empty text.

    Raises:
        UserError: if it is not within 0 .. frames - 1.
    """
    if not text:
        return None
    first, dash, last = text.partition("-")
    ends = (first.strip(), last.strip() if dash else first.strip())
    if (
        all(end.isascii() and end.isdecimal() and len(end) < 10 for end in ends)
        and int(ends[0]) <= int(ends[1]) < frames
    ):
        return range(int(ends[0]), int(ends[1]) + 1)
    raise UserError(
        f"{text!r} is no span of frames", where="--frames", way_out=f"Write A-B with 0 <= A <= B <= {frames - 1}"
    )


def render_all(jobs: "list[RenderJob]", *, fresh: bool) -> int:
    """Renders one project after the other; one that fails does not stop the rest. The worst exit code."""
    from animator.job import clear

    worst = 0
    for job in jobs:
        try:
            if fresh:
                clear(job.out)
            render_one(job)
        except DriftloopError as fault:
            if len(jobs) == 1:
                raise
            warn(f"{job.project.name}: {fault}")
            worst = max(worst, fault.exit_code)
    return worst


def render_one(job: "RenderJob") -> None:
    """One project, with a progress bar that shows the time left, then what was made."""
    from commands.plan import delivery, exported_line

    say(rendered(job))
    if job.project.interpolate is not None:
        say(f"  {exported_line(delivery(job))}")
    for output in job.outputs():
        say(f"  {output.kind:14} {output.path}")
        if output.kind == "figures" and job.project.loop and job.span is None:
            say(f"  {'as a loop':14} {_judged(output.path)}")


def rendered(job: "RenderJob") -> str:
    """Renders with a progress bar that shows the time left; says how many frames it were, and how long it took."""
    from commands.progress import progress

    start = time.monotonic()
    reused = job.reusable()
    total = len(job.span or job.timeline)
    with progress(job.project.name, total, reused) as bar:
        for _ in job.run(bar.sampled):
            bar()
    seconds = time.monotonic() - start
    kept = f", {reused} of them kept from before" if reused else ""
    return f"{job.project.name}: {total} frame{'s' * (total > 1)}{kept}, {seconds:.1f} s"


def _judged(path: Path) -> str:
    """The verdict of a report, with the figures that decide."""
    report = json.loads(path.read_text(encoding="utf-8"))
    figures = (
        f"{name} {figure['value']:.2f}"
        for name, figure in report["figures"].items()
        if "seam" in name and figure["value"] is not None
    )
    return f"{report['loops']} ({', '.join(figures)})"

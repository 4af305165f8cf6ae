"""Plots: all moving schedules and the prompts of a plan, and the figures of a clip, over one timeline."""

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from media.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from animator.job import RenderJob
    from animator.report import Report

ROW_INCHES, WIDTH_INCHES = 1.1, 12.0
PLOTS = (".png", ".svg", ".pdf")


def write_plot(job: "RenderJob", path: Path) -> None:
    """Draws a plan as a picture.

    Raises:
        UserError: if the file cannot be written.
    """
    from matplotlib.figure import Figure

    from animator.hearing import series_of

    columns = job.timeline.columns()
    moving = {name: values for name, values in columns.items() if values.min() != values.max()}
    moving |= {f"sound: {name}": values for name, values in series_of(job.project, job.source).items()}
    figure = Figure((WIDTH_INCHES, ROW_INCHES * (len(moving) + 1.6)), layout="constrained")
    axes = figure.subplots(len(moving) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, values) in zip(axes, moving.items(), strict=False):
        axis.plot(values, linewidth=1.5)
        axis.set_title(name, loc="left", fontsize=9)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=7)
    _words(job, axes[-1])
    axes[-1].set_xlim(0, len(job.timeline))
    axes[-1].set_xlabel(f"frame (of {job.project.frames}, {job.project.fps} fps)", fontsize=8)
    figure.suptitle(job.project.name, fontsize=11)
    _saved(figure, path)


def write_metrics_plot(report: "Report", name: str, path: Path) -> None:
    """Draws the figures of a clip as a picture; the seam is the last point of each ring.

    Raises:
        UserError: if the file cannot be written.
    """
    from matplotlib.figure import Figure

    series = report.series
    light, red, yellow = (series.lab - series.lab[0]).T
    panels = {
        "step to the next frame (levels²); the dot is the seam": {"": series.steps},
        "motion (pixels a frame)": {"": series.speeds},
        "change of motion (pixels)": {"": series.turns},
        "mean colour against the first frame (CIELAB)": {"L*": light, "a*": red, "b*": yellow},
        "warp error (x 1000)": {"": series.warp_errors * 1000},
        "flicker (levels)": {"": series.flicker},
    }
    figure = Figure((WIDTH_INCHES, ROW_INCHES * len(panels) + 1), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for label, values in curves.items():
            axis.plot(values, linewidth=1.5, label=label or None)
            if len(values) == series.frames and not label:
                axis.plot(series.frames - 1, values[-1], "o", color="C3")
        if len(curves) > 1:
            axis.legend(fontsize=7, loc="upper left")
        axis.set_title(title, loc="left", fontsize=9)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=7)
    axes[-1].set_xlabel(f"frame (of {series.frames}, {float(report.fps):g} fps)", fontsize=8)
    decided = ", ".join(
        f"{score.name} {score.value:.2f}"
        for score in report.scores
        if score.name in ("seam ratio", "velocity seam", "colour seam") and score.value is not None
    )
    figure.suptitle(f"{name}: as a loop {report.loops} ({decided})", fontsize=11)
    _saved(figure, path)


def check_place(path: Path) -> None:
    """Raises UserError before any work if no plot can be written there."""
    if path.suffix.lower() not in PLOTS:
        raise UserError(f"no plot ends in {path.suffix!r}", where=str(path), way_out=f"Known: {', '.join(PLOTS)}")
    if not path.parent.is_dir():
        raise UserError("there is no such folder", where=str(path.parent), way_out="Make it first")


def _saved(figure: "Figure", path: Path) -> None:
    check_place(path)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format=path.suffix[1:].lower())


def _words(job: "RenderJob", axis: object) -> None:
    """Prompts as bars from the frame where they begin to be strongest to where they end."""
    strongest = [max(step.prompt, key=lambda entry: entry[1])[0] for step in job.timeline]
    starts = [n for n, text in enumerate(strongest) if n == 0 or text != strongest[n - 1]]
    for row, (start, stop) in enumerate(zip(starts, [*starts[1:], len(strongest)], strict=True)):
        axis.barh(0, stop - start, left=start, height=0.9, alpha=0.35, color=f"C{row % 10}", edgecolor="white")  # type: ignore[attr-defined]
        text = strongest[start]
        axis.text(start, 0, f" {text[:60]}", fontsize=7, va="center", clip_on=True)  # type: ignore[attr-defined]
    axis.set_yticks([])  # type: ignore[attr-defined]
    axis.set_title("prompts", loc="left", fontsize=9)  # type: ignore[attr-defined]

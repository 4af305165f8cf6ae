"""`metrics`: the figures of a video, a folder of pictures or a render, and whether it loops."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.terminal import AsJson, ModelsFolders, say

if TYPE_CHECKING:
    from animator.report import Report

Clip = Annotated[Path, typer.Argument(help="A video, a folder of pictures, or a pattern such as 'shots/*.png'.")]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw the figures over time.")]
Rate = Annotated[str, typer.Option("--fps", help="Pictures a second, for folders and patterns.")]
Reference = Annotated[
    Path | None, typer.Option(help="A clip of the same size and length to compare with: motion (tOF), look (LPIPS).")
]


def command(
    clip: Clip,
    as_json: AsJson = False,
    plot: Plot = None,
    fps: Rate = "24",
    reference: Reference = None,
    models_dir: ModelsFolders = None,
) -> None:
    """Measure a clip: its seam, drift, flicker and motion. As a loop it passes, warns or fails."""
    from animator.report import look_scores, measured, motion_score
    from commands.clips import opened
    from commands.plotting import check_place, write_metrics_plot

    if plot is not None:
        check_place(plot)
    with opened(clip, fps) as video:
        report = measured((image for _, image in video), video.info.fps)
    if reference is not None:
        with opened(clip, fps) as video, opened(reference, fps) as other:
            score = motion_score((image for _, image in video), (image for _, image in other))
        with opened(clip, fps) as video, opened(reference, fps) as other:
            looks = look_scores((image for _, image in video), (image for _, image in other))
        report = replace(report, scores=(*report.scores, score, *looks))
    if plot is not None:
        write_metrics_plot(report, clip.name, plot)
    if as_json:
        say(json.dumps({"file": str(clip), **report.to_json()}, indent=1))
    else:
        say(f"{clip}: {report.series.frames} frames at {_rate(report.fps)} fps, measured at {report.series.size}")
        say(table(report))


def table(report: "Report") -> str:
    """The figures, one a line, then the verdict."""
    rows = [
        (score.name, _shown(score.value), score.unit, score.verdict or "", score.meaning) for score in report.scores
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {verdict:<{widths[3]}}  {meaning}"
        for name, value, unit, verdict, meaning in rows
    ]
    return "\n".join([*lines, f"as a loop: {report.loops}"])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _rate(fps: Fraction) -> str:
    return f"{float(fps):.6g}"

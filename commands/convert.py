"""`convert`: any project file in the native form."""

from pathlib import Path
from typing import Annotated

import typer

from commands.terminal import AllowDownload, Settings, say, warn

OutFile = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; printed if left out.")]


def command(
    project: Annotated[Path, typer.Argument(help="A project file, Deforum settings, or a video or frame made here.")],
    out: OutFile = None,
    settings: Settings = None,
    allow_download: AllowDownload = False,
) -> None:
    """Write a project, Deforum settings too, in the native form, and say what differs."""
    from animator.project import load, save, to_text

    loaded = load(project, settings or ())
    for text in loaded.warnings:
        warn(text)
    if out is None:
        say(to_text(loaded.project))
    else:
        save(loaded.project, out)

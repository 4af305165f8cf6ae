"""`preview`: the animation small and quick, through the same path as a render."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from commands.render import Frames, Fresh, Model, Projects, prepared, render_all
from commands.terminal import (
    AllowDownload,
    Memory,
    ModelsFolders,
    OutFolder,
    Settings,
    StylesFiles,
    styles_change,
)

Generator = Annotated[
    str,
    typer.Option(
        help="passthrough: motion alone; stills: drawn in few steps. By itself stills if a LoRA is made for it."
    ),
]


def command(
    projects: Projects,
    out: OutFolder = Path("renders/preview"),
    fresh: Fresh = False,
    generator: Generator = "",
    model: Model = "",
    frames: Frames = "",
    settings: Settings = None,
    allow_download: AllowDownload = False,
    styles: StylesFiles = None,
    models_dir: ModelsFolders = None,
    memory: Memory = "",
) -> int:
    """Render small: camera, timing and prompts' places within seconds, without a model or quickly drawn."""
    from animator.project import as_preview

    changes = [*(settings or ()), *styles_change(styles)]
    changes += [f"generator={generator}"] if generator else []
    changes += [f"model={model}"] if model else []
    jobs = prepared(projects, out, changes, frames, partial(as_preview, generator=generator))
    return render_all(jobs, fresh=fresh)

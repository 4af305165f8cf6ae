"""`preview`: camera and timing alone, through the same path as a render."""

from pathlib import Path

from commands.render import Frames, Fresh, Projects, prepared, render_all
from commands.terminal import OutFolder, Settings


def command(
    projects: Projects,
    out: OutFolder = Path("renders/preview"),
    fresh: Fresh = False,
    frames: Frames = "",
    settings: Settings = None,
) -> int:
    """Render small and without a model: shows camera, timing and prompts' places within seconds."""
    from animator.project import as_preview

    jobs = prepared(projects, out, [*(settings or ())], frames, as_preview)
    return render_all(jobs, fresh=fresh)

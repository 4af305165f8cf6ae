"""Video: every frame is drawn from the same frame of a video, on its own; motion and timing are the video's."""

from animator.lone import Lone
from animator.project import Project
from animator.sources import Sources
from core.hashing import fingerprint


def build(project: Project, sources: Sources) -> Lone:
    """The mode for one project."""
    return Lone(
        identity=fingerprint("video", sources.identity(project)),
        generation=sources.generation(project, None),
        frame=sources.video(project).at,
        palette=sources.palette(project),
    )

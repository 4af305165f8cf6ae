"""Stills: every frame is drawn on its own, from words or the init picture; words and seeds change, nothing moves."""

from animator.lone import Lone
from animator.project import Project
from animator.sources import Sources
from core.hashing import fingerprint


def build(project: Project, sources: Sources) -> Lone:
    """The mode for one project."""
    init = sources.init(project)
    denoise = project.init.denoise if project.init else None
    return Lone(
        identity=fingerprint("stills", sources.identity(project), denoise),
        generation=sources.generation(project, init),
        frame=lambda _index: init,
        palette=sources.palette(project),
        denoise=denoise,
    )

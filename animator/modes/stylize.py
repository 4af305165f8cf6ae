"""Stylize: a video drawn over; what was drawn is carried along by the video's motion, so that it holds together."""

from animator.project import Project
from animator.sources import Sources
from animator.stylizing import Stylizing


def build(project: Project, sources: Sources) -> Stylizing:
    """The mode for one project."""
    return sources.stylizing(project)

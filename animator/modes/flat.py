"""2D: every frame is the one before it, turned, zoomed and shifted in the picture plane, then re-imagined."""

from animator.feedback import Feedback, Mover
from animator.params import FrameParams
from animator.project import Project
from animator.sources import Sources
from core.image import Image
from motion.warp2d import warp2d


def build(project: Project, sources: Sources) -> Feedback:
    """The mode for one project."""
    warp = project.warp

    def look(_picture: Image, _index: int) -> Mover:
        return move

    def move(image: Image, params: FrameParams) -> Image:
        return warp2d(
            image, params.camera, border=warp.border, sampling=warp.sampling, geometry=warp.geometry, flip=warp.flip
        )

    return sources.feedback(project, look, "flat")

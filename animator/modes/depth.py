"""3D: every frame is the one before it, seen from a moved camera through its depth map, then re-imagined."""

import numpy as np

from animator.feedback import Feedback, Mover
from animator.params import FrameParams
from animator.project import Project
from animator.sources import Sources
from core.image import Image
from motion.depth import equalized
from motion.warp3d import warp3d


def build(project: Project, sources: Sources) -> Feedback:
    """The mode for one project."""
    warp, estimator = project.warp, sources.depth()

    rules = project.depth

    def look(picture: Image, index: int) -> Mover:
        depth = estimator.estimate(picture, index) if rules.warp else np.ones(picture.shape[:2], np.float32)
        if rules.equalize:
            depth = equalized(depth, rules.spread)

        def move(image: Image, params: FrameParams) -> Image:
            return warp3d(
                image,
                depth,
                params.camera,
                params.lens,
                border=warp.border,
                sampling=warp.sampling,
                geometry=warp.geometry,
                flip=warp.flip,
            )

        return move

    return sources.feedback(project, look, "depth", estimator.identity, rules.equalize, rules.spread, rules.warp)

"""Sources: what modes are made of, with every name already turned into an object."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from animator.closing import Ring
from animator.coherence import remembered_palette
from animator.feedback import Feedback, Looker
from animator.project import Project
from animator.showing import Controls
from animator.timeline import checkpoints
from core.hashing import array_fingerprint, fingerprint
from core.image import Image, Size, resized
from diffusion.backends import Generator
from diffusion.models.files import model_identity, model_path
from media.read import read_image
from motion.depth import DepthEstimator
from motion.flow import FlowEstimator


@dataclass(frozen=True, slots=True)
class Sources:
    """The generator, the depth estimator and the pictures of one project."""

    generator: Generator
    depth: Callable[[], DepthEstimator]  # built when a mode asks for it
    flow: Callable[[], FlowEstimator]  # likewise
    controls: Controls  # the control units of the project
    folder: Path  # relative paths of pictures start here

    def picture(self, path: str, size: Size) -> Image:
        """A picture the project names, at the size of its frames."""
        return resized(read_image(self.folder / path), size, "lanczos")

    def feedback(self, project: Project, look: Looker, *identity: object) -> Feedback:
        """The feedback loop of a project, moved by `look`; `identity` is all that `look` depends on."""
        init = self.picture(project.init.image, project.size) if project.init else None
        follows_first = project.color.reference == "first" or project.color.match == "none"
        palette = None if follows_first else self.picture(project.color.reference, project.size)
        denoise = project.init.denoise if project.init else 0.0
        prints = [None if image is None else array_fingerprint(image) for image in (init, palette)]
        refiner = [project.refiner.model] if project.refiner else []
        models = {name: model_identity(model_path(name)) for name in {*checkpoints(project), *refiner} if name}
        ring = Ring.of(project)
        rules = (
            ring,
            models,
            self.controls.identity,
            project.warp,
            project.color,
            project.size,
            project.cadence,
            denoise,
            prints,
        )
        return Feedback(
            identity=fingerprint(*identity, self.generator.identity, *rules),
            generator=self.generator,
            look=look,
            size=project.size,
            cadence=project.cadence,
            color=project.color,
            palette_of=remembered_palette(project.color),
            init=init,
            init_denoise=denoise,
            palette=palette,
            ring=ring if ring and ring.method == "closed" else None,
            controls=self.controls,
            flow=self.flow,
        )

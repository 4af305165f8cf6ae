"""Sources: what modes are made of, with every name already turned into an object."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from animator.closing import Ring
from animator.coherence import ColorReference, remembered_palette
from animator.feedback import Feedback, Looker
from animator.project import Project
from animator.showing import Controls
from animator.stylizing import Stylizing
from animator.timeline import checkpoints
from animator.watching import Clip, Watcher
from core.checksum import checksum
from core.hashing import array_fingerprint, fingerprint
from core.image import Image, Size, resized
from diffusion.backends import Generator
from diffusion.models.files import model_identity, model_path
from media.footage import Footage
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
        palette = self._palette(project)
        denoise = project.init.denoise if project.init else 0.0
        prints = [None if image is None else array_fingerprint(image) for image in (init, palette)]
        ring = Ring.of(project)
        rules = (
            ring,
            _models(project),
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

    def stylizing(self, project: Project) -> Stylizing:
        """The mode that draws over a project's clip."""
        source = project.source
        assert source is not None
        estimator = self.flow()
        clip = Clip(source, self.footage(project), project.size)
        palette = self._palette(project)
        print_ = None if palette is None else array_fingerprint(palette)
        rules = (source, project.color, project.size, project.fps, estimator.identity, checksum(clip.files()), print_)
        return Stylizing(
            identity=fingerprint("stylize", self.generator.identity, _models(project), self.controls.identity, *rules),
            generator=self.generator,
            watcher=Watcher(clip, estimator, project.frames, cuts=source.cuts),
            size=project.size,
            color=project.color,
            palette=None if palette is None else ColorReference.of(palette, project.color),
            grain=source.grain,
            controls=self.controls,
        )

    def footage(self, project: Project) -> Footage:
        """The pictures of a project's clip, for one reader."""
        assert project.source is not None
        return Footage(self.folder / Path(project.source.clip).expanduser(), project.fps)

    def _palette(self, project: Project) -> Image | None:
        """The picture whose colours are wanted; None where the first frame's are, or none."""
        follows_first = project.color.reference == "first" or project.color.match == "none"
        return None if follows_first else self.picture(project.color.reference, project.size)


def _models(project: Project) -> dict[str, str]:
    """The identities of all models that a project names besides its own."""
    refiner = [project.refiner.model] if project.refiner else []
    return {name: model_identity(model_path(name)) for name in {*checkpoints(project), *refiner} if name}

"""Video: every frame is drawn from the same frame of a video, on its own; motion and timing are the video's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from animator.coherence import color_matched, grayscaled
from animator.feedback import REFERENCE, Palette
from animator.generation import Generation
from animator.params import FrameParams
from animator.project import Project
from animator.sources import Sources
from animator.steps import Carry, Step
from core.hashing import fingerprint
from core.image import Image


def build(project: Project, sources: Sources) -> "FromVideo":
    """The mode for one project."""
    frames, palette = sources.video(project), sources.palette(project)
    return FromVideo(
        identity=fingerprint("video", sources.identity(project)),
        generation=sources.generation(project, None),
        frame=frames.at,
        palette=palette,
    )


@dataclass(frozen=True, slots=True)
class FromVideo:
    """Frames that know nothing of each other, but for the colours of the first."""

    identity: str
    generation: Generation
    frame: Callable[[int], Image]
    palette: Palette

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """One step a frame."""
        return [Step((params,)) for params in timeline]

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """Draws over the video's frame."""
        (params,) = step.frames
        result = self.generation.first(params, self.frame(params.index))
        given = self.palette.given
        reference = given(params.index) if given else carry.images.get(REFERENCE)
        if reference is not None and (given or self.palette.rules.match_result):
            result = color_matched(result, self.palette.measured(reference))
        if self.palette.rules.grayscale:
            result = grayscaled(result)
        masks = self.generation.masks
        if masks is not None:
            result = masks.laid_over(result, params.masks, params.index)
        return [result], Carry() if given else Carry({REFERENCE: result if reference is None else reference})

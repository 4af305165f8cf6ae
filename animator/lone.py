"""Lone: frames that know nothing of each other, drawn from words, a picture, or the frames of a video."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from animator.coherence import color_matched, grayscaled
from animator.feedback import REFERENCE, Palette
from animator.generation import Generation
from animator.params import FrameParams
from animator.steps import Carry, Step
from core.image import Image


@dataclass(frozen=True, slots=True)
class Lone:
    """A mode whose frames are drawn on their own, but for the colours of the first."""

    identity: str
    generation: Generation
    frame: Callable[[int], Image | None]  # what a frame is drawn from; None for words alone
    palette: Palette
    denoise: float | None = None  # of every frame, in place of what is scheduled

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """One step a frame."""
        return [Step((params,)) for params in timeline]

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """Draws one frame."""
        (params,) = step.frames
        if self.denoise is not None:
            params = replace(params, sampling=replace(params.sampling, denoise=self.denoise))
        result = self.generation.first(params, self.frame(params.moment))
        given = self.palette.given
        reference = given(params.moment) if given else carry.images.get(REFERENCE)
        if reference is not None and (given or self.palette.rules.match_result):
            result = color_matched(result, self.palette.measured(reference))
        if self.palette.rules.grayscale:
            result = grayscaled(result)
        masks = self.generation.masks
        if masks is not None:
            result = masks.laid_over(result, params.masks, params.moment)
        return [result], Carry() if given else Carry({REFERENCE: result if reference is None else reference})

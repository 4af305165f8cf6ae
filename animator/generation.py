"""Generation: one picture of a render asked from the generator, with its masks, guides and second tries."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from animator.guided import Guide
from animator.masks import Masks
from animator.mix import FeedbackRules
from animator.orders.colors import corrected
from animator.params import FrameParams
from animator.showing import NO_CONTROLS, Controls, Seen
from core.errors import BrokenPicture
from core.image import Image, Size
from core.seeds import SEED_RANGE, derive
from diffusion.backends import Generator
from diffusion.request import ImageRequest
from motion.fields import warped
from motion.flow import FlowEstimator

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generation:
    """Who draws, and everything that takes part in it."""

    generator: Generator
    size: Size
    rules: FeedbackRules = field(default_factory=FeedbackRules)
    masks: Masks | None = None
    guide: Guide | None = None
    flow: FlowEstimator | None = None  # there for rules.flow_redo
    controls: Controls = NO_CONTROLS  # what steers the pictures
    faces: Callable[[Image], Image] | None = None  # draws the faces of a picture anew

    def first(self, params: FrameParams, init: Image | None) -> Image:
        """The picture of a frame that grows out of no other: from text, or from a given picture."""
        return self._drawn(params, init, Seen(init=init))

    def next(self, params: FrameParams, init: Image, seen: Seen) -> Image:
        """The picture of a frame that grows out of the one before, drawn over as often as the rules say.

        Args:
            params: of the frame.
            init: what it grows out of, made ready.
            seen: what there is to look at; its `init` is the same picture before contrast and noise, from which flow
                of a redone picture is measured.
        """
        start, moved = init, seen.init
        if self.flow is not None and moved is not None and params.sampling.denoise < 1:
            trial = self._drawn(self._reseeded(params, "redo flow", 0), start, seen)
            field = self.flow.flow(trial, moved) * np.float32(params.mix.redo_flow)
            start = warped(trial, field, border="reflection", sampling="bilinear")
        if params.sampling.denoise < 1:
            for time in range(self.rules.redo):
                start = self._drawn(self._reseeded(params, "redo", time), start, seen)
        return self._drawn(params, start, seen)

    def _drawn(self, params: FrameParams, init: Image | None, seen: Seen) -> Image:
        """One picture. Masks are found in what is seen, so that all tries of a frame share them."""
        colors, canvas, mask = None, None, None
        if self.guide is not None and init is not None:
            init, colors = self.guide.guided(init, params.moment, params.mix)
        if self.masks is not None and init is not None:
            mask = self.masks.drawn(init if seen.init is None else seen.init, params.masks, params.moment)
            canvas = None if mask is None else self.masks.canvas(init, mask)
        controls = self.controls.of(params, replace(seen, mask=mask))
        request = params.request(self.size, init if canvas is None else canvas.init, controls)
        if canvas is not None and self.masks is not None:
            request = replace(request, inpaint=self.masks.inpaint(canvas))
        picture = self._tried(params.in_passes(request))
        if self.faces is not None:
            picture = self.faces(picture)
        if colors is not None:
            picture = corrected(picture, colors)
        return picture if canvas is None else canvas.pasted(picture)

    def _tried(self, request: ImageRequest) -> Image:
        """The picture of a request; what happens to a blank one is what the rules say.

        Raises:
            BrokenPicture: if it is blank and the rules do not take that.
        """
        tries = self.rules.patience if self.rules.blank == "reroll" else 1
        for time in range(tries):
            try:
                return self.generator.generate([replace(request, seed=(request.seed + time) % SEED_RANGE)])[0]
            except BrokenPicture:
                if time == tries - 1 and self.rules.blank != "ignore":
                    raise
                log.warning("seed %d gave a blank picture", (request.seed + time) % SEED_RANGE)
        return np.zeros((self.size.height, self.size.width, 3), np.uint8)

    @staticmethod
    def _reseeded(params: FrameParams, purpose: str, time: int) -> FrameParams:
        """The frame with a seed of its own, drawn from the frame's."""
        return replace(params, seed=derive(params.seed, purpose, time))

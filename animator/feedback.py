"""The feedback loop shared by flat and depth mode: warp, condition, generate, blend the frames of the cadence.

Every frame grows out of the one before it. With cadence N a picture is generated at every N-th frame; the
frames from there to the next are that picture and the one before it, both moved on and cross-faded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from animator.closing import Ring
from animator.coherence import CoherenceRules, ColorReference, color_matched, conditioned, grayscaled
from animator.params import FrameParams
from animator.showing import NO_CONTROLS, Controls, Seen
from animator.steps import Carry, Step
from core.image import FlowField, Image, Size
from diffusion.backends import Generator
from motion.flow import FlowEstimator

Mover = Callable[[Image, FrameParams], Image]  # a picture moved from the frame before to this frame
Looker = Callable[[Image, int], Mover]  # looks at a picture of a frame index to tell how it and its like move

PREVIOUS, REFERENCE = "previous", "reference"  # in Carry: the last frame; the picture whose colours are kept
RUN_IN = "run-in "  # in Carry: the picture before the frame of that number, kept for the end of a loop


@dataclass(frozen=True, slots=True)
class Feedback:
    """A mode whose frames grow out of each other; `look` says how they move."""

    identity: str
    generator: Generator
    look: Looker
    size: Size
    cadence: int
    color: CoherenceRules
    palette_of: Callable[[Image], ColorReference]  # by the rules in `color`
    init: Image | None = None  # what the first frame starts from, of `size`
    init_denoise: float = 0.0  # 0..1
    palette: Image | None = None  # colours are taken from here in place of the first frame
    ring: Ring | None = None  # of a closed loop, whose end is steered to the run-in
    controls: Controls = NO_CONTROLS  # what steers the pictures
    flow: Callable[[], FlowEstimator] | None = None  # sees how pictures moved, for controls that ask

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """Blocks of `cadence` frames; the last one may be shorter."""
        starts = range(0, len(timeline), self.cadence)
        return [Step(tuple(timeline[start : start + self.cadence])) for start in starts]

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """Generates at the step's first frame, then moves on to its last."""
        first = step.frames[0]
        previous = self._steered(first.index, carry)
        reference = carry.images.get(REFERENCE, self.palette)
        colors = None if reference is None else self.palette_of(reference)
        if previous is None:
            sampling = replace(first.sampling, denoise=self.init_denoise) if self.init is not None else first.sampling
            result = self._generated(replace(first, sampling=sampling), self.init, Seen(init=self.init))
            matches = self.palette is not None
        else:
            moved = self.look(previous, first.index - 1)(previous, first)
            init = conditioned(moved, first.coherence, self.color, colors, first.noise_seed)
            motion = partial(self._motion, previous, moved)
            result = self._generated(first, init, Seen(moved, previous, moved, motion))
            if reference is None:
                reference, colors = moved, self.palette_of(moved)
            matches = self.color.match_result
        if matches and colors is not None:
            result = color_matched(result, colors)
        if self.color.grayscale:
            result = grayscaled(result)
        if self._pins(first, is_start=previous is None):
            reference = result
        images = list(self._block(step, previous, result))
        kept = {name: image for name, image in carry.images.items() if name.startswith(RUN_IN)}
        if self.ring is not None and first.index < self.ring.run_in:
            kept[f"{RUN_IN}{first.index + len(images)}"] = images[-1]
        kept[PREVIOUS] = images[-1]
        return images, Carry(kept if reference is None else kept | {REFERENCE: reference})

    def _steered(self, index: int, carry: Carry) -> Image | None:
        """What the picture at a frame grows out of: the one before; near the end of a closed loop more and more the
        one that the run-in had in its place, at last that alone.
        """
        previous = carry.images.get(PREVIOUS)
        place = 0 if self.ring is None else index - self.ring.frames
        if self.ring is None or previous is None or place < self.cadence:
            return previous
        return faded(previous, carry.images[f"{RUN_IN}{place}"], place / (self.ring.run_in - self.cadence))

    def _generated(self, params: FrameParams, init: Image | None, seen: Seen) -> Image:
        return self.generator.generate([params.request(self.size, init, self.controls.of(params, seen))])[0]

    def _motion(self, previous: Image, moved: Image) -> FlowField:
        """How the pixels of the frame before moved; forward, on its grid."""
        assert self.flow is not None
        return self.flow().flow(moved, previous)

    def _pins(self, params: FrameParams, *, is_start: bool) -> bool:
        """Whether this result's colours are the ones to keep from here on."""
        if self.palette is not None:
            return False
        if self.color.repin:
            return params.sampling.denoise >= 1
        # Deforum takes the colours of a picture the user gave only after it has moved once
        return is_start and (self.init is None or self.color.look == "true")

    def _block(self, step: Step, previous: Image | None, result: Image) -> list[Image]:
        """The step's frames: the newer picture moved on, faded in over the older one.

        Source: the weights are Deforum's, (k + 1) / cadence for the k-th frame of the block.
        """
        images: list[Image] = []
        older, newer = previous, result
        for n, params in enumerate(step.frames):
            weight = (n + 1) / self.cadence
            fades = older is not None and weight < 1
            if n or fades:
                move = self.look(newer, params.index - 1 if n else params.index)
                older = move(older, params) if fades and older is not None else None
                newer = move(newer, params) if n else newer
            images.append(newer if older is None or not fades else faded(older, newer, weight))
        return images


def faded(older: Image, newer: Image, weight: float) -> Image:
    """`older` at weight 0, `newer` at weight 1, between them linear in sRGB levels, rounded."""
    return np.asarray(cv2.addWeighted(older, 1 - weight, newer, weight, 0), dtype=np.uint8)

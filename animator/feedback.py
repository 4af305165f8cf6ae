"""The feedback loop shared by flat and depth mode: warp, condition, generate, blend the frames of the cadence.

Every frame grows out of the one before it. With cadence N a picture is generated at every N-th frame; the
frames from there to the next are that picture and the one before it, both moved on and cross-faded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from animator.closing import Ring
from animator.coherence import (
    EVERYWHERE,
    CoherenceRules,
    ColorReference,
    color_matched,
    grained,
    grayscaled,
    recolored,
)
from animator.generation import Generation
from animator.hybrid import Hybrid, Move
from animator.params import FrameParams
from animator.showing import Seen
from animator.steps import Carry, Step
from core.image import FlowField, Image
from motion.fields import carried, warped
from motion.flow import FlowEstimator

Mover = Callable[[Image, FrameParams], Image]  # a picture moved from the frame before to this frame
Looker = Callable[[Image, int], Mover]  # looks at a picture of a frame index to tell how it and its like move

PREVIOUS, REFERENCE = "previous", "reference"  # in Carry: the last frame; the picture whose colours are kept
RUN_IN = "run-in "  # in Carry: the picture before the frame of that number, kept for the end of a loop


@dataclass(frozen=True, slots=True)
class Palette:
    """Whose colours are kept: those of the first frame, or of pictures from elsewhere."""

    rules: CoherenceRules
    measured: Callable[[Image], ColorReference]  # by the rules
    given: Callable[[int], Image] | None = None  # the picture from elsewhere for a frame; None: the first frame

    def pins(self, params: FrameParams, *, is_start: bool, has_init: bool) -> bool:
        """Whether the result of a frame is the one whose colours are kept from here on."""
        if self.given is not None:
            return False
        if self.rules.repin:
            return params.sampling.denoise >= 1
        # Deforum takes the colours of a picture the user gave only after it has moved once
        return is_start and (not has_init or self.rules.look == "true")


@dataclass(frozen=True, slots=True)
class Feedback:
    """A mode whose frames grow out of each other; `look` says how they move."""

    identity: str
    generation: Generation
    look: Looker
    cadence: int
    palette: Palette
    init: Image | None = None  # what the first frame starts from, of the size of frames
    init_denoise: float = 0.0  # 0..1
    hybrid: Hybrid | None = None  # the video that takes part
    meeting: FlowEstimator | None = None  # sees motion between the two pictures of a cadence, so that they meet
    flow: Callable[[], FlowEstimator] | None = None  # sees how pictures moved, for controls that ask
    ring: Ring | None = None  # of a closed loop, whose end is steered to the run-in

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """Blocks of `cadence` frames; the last one may be shorter."""
        starts = range(0, len(timeline), self.cadence)
        return [Step(tuple(timeline[start : start + self.cadence])) for start in starts]

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """Generates at the step's first frame, then moves on to its last."""
        first, palette = step.frames[0], self.palette
        follow: Move = _stays
        previous = self._steered(first.index, carry)
        reference = palette.given(first.moment) if palette.given else carry.images.get(REFERENCE)
        colors = None if reference is None else palette.measured(reference)
        if previous is None:
            sampling = replace(first.sampling, denoise=self.init_denoise) if self.init is not None else first.sampling
            result = self.generation.first(replace(first, sampling=sampling), self.init)
            matches = palette.given is not None
        else:
            moved, follow = self._moved(previous, first)
            result = self._grown(previous, moved, first, colors)
            if self.hybrid is not None:
                result = self.hybrid.composed(result, first, "after generation", previous)
            if reference is None:
                reference, colors = moved, palette.measured(moved)
            matches = palette.rules.match_result
        if matches and colors is not None:
            result = color_matched(result, colors)
        result = self._laid_over(result, first)
        if palette.pins(first, is_start=previous is None, has_init=self.init is not None):
            reference = result
        images = list(self._block(step, previous, result, follow))
        kept = {name: image for name, image in carry.images.items() if name.startswith(RUN_IN)}
        if self.ring is not None and first.index < self.ring.run_in:
            kept[f"{RUN_IN}{first.index + len(images)}"] = images[-1]
        kept[PREVIOUS] = images[-1]
        return images, Carry(kept if reference is None or palette.given else kept | {REFERENCE: reference})

    def _steered(self, index: int, carry: Carry) -> Image | None:
        """What the picture at a frame grows out of: the one before; near the end of a closed loop more and more the
        one that the run-in had in its place, at last that alone.
        """
        previous = carry.images.get(PREVIOUS)
        place = 0 if self.ring is None else index - self.ring.frames
        if self.ring is None or previous is None or place < self.cadence:
            return previous
        return faded(previous, carry.images[f"{RUN_IN}{place}"], place / (self.ring.run_in - self.cadence))

    def _follow(self, params: FrameParams, shown: Image) -> Move:
        """How pictures go on to a frame with the video; nothing where none moves them."""
        return _stays if self.hybrid is None else self.hybrid.mover(params, shown)

    def _moved(self, previous: Image, params: FrameParams) -> tuple[Image, Move]:
        """The frame before as it stands in this one: moved by the camera and the video, the video mixed in.

        With it comes how other pictures go on to this frame with the video.
        """
        moved = self.look(previous, self._before(params))(previous, params)
        if self.hybrid is None:
            return moved, _stays
        moved = self.hybrid.composed(moved, params, "before motion", previous)
        follow = self.hybrid.mover(params, previous)
        return self.hybrid.composed(follow(moved), params, "normal", previous), follow

    def _before(self, params: FrameParams) -> int:
        """The frame of the project before this one; in a ring the last comes before the first."""
        return self.ring.frames - 1 if self.ring and not params.moment else params.moment - 1

    def _grown(self, previous: Image, moved: Image, params: FrameParams, colors: ColorReference | None) -> Image:
        """The picture generated from the moved one."""
        rules, masks = self.palette.rules, self.generation.masks
        settled = recolored(moved, rules, colors)
        reach = masks.reach(settled, params.masks, params.moment) if masks is not None else EVERYWHERE
        init = grained(settled, params.coherence, rules, params.noise_seed, reach)
        return self.generation.next(
            params, init, Seen(settled, previous, moved, partial(self._motion, previous, moved))
        )

    def _motion(self, previous: Image, moved: Image) -> FlowField:
        """How the pixels of the frame before moved; forward, on its grid."""
        assert self.flow is not None
        return self.flow().flow(moved, previous)

    def _laid_over(self, image: Image, params: FrameParams) -> Image:
        """A picture as it is shown: gray if the rules say so, the background where nothing is drawn."""
        if self.palette.rules.grayscale:
            image = grayscaled(image)
        masks = self.generation.masks
        return image if masks is None else masks.laid_over(image, params.masks, params.moment)

    def _block(self, step: Step, previous: Image | None, result: Image, follow: Move) -> Iterator[Image]:
        """The step's frames: the newer picture moved on, faded in over the older one.

        Source: the weights are Deforum's, (k + 1) / cadence for the k-th frame of the block.

        Args:
            step: the frames.
            previous: the frame before them.
            result: the picture generated at the first.
            follow: how pictures go on to the first with the video.
        """
        older, newer, shown = previous, result, previous
        for n, params in enumerate(step.frames):
            weight = (n + 1) / self.cadence
            fades = older is not None and weight < 1
            if n or fades:
                if n and shown is not None:
                    follow = self._follow(params, shown)
                move = self._mover(newer, params, follow, is_first=n == 0)
                older = move(older) if fades and older is not None else None
                newer = move(newer) if n else newer
            image = newer if older is None or not fades else self._between(older, newer, weight, params)
            shown = image if image is result else self._laid_over(image, params)
            yield shown

    def _mover(self, newer: Image, params: FrameParams, follow: Move, *, is_first: bool) -> Move:
        """How both pictures of a block go on to a frame: with the camera, then with the video."""
        move = self.look(newer, params.moment if is_first else self._before(params))
        return lambda image: follow(move(image, params))

    def _between(self, older: Image, newer: Image, weight: float, params: FrameParams) -> Image:
        """The older picture at weight 0, the newer at 1; in between both are drawn to where they meet."""
        if self.meeting is not None and params.sampling.denoise < 1:
            field = self.meeting.flow(older, newer) * np.float32(params.mix.cadence_flow)
            back = -carried(field, -field)  # nearly the way back: what moved to p came from p - field
            older = warped(older, field * np.float32(weight), border="reflection", sampling="bilinear")
            newer = warped(newer, back * np.float32(1 - weight), border="reflection", sampling="bilinear")
        return faded(older, newer, weight)


def _stays(image: Image) -> Image:
    return image


def faded(older: Image, newer: Image, weight: float) -> Image:
    """`older` at weight 0, `newer` at weight 1, between them linear in sRGB levels, rounded."""
    return np.asarray(cv2.addWeighted(older, 1 - weight, newer, weight, 0), dtype=np.uint8)

"""Stylizing: a clip drawn over, frame by frame; what was drawn before is carried along by how the clip moves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from animator.coherence import CoherenceRules, ColorReference, color_matched, conditioned, grayscaled
from animator.params import FrameParams
from animator.showing import Controls, Seen
from animator.source import Grain
from animator.steps import Carry, Step
from animator.trail import Look, Trail, entering, softened
from animator.watching import Watcher
from core.image import FlowField, Image, Mask, Size, rounded
from core.seeds import derive
from diffusion.backends import Generator
from diffusion.request import ImageRequest, Inpaint, NoiseDrift, Regard
from motion.fields import warped

PREVIOUS, ANCHOR = "previous", "anchor "  # in Carry: the last frame; the picture of the frame of that number
TOGETHER = 8  # frames that know nothing of each other, drawn at once
ENOUGH = 0.6  # share of the picture that must be carried from an anchor, else there is a new one
FRESH = np.float32(0.5)  # how much less colours and smoothness are held where something comes in
WIDE = 1 / 24  # of the height; spread over which colours are held


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What was drawn before, brought to where things are now."""

    previous: Image  # the frame before, as it was
    anchor: Image  # likewise
    nearer: Image  # the frame before, moved; the clip where that shows nothing of now
    picture: Image  # the anchor, moved, where that can be believed; elsewhere the frame before, moved
    belief: Mask  # 0..1: where `picture` shows what is there now
    drawn: Mask  # 0..1: where it is drawn well enough to be drawn over lightly; not where something comes in
    trail: Trail

    @classmethod
    def of(cls, previous: Image, anchor: Image, look: Look, trail: Trail) -> "Past":
        """The past of a frame."""
        assert look.flow is not None and look.belief is not None
        far, near = softened(trail.belief), softened(look.belief)
        nearer = warped(previous, look.flow)
        picture = mixed(nearer, warped(anchor, trail.flow), far)
        belief, comes_in = np.maximum(far, near), entering(look.belief)
        held, drawn = belief * (1 - FRESH * comes_in), belief * (1 - comes_in)
        return cls(previous, anchor, mixed(look.image, nearer, near * (1 - comes_in)), picture, held, drawn, trail)


@dataclass(frozen=True, slots=True)
class Stylizing:
    """A mode that draws over a clip."""

    identity: str
    generator: Generator
    watcher: Watcher
    size: Size
    color: CoherenceRules
    palette: ColorReference | None  # of a picture whose colours are wanted
    grain: Grain
    controls: Controls

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """One frame a step; frames that know nothing of those before, several."""
        steps: list[Step] = []
        for params in timeline:
            joins = bool(steps) and self._is_alone(params) and self._is_alone(steps[-1].frames[0])
            if joins and len(steps[-1].frames) < TOGETHER:
                steps[-1] = Step((*steps[-1].frames, params))
            else:
                steps.append(Step((params,)))
        return steps

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """Draws the step's frames."""
        params = step.frames[-1]
        if self._is_alone(params):
            looked = [self.watcher.look(index, moves=False) for index in step.indices]
            images = self._drawn_alone(step.frames, looked)
            return images, _anchored(params.index, images[-1])
        look = self.watcher.look(params.index)
        if look.is_cut or not carry.images:
            self.watcher.go_on(params.index, params.index, look)
            [image] = self._drawn_alone(step.frames, [look])
            return [image], _anchored(params.index, image)
        anchor = next(name for name in carry.images if name.startswith(ANCHOR))
        trail = self.watcher.trail(int(anchor.removeprefix(ANCHOR)), params.index, look)
        is_anchor = _is_anchor(params, trail)
        self.watcher.go_on(params.index if is_anchor else trail.anchor, params.index, look)
        image = self._drawn(params, look, Past.of(carry.images[PREVIOUS], carry.images[anchor], look, trail))
        if is_anchor:
            return [image], _anchored(params.index, image)
        return [image], Carry({PREVIOUS: image, anchor: carry.images[anchor]})

    def _is_alone(self, params: FrameParams) -> bool:
        """Whether a frame needs to know nothing of those before it."""
        numbers = params.stylize
        asks = numbers.carry, numbers.color, numbers.smooth, numbers.attention
        return not any(asks) and self.grain == "seed" and not self.controls.looks_back

    def _drawn_alone(self, frames: Sequence[FrameParams], looks: Sequence[Look]) -> list[Image]:
        """Frames that nothing is carried to."""
        requests = []
        for params, look in zip(frames, looks, strict=True):
            init = conditioned(look.image, params.coherence, self.color, None, params.noise_seed)
            controls = self.controls.of(params, Seen(look.image, ready=look.ready))
            requests.append(params.request(self.size, init, controls))
        return [self._coloured(image) for image in self.generator.generate(requests)]

    def _drawn(self, params: FrameParams, look: Look, past: Past) -> Image:
        """A frame drawn over what is carried to it."""
        numbers = params.stylize
        init = mixed(look.image, past.picture, past.drawn * np.float32(numbers.carry))
        init = conditioned(init, params.coherence, self.color, None, params.noise_seed)
        seen = Seen(look.image, past.previous, past.nearer, partial(_motion, look), ready=look.ready)
        request = self._eased(params.request(self.size, init, self.controls.of(params, seen)), params, past)
        drawn = self._coloured(self.generator.generate([request])[0])
        held = color_held(drawn, past.picture, past.belief, numbers.color)
        return mixed(held, past.picture, past.belief * np.float32(numbers.smooth))

    def _eased(self, request: ImageRequest, params: FrameParams, past: Past) -> ImageRequest:
        """The request with less denoising where the picture is carried, grain that moves, and a look back."""
        numbers = params.stylize
        strength = 1 - past.drawn * np.float32(numbers.carry * (1 - numbers.renewal))
        if strength.min() < 1:
            request = replace(request, inpaint=Inpaint(strength.astype(np.float32), is_gradual=True))
        if numbers.attention:
            is_one = past.trail.index - past.trail.anchor == 1
            looked = (past.anchor,) if is_one else (past.anchor, past.previous)
            request = replace(request, regard=Regard(looked, numbers.attention))
        if self.grain == "flow":
            fresh = (past.trail.belief < 0.5).astype(np.float32)
            request = replace(request, drift=NoiseDrift(past.trail.flow, fresh, derive(params.seed, "fresh grain")))
        return request

    def _coloured(self, image: Image) -> Image:
        image = image if self.palette is None else color_matched(image, self.palette)
        return grayscaled(image) if self.color.grayscale else image


def mixed(below: Image, above: Image, share: Mask) -> Image:
    """`above` at the share 1, `below` at 0; uint8, H x W x 3. Where both are equal, exactly that."""
    weight = cv2.merge([share, share, share])
    levels = cv2.multiply(below, 1 - weight, dtype=cv2.CV_32F)
    levels += cv2.multiply(above, weight, dtype=cv2.CV_32F)
    return rounded(levels)


def color_held(image: Image, reference: Image, belief: Mask, amount: float) -> Image:
    """A picture whose soft colours are those of another one where that is believed; its detail stays.

    Args:
        image: uint8, H x W x 3, RGB.
        reference: likewise.
        belief: 0..1, of their size.
        amount: 0 leaves the picture as it is; 1 holds its colours fully.
    """
    if amount == 0:
        return image
    spread = max(1.0, WIDE * image.shape[0])
    apart = cv2.subtract(reference, image, dtype=cv2.CV_32F)
    apart *= belief[..., None]
    shift = cv2.GaussianBlur(apart, (0, 0), spread)
    shift /= np.maximum(cv2.GaussianBlur(belief, (0, 0), spread), np.float32(0.05))[..., None]
    shift *= np.float32(amount)
    return rounded(shift + image)


def _motion(look: Look) -> FlowField:
    assert look.back is not None
    return look.back


def _is_anchor(params: FrameParams, trail: Trail) -> bool:
    """Whether later frames are carried from this one."""
    every = int(params.stylize.anchor)
    return trail.index - trail.anchor >= every if every else trail.share < ENOUGH


def _anchored(index: int, image: Image) -> Carry:
    return Carry({PREVIOUS: image, f"{ANCHOR}{index}": image})

"""Hybrid: frames of a video mixed into the render, and their motion carried over to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from animator.mix import FlowName, Mix
from animator.params import FrameParams
from core.image import DepthMap, FlowField, Image, Mask, Size, blended, rounded
from motion.fields import agreement, pictured, warped
from motion.flow import FlowEstimator
from motion.homography import Matrix, inverse, mapped
from motion.matching import motion_between
from motion.resample import pixel_axes, resampled

Composite = Literal["none", "before motion", "normal", "after generation"]
VideoMotion = Literal["none", "flow", "affine", "perspective"]
MixMask = Literal["none", "depth", "video depth", "blend", "difference"]
Equalize = Literal["none", "before", "after", "both"]
Look = Callable[[Image, int], DepthMap]  # a depth estimator: a picture, and the frame it belongs to
Move = Callable[[Image], Image]
Keep = Callable[[int, str, Image], None]  # a picture of a step: the frame, what it shows


@dataclass(frozen=True, slots=True)
class HybridRules:
    """How a video takes part in a feedback render: mixed into its pictures, moving them, or both."""

    composite: Composite = "none"  # when a video frame is mixed in: before it moves, before or after generation
    motion: VideoMotion = "none"  # what of the video's motion moves the picture
    flow: FlowName = "dis"  # who sees optical flow (motion flow)
    from_render: bool = False  # motion goes from the render's last frame to the video's, in place of video to video
    consistent: bool = False  # flow counts only where the way there and back meet
    blur: Annotated[int, Field(ge=0, le=64)] = 2  # pixels; how softly flow that does not count ends
    mask: MixMask = "none"  # where the render stays: white in its depth, the video's, a blend or difference of both
    invert: bool = False  # turns the mask inside out
    equalize: Equalize = "none"  # when the mask's levels are spread evenly: before or after its contrast
    auto_contrast: bool = False  # stretches the mask between mix.mask_low and mix.mask_high
    picture: str = ""  # path of a picture that is mixed in at every frame; empty: the video's frame
    save: bool = False  # keep pictures of the steps in hybrid/: 000012.mask.png, .comp, .mixed, .flow, .sure

    @property
    def needs_depth(self) -> bool:
        """Whether its mask is a depth map."""
        return self.composite != "none" and self.mask in ("depth", "video depth")


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The video of one project with everything its rules name."""

    rules: HybridRules
    frame: Callable[[int], Image]  # the video at a frame, in the size of the render
    flow: FlowEstimator | None = None  # there for motion "flow"
    depth: Look | None = None  # there for masks of depth
    picture: Image | None = None  # in place of the video's frame, where one is mixed in
    keep: Keep | None = None  # there for rules.save

    def mover(self, params: FrameParams, before: Image) -> Move:
        """How the video moves from the frame before to this one; looked at once, for all pictures that go along.

        To its first frame nothing moves: there is none before it, in a loop neither.

        Args:
            params: of this frame.
            before: the render's last frame; looked at with `from_render`.
        """
        if self.rules.motion == "none" or params.moment == 0:
            return lambda image: image
        source = before if self.rules.from_render else self.frame(params.moment - 1)
        target = self.frame(params.moment)
        if self.rules.motion == "flow":
            field = self._flow(source, target, params.index) * np.float32(params.mix.motion)
            return lambda image: warped(image, field, border="reflection", sampling="bilinear")
        matrix = motion_between(source, target, self.rules.motion)
        return lambda image: _planar(image, matrix)

    def composed(self, image: Image, params: FrameParams, when: Composite, before: Image) -> Image:
        """The picture with the video's frame mixed in, if this is when; else the very same picture."""
        if self.rules.composite != when:
            return image
        video = self.frame(params.moment) if self.picture is None else self.picture
        numbers = params.mix
        composite = video
        if self.rules.mask != "none":
            mask = self._shaped(self._mask(image, video, params, before), numbers)
            self._kept(params.index, "mask", mask)
            composite = blended(video, image, mask)
        mixed = np.asarray(cv2.addWeighted(image, 1 - numbers.video, composite, numbers.video, 0))
        if self.keep is not None:
            self.keep(params.index, "comp", composite)
            self.keep(params.index, "mixed", mixed)
        return mixed

    def _flow(self, source: Image, target: Image, index: int) -> FlowField:
        """Where each pixel of the target lies in the source; 0 where that is not to be believed."""
        assert self.flow is not None
        field = self.flow.flow(source, target)
        if self.rules.consistent:
            share = agreement(field, self.flow.flow(target, source))
            if self.rules.blur:
                share = _softened(share, self.rules.blur)
            self._kept(index, "sure", share)
            field = np.asarray(field * share[..., None], np.float32)
        if self.keep is not None:
            self.keep(index, "flow", pictured(field))
        return field

    def _kept(self, index: int, what: str, mask: Mask) -> None:
        if self.keep is not None:
            self.keep(index, what, np.repeat(rounded(mask * np.float32(255))[..., None], 3, axis=2))

    def _mask(self, image: Image, video: Image, params: FrameParams, before: Image) -> NDArray[np.uint8]:
        """The mask before its contrast, uint8, H x W; white is where the render stays."""
        match self.rules.mask:
            case "blend":
                share = params.mix.mask_blend
                return np.asarray(cv2.addWeighted(_gray(image), 1 - share, _gray(video), share, 0), np.uint8)
            case "difference":
                return np.asarray(cv2.absdiff(_gray(image), _gray(video)), np.uint8)
        assert self.depth is not None
        seen = (video, params.moment) if self.rules.mask == "video depth" else (before, params.moment - 1)
        return _nearness(self.depth(*seen))

    def _shaped(self, levels: NDArray[np.uint8], numbers: Mix) -> Mask:
        """A mask as it acts, float32, H x W, 0..1."""
        rules = self.rules
        if rules.invert:
            levels = 255 - levels
        if rules.equalize in ("before", "both"):
            levels = np.asarray(cv2.equalizeHist(levels), np.uint8)
        if numbers.mask_contrast != 1:
            mean = np.float32(round(float(levels.mean())))
            levels = rounded(mean + (levels - mean) * np.float32(numbers.mask_contrast))
        if rules.auto_contrast:
            low, high = np.percentile(levels, (int(numbers.mask_low), int(numbers.mask_high)))
            if high > low:
                levels = rounded((levels - np.float32(low)) * np.float32(255 / (high - low)))
        if rules.equalize in ("after", "both"):
            levels = np.asarray(cv2.equalizeHist(levels), np.uint8)
        return np.asarray(levels / np.float32(255), np.float32)


def _softened(mask: Mask, pixels: float) -> Mask:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), pixels, borderType=cv2.BORDER_REPLICATE), np.float32)


def _gray(image: Image) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _nearness(depth: DepthMap) -> NDArray[np.uint8]:
    """1 / depth from black, the farthest, to white, the nearest."""
    near = 1 / depth
    low, high = float(near.min()), float(near.max())
    return rounded((near - low) * np.float32(255 / (high - low))) if high > low else np.zeros(near.shape, np.uint8)


def _planar(image: Image, matrix: Matrix) -> Image:
    """The picture moved by a matrix, source to target."""
    if np.array_equal(matrix, np.eye(3)):
        return image
    x, y = mapped(inverse(matrix), *pixel_axes(Size.of(image)))
    return resampled(image, x, y, border="reflection", sampling="bilinear")

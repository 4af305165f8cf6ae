"""Draws cheap seeded noise, a function of the request alone; for tests and timings; no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.hashing import fingerprint
from core.image import Image
from core.seeds import derive
from diffusion.request import ImageRequest


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class Noise:
    """White noise that depends on seed, size and prompts, laid over the init picture by the denoising strength.

    It shares with a real model what a render loop must get right: another seed, prompt, init or strength gives
    another picture, and the same request always the same.
    """

    @property
    def window(self) -> int:
        """One request a call is enough."""
        return 1

    @property
    def identity(self) -> str:
        """Fixed: there are neither options nor weights."""
        return fingerprint("noise")

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image]:
        """One noise picture a request; uint8, H x W x 3, RGB."""
        return [_over_init(request, _white(request)) for request in requests]


def build(options: Options, pool: object) -> Noise:
    """The generator; the pool is not needed."""
    return Noise()


def _white(request: ImageRequest) -> Image:
    """Uniform noise 0..255; uint8, H x W x 3."""
    seed = derive(request.seed, "noise picture", fingerprint(request.prompt, request.negative))
    width, height = request.size
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _over_init(request: ImageRequest, noise: Image) -> Image:
    """The noise at `denoise` parts over the init picture, or alone where there is none."""
    if request.init is None:
        return noise
    share = request.sampling.denoise
    return np.asarray(cv2.addWeighted(noise, share, request.init, 1 - share, 0), dtype=np.uint8)

"""Inversion: noise of which a model would draw a picture again, so that what is drawn over it keeps its shapes."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from diffusion.request import ImageRequest
from diffusion.sampling.run import Denoise


def fitted(noise: Tensor, clean: Tensor, sigma: float, denoise: Denoise, passes: Sequence[float]) -> Tensor:
    """Noise that holds what the model would lose of a picture: e + (x0 - D(x0 + sigma e)) / sigma, again and again.

    Where that ends the model sees exactly the picture in it. One pass costs one call of the UNet and does the most.

    Source: Garibi et al. 2024, "ReNoise: Real Image Inversion Through Iterative Noising", section 4, at one level.

    Args:
        noise: unit variance; float32, N x C x rows x columns.
        clean: latents of the pictures, of that shape.
        sigma: noise level that sampling begins at, above 0.
        denoise: the model's estimate of the clean latents, without guidance.
        passes: 0 or more, of each picture; of a part of a pass that part is taken.
    """
    done = 0
    while any(left := [min(max(wanted - done, 0.0), 1.0) for wanted in passes]):
        lost = clean - denoise(clean.add(noise, alpha=sigma), sigma)
        noise = noise + lost * noise.new_tensor(left).view(-1, 1, 1, 1) / sigma
        done += 1
    return noise


def unguided(request: ImageRequest, cfg: float) -> ImageRequest:
    """A request without words or hints; `cfg` is what means no guidance to its sampler."""
    return replace(request, prompt=(("", 1.0),), negative="", controls=(), sampling=replace(request.sampling, cfg=cfg))

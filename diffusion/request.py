"""ImageRequest: everything that defines one generated picture."""

from dataclasses import dataclass

from core.image import Image, Size

PromptMix = tuple[tuple[str, float], ...]  # (text, weight) pairs; weights sum to 1 while one prompt turns into the next


@dataclass(frozen=True, slots=True)
class Sampling:
    """The keyframable numbers of one picture's sampling."""

    steps: float = 20.0  # whole steps of the noise schedule, truncated; img2img runs a part of them
    cfg: float = 7.0  # guidance scale; 1 = prompt alone, higher follows the prompt more
    denoise: float = 0.5  # denoising strength 0..1 of img2img; 0 keeps the picture, 1 ignores it
    noise_multiplier: float = 1.0  # scales the initial noise of img2img; above 1 more detail
    eta_ddim: float = 0.0  # 0..1, fresh noise per DDIM step
    eta_ancestral: float = 1.0  # 0..1, fresh noise per step of the "a" samplers
    variation_seed: float = 0.0  # second seed, truncated
    variation_strength: float = 0.0  # 0..1, from the seed's noise to the variation seed's noise
    clip_skip: float = 1.0  # 1 = last layer of the text encoder, 2 = the one before, truncated


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture to make: from text, or from `init` when there is one."""

    prompt: PromptMix
    negative: str
    size: Size
    seed: int  # 0 .. 2**32 - 1
    sampler: str  # as people write it: "DPM++ 2M Karras"
    sampling: Sampling
    init: Image | None = None  # uint8, H x W x 3, RGB, of `size`

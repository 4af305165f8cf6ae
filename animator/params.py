"""FrameParams: all numbers and words of one frame, made of parts owned by the packages that use them."""

from dataclasses import dataclass

from animator.coherence import Coherence
from diffusion.request import PromptMix, Sampling
from motion.camera import CameraMove, Lens


@dataclass(frozen=True, slots=True)
class FrameParams:
    """Everything that is known of a frame before a pixel is made."""

    index: int  # from 0
    camera: CameraMove  # from the frame before to this one
    lens: Lens
    sampling: Sampling
    sampler: str
    coherence: Coherence
    prompt: PromptMix
    negative: str
    seed: int  # of the picture, if one is generated at this frame
    noise_seed: int  # of the noise put on the carried picture before that

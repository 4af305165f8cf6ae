"""FrameParams: all numbers and words of one frame, made of parts owned by the packages that use them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from animator.coherence import Coherence
from animator.controls import UnitNumbers
from animator.masks import MaskWords
from animator.mix import Mix
from animator.second_pass import first_size
from animator.source import Stylize
from core.image import Image, Size
from diffusion.request import ControlImage, DrawingRules, Hires, ImageRequest, NoiseMix, PromptMix, Refiner, Sampling
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
    noise_seed: int | NoiseMix  # of the noise put on the carried picture before that
    noise: NoiseMix = ()  # what the picture is drawn from in place of the noise of `seed`
    noise_schedule: str = "Automatic"
    checkpoint: str = ""  # a model in place of the project's
    drawing: DrawingRules = field(default_factory=DrawingRules)
    refiner: Refiner | None = None
    controls: tuple[UnitNumbers, ...] = ()  # of each control unit
    stylize: Stylize = field(default_factory=Stylize)
    hires: Hires | None = None  # of pictures drawn from text
    moment: int = 0  # the frame of the project all this is of; before and after a loop not the index
    mix: Mix = field(default_factory=Mix)
    masks: MaskWords = field(default_factory=MaskWords)

    def all_words(self) -> Iterator[tuple[PromptMix, str]]:
        """Prompt and negative prompt of each pass."""
        yield self.prompt, self.negative
        if self.hires is not None and self.hires.prompt is not None:
            yield self.hires.prompt, self.hires.negative or ""

    def request(self, size: Size, init: Image | None = None, controls: Sequence[ControlImage] = ()) -> ImageRequest:
        """The picture generated at this frame, from text or from `init`, of this size, steered by `controls`."""
        return ImageRequest(
            prompt=self.prompt,
            negative=self.negative,
            size=size,
            seed=self.seed,
            sampler=self.sampler,
            sampling=self.sampling,
            init=init,
            schedule=self.noise_schedule,
            rules=self.drawing,
            model=self.checkpoint,
            refiner=self.refiner,
            controls=tuple(controls),
            noise=self.noise,
        )

    def in_passes(self, request: ImageRequest) -> ImageRequest:
        """The request in two passes, if the frame has a second one and the picture is drawn from text.

        That is so without an init, and with one that a denoise of 1 ignores; what is under a mask is not drawn so.
        """
        is_from_text = request.init is None or self.sampling.denoise >= 1
        if self.hires is None or not is_from_text or request.inpaint is not None:
            return request
        return replace(request, init=None, size=first_size(request.size, self.hires.scale), hires=self.hires)

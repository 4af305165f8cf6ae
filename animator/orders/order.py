"""Order: all that somebody asks for at once, in the words of the web UI, and the requests it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from animator.controls import ControlUnit
from core.image import Image, Mask, Size
from core.seeds import SEED_RANGE
from diffusion.canvas import ResizeMode
from diffusion.inpainting import Canvas, InpaintRules
from diffusion.prompt.language import without_comments
from diffusion.prompt.styles import Style, styled
from diffusion.request import ControlImage, DrawingRules, Hires, ImageRequest, Inpaint, Refiner, Sampling

SQUARE = Size(512, 512)
Curve = Literal["aggressive", "linear", "lazy"]


@dataclass(frozen=True, slots=True)
class Loop:
    """Pictures made from pictures made from pictures."""

    times: int = 1  # 1..32; how often; 1 is plain image to image
    final_denoise: float = 0.5  # 0..1; strength of the last time, from the order's at the first
    curve: Curve = "linear"  # how the strength goes there: aggressive changes early, lazy late


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """The pictures that image to image starts from."""

    images: tuple[Image, ...]  # uint8, H x W x 3, RGB; one, or one for each picture of a batch
    mask: Mask | None = None  # of their size; 1 = draw anew
    mode: ResizeMode = "stretch"  # how they come to the order's size
    rules: InpaintRules = field(default_factory=InpaintRules)
    conditioning: float = 1.0  # 0..1; how much of what is masked is hidden from inpainting checkpoints
    keeps_colors: bool = False  # whether results are matched to the colours of what they started from
    palette: Image | None = None  # whose colours are kept; None: its own
    upscaler: str = ""  # what makes those larger that are smaller; empty: Lanczos

    def palette_of(self, image: Image) -> Image:
        """The picture whose colours are kept where `image` is what is started from."""
        return image if self.palette is None else self.palette


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One or more pictures that differ by their seed."""

    prompt: str = ""
    negative: str = ""
    styles: tuple[str, ...] = ()  # by name, put around the prompts in this order
    size: Size = SQUARE  # pixels, each side from 16 to 8192
    seed: int = 0  # 0 .. 2**32 - 1; of the first picture
    sampler: str = "Euler a"
    schedule: str = ""  # empty: the sampler's own
    sampling: Sampling = field(default_factory=lambda: Sampling(denoise=0.75))
    rules: DrawingRules = field(default_factory=DrawingRules)
    model: str = "mini"
    vae: str = "automatic"  # autoencoder: automatic, none, taesd, a name, a path
    batch_size: int = 1  # 1..64; pictures made at once
    count: int = 1  # 1..10000; batches
    hires: Hires | None = None
    refiner: Refiner | None = None
    start: Start | None = None
    units: tuple[ControlUnit, ...] = ()  # control networks
    loop: Loop = field(default_factory=Loop)
    notes: Mapping[str, str] = field(default_factory=dict)  # further fields of the infotext, such as "Script"
    worn: tuple[str, ...] = ()  # names of the styles that are written out
    unstyled: str | None = None  # the prompt before that

    @property
    def own_prompt(self) -> str:
        """The prompt without its styles."""
        return self.prompt if self.unstyled is None else self.unstyled

    @property
    def pictures(self) -> int:
        """How many pictures it comes to."""
        return self.batch_size * self.count * self.loop.times

    def seeds(self) -> list[int]:
        """The seed of each of its pictures; in a loop it counts up from time to time."""
        first = [self.single(place).seed for place in range(self.batch_size * self.count)]
        return [(seed + time) % SEED_RANGE for seed in first for time in range(self.loop.times)]

    def with_styles(self, styles: Mapping[str, Style]) -> "Order":
        """The order with its styles written out.

        Raises:
            UnknownName: for a style that is not there.
        """
        table = dict(styles)
        prompt, negative = styled(self.prompt, self.negative, self.styles, table)
        hires = self.hires and with_hires_styles(self.hires, self.styles, table)
        return replace(
            self, prompt=prompt, negative=negative, styles=(), hires=hires, worn=self.styles, unstyled=self.own_prompt
        )

    def single(self, place: int) -> "Order":
        """The order of one of its pictures, counted from 0; from it the very same picture can be made.

        Seeds count up from picture to picture; with a variation, the variation seeds do.
        """
        sampling, seed = self.sampling, self.seed
        if sampling.variation_strength:
            later = (int(sampling.variation_seed) + place) % SEED_RANGE
            sampling = replace(sampling, variation_seed=float(later))
        else:
            seed = (seed + place) % SEED_RANGE
        start = self.start
        if start is not None and start.images:
            start = replace(start, images=(start.images[place % self.batch_size % len(start.images)],))
        return replace(self, seed=seed, sampling=sampling, start=start, batch_size=1, count=1)

    def request(self, canvas: Canvas | None = None, controls: tuple[ControlImage, ...] = ()) -> ImageRequest:
        """What a generator is asked for: the order's first picture.

        Args:
            canvas: its start, made ready.
            controls: what its units show.
        """
        inpaint = None
        if canvas is not None and canvas.mask is not None and self.start is not None:
            rules = self.start.rules
            content = "original" if rules.content == "fill" else rules.content
            inpaint = Inpaint(canvas.mask, content, rules.soft, self.start.conditioning)
        return ImageRequest(
            prompt=((without_comments(self.prompt), 1.0),),
            negative=without_comments(self.negative),
            size=self.size,
            seed=self.seed,
            sampler=self.sampler,
            sampling=self.sampling,
            init=canvas.init if canvas is not None else None,
            schedule=self.schedule,
            rules=self.rules,
            inpaint=inpaint,
            refiner=self.refiner,
            hires=self.hires and without_hires_comments(self.hires),
            controls=controls,
        )


def with_hires_styles(hires: Hires, names: Sequence[str], styles: dict[str, Style]) -> Hires:
    """A second pass with styles around the words of its own; words it takes from the first have them already.

    Raises:
        UnknownName: for a style that is not there.
    """
    own = [text for text, _ in hires.prompt or ()]
    negative = hires.negative
    if not names or not (own or negative is not None):
        return hires
    prompts = tuple((styled(text, "", names, styles)[0], share) for text, share in hires.prompt or ())
    against = None if negative is None else styled("", negative, names, styles)[1]
    return replace(hires, prompt=prompts or None, negative=against)


def without_hires_comments(hires: Hires) -> Hires:
    """A second pass with the comments left out of its own words."""
    prompt = hires.prompt and tuple((without_comments(text), share) for text, share in hires.prompt)
    return replace(hires, prompt=prompt, negative=hires.negative and without_comments(hires.negative))

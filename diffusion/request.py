"""ImageRequest: everything that defines one generated picture. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from core.image import FlowField, Image, Mask, Size
from diffusion.hints import Fit, Hint

PromptMix = tuple[tuple[str, float], ...]  # (text, weight) pairs; weights sum to 1 while one prompt turns into the next
StepRule = Literal["web-ui", "exact"]  # how many steps image to image runs: a part of `steps`, or exactly as many
NoiseSource = Literal["cpu", "nv", "gpu"]  # torch's processor generator, what a CUDA one gives, or the device's own
Emphasis = Literal["original", "no norm", "ignore", "none"]
NoiseMix = tuple[tuple[int, float], ...]  # seeds and weights, whose squares sum to 1, of noise that is mixed
MaskedContent = Literal["original", "latent noise", "latent nothing"]
ControlPass = Literal["both", "first", "second"]  # of a hires fix
ControlMode = Literal["balanced", "prompt", "control"]  # what counts more: neither, the words, the hint
RefinedPass = Literal["first", "second", "both"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """The keyframable numbers of one picture's sampling."""

    steps: float = 20.0  # whole steps of the noise schedule, truncated; img2img runs a part of them
    cfg: float = 7.0  # guidance scale; 1 = prompt alone, higher follows the prompt more
    cfg_rescale: float = 0.0  # 0..1, takes back the contrast that strong guidance adds; 0.7 for zero-terminal models
    skip_negative_below: float = 0.0  # noise level under which every second call leaves the negative prompt out; 0..4
    skip_negative_early: float = 0.0  # 0..1, share of the calls at the beginning that leave the negative prompt out
    denoise: float = 0.5  # denoising strength 0..1 of img2img; 0 keeps the picture, 1 ignores it
    noise_multiplier: float = 1.0  # scales the initial noise of img2img; above 1 more detail
    extra_noise: float = 0.0  # more of the same noise on top, of img2img; 0.05 adds texture
    inversion: float = 0.0  # 0..8, how often img2img's noise is fitted to the picture, to keep its shapes
    eta_ddim: float = 0.0  # 0..1, fresh noise per DDIM step
    eta_ancestral: float = 1.0  # 0..1, fresh noise per step of the "a" and SDE samplers
    s_noise: float = 1.0  # scales all fresh noise; slightly above 1 gives more detail
    s_churn: float = 0.0  # noise added and taken away again over the run by Euler, Heun and DPM2; 0..100
    s_tmin: float = 0.0  # lowest noise level at which s_churn acts
    s_tmax: float = 0.0  # highest noise level at which s_churn acts; 0 = no limit
    sigma_min: float = 0.0  # lowest noise level before the end, in schedules that have a range; 0 = the model's own
    sigma_max: float = 0.0  # highest noise level, likewise; 0 = the model's own
    rho: float = 0.0  # bend of the schedules karras (7) and polyexponential (1); 0 = the schedule's own
    variation_seed: float = 0.0  # second seed, truncated
    variation_strength: float = 0.0  # 0..1, from the seed's noise to the variation seed's noise
    seed_width: float = 0.0  # pixels, truncated: keeps the composition the seed has at this size; 0 = off
    seed_height: float = 0.0  # pixels, truncated; both or none
    seed_delta: float = 0.0  # "eta noise seed delta", truncated: added to the seed for noise drawn while sampling
    clip_skip: float = 1.0  # 1 = last layer of the text encoder, 2 = the one before, truncated


@dataclass(frozen=True, slots=True)
class DrawingRules:
    """The choices behind sampling that are no numbers and hold for a whole render."""

    img2img_steps: StepRule = "web-ui"  # web-ui: denoise 0.5 of 20 steps runs 11; exact: all 20, at the end of 40
    noise: NoiseSource = (
        "cpu"  # cpu and nv (as an NVIDIA device draws) are the same everywhere; gpu is the device's own
    )
    emphasis: Emphasis = "original"  # what (words:1.2) does: original keeps the mean; none takes brackets as text
    tiling: bool = False  # pictures whose left and right, upper and lower edges meet; sides in whole latent cells
    drop_penultimate: bool = False  # leaves the next-to-last noise level out, as DPM2 and 3M SDE do anyway
    full_variance: bool = False  # starts text to image with noise * sqrt(1 + sigma^2), as SGM does
    whole_timesteps: bool = False  # asks the network at whole timesteps only


@dataclass(frozen=True, slots=True)
class Inpaint:
    """Which part of `init` is repainted, and what is there before."""

    mask: Mask  # float32, H x W of the request's size, 0..1; 1 = repaint here
    content: MaskedContent = "original"  # under the mask: the picture, noise of the seed, or zeros
    is_soft: bool = False  # whether cells half covered are repainted by half; else the mask is rounded, cell by cell
    conditioning: float = 1.0  # 0..1, for inpainting checkpoints: how much of what is under the mask they do not see
    is_gradual: bool = False  # whether the mask tells how strongly: each cell gets that share of the denoising


@dataclass(frozen=True, slots=True)
class Regard:
    """Pictures that another one looks at while it is drawn, so that it takes their looks."""

    images: tuple[Image, ...]  # uint8, H x W x 3, RGB, of the request's size
    weight: float = 1.0  # above 0, up to 1; how much each counts beside the picture itself


@dataclass(frozen=True, slots=True)
class NoiseDrift:
    """Grain that moves with what a picture shows."""

    flow: FlowField  # of the request's size, pixels: the grain at p is that which the seed has at p + flow(p)
    fresh: Mask  # of that size; where it is above 0.5 the grain is that of `seed`
    seed: int  # 0 .. 2**32 - 1


@dataclass(frozen=True, slots=True)
class Refiner:
    """A second model that draws the end."""

    model: str  # as the first: a name, a path, a hub id; of the same latent space
    switch_at: Annotated[float, Field(ge=0, le=1)] = 0.8  # 0..1, share of the noise timesteps done by then


@dataclass(frozen=True, slots=True)
class Hires:
    """A second pass at a larger size; what is zero, empty or None is as in the first."""

    scale: float = 2.0  # of both sides, where neither width nor height is given
    width: int = 0  # pixels of the result; 0 follows the height; with both given it is cropped to them
    height: int = 0  # likewise
    upscaler: str = "Latent"  # a latent mode, or an upscaler of pictures by name
    steps: int = 0  # exactly so many are run
    denoise: float = 0.7  # 0..1
    sampler: str = ""
    schedule: str = ""
    cfg: float = 0.0
    prompt: PromptMix | None = None
    negative: str | None = None
    model: str = ""
    refines: RefinedPass = "second"  # which pass a refiner takes part in


@dataclass(frozen=True, slots=True)
class ControlImage:
    """One control network and what it is shown."""

    model: str  # a name, a path, a hub id; of the family of the model that draws
    hint: Hint
    weight: float = 1.0  # 0..2
    start: float = 0.0  # 0..1, share of the steps after which it acts
    end: float = 1.0  # 0..1, share of the steps after which it acts no more
    mode: ControlMode = "balanced"
    fit: Fit = "crop"  # how the hint is brought to the picture's size
    mask: Mask | None = None  # H x W, 0..1; 1 = act here; None acts everywhere
    layers: tuple[float, ...] = ()  # 0..2 for each layer, shallow to deep, in place of the mode's own factors
    low_memory: bool = False  # on the accelerator only while it looks
    acts_in: ControlPass = "both"  # which pass of a hires fix
    softens: bool = False  # whether its shallow layers count less in a second pass, as thin lines would be drawn twice


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture to make: from text, or from `init` when there is one."""

    prompt: PromptMix
    negative: str
    size: Size
    seed: int  # 0 .. 2**32 - 1
    sampler: str  # as people write it: "DPM++ 2M Karras"
    sampling: Sampling
    init: Image | None = None  # uint8, H x W x 3, RGB; one of another size than `size` is resized as a latent
    schedule: str = ""  # noise schedule, "Karras"; empty: what the sampler's name says, else its own
    rules: DrawingRules = DrawingRules()
    inpaint: Inpaint | None = None  # with `init` only
    model: str = ""  # draws in place of the generator's own; a name, a path, a hub id
    refiner: Refiner | None = None
    hires: Hires | None = None  # the result is larger than `size`
    controls: tuple[ControlImage, ...] = ()  # any mix; what they add is summed
    drift: NoiseDrift | None = None  # of all its noise
    noise: NoiseMix = ()  # what is mixed in place of the noise of `seed`
    regard: Regard | None = None

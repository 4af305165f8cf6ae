"""Hires fix: sizes of the second pass, latents enlarged, and what the second pass is asked."""

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional

from core.errors import UserError
from core.image import LARGEST_SIDE, Size
from diffusion.request import ControlImage, Hires, ImageRequest
from diffusion.upscalers import LATENT_MODES, LatentMode


@dataclass(frozen=True, slots=True)
class Enlargement:
    """From the first pass to the second: enlarged in proportion, then cut on both sides."""

    enlarged: Size
    final: Size

    @classmethod
    def of(cls, hires: Hires, size: Size) -> "Enlargement":
        """What the settings say for a first pass of this size.

        Raises:
            UserError: for a result without pixels, or larger than pictures may be.
        """
        width, height = hires.width, hires.height
        if width and height:
            covers_by_width = size.width * height < width * size.height
            enlarged = (
                Size(width, width * size.height // size.width)
                if covers_by_width
                else Size(height * size.width // size.height, height)
            )
            found = cls(enlarged, Size(width, height))
        elif width or height:
            one = Size(width or height * size.width // size.height, height or width * size.height // size.width)
            found = cls(one, one)
        else:
            scaled = Size(int(size.width * hires.scale), int(size.height * hires.scale))
            found = cls(scaled, scaled)
        if min(found.final) < 1 or max(found.enlarged) > LARGEST_SIDE:
            raise UserError(
                f"a second pass of {found.enlarged}", way_out=f"Choose a size with sides from 1 to {LARGEST_SIDE}"
            )
        return found


def resized_latent(latent: Tensor, rows: int, columns: int, mode: LatentMode = LATENT_MODES["Latent"]) -> Tensor:
    """A latent of another size; float32, N x C x rows x columns."""
    return functional.interpolate(latent, (rows, columns), mode=mode.interpolation, antialias=mode.antialias)


def centre(latent: Tensor, rows: int, columns: int) -> Tensor:
    """The middle of a latent, which is at least so large; of an odd rest one more goes at the end."""
    top, left = (latent.shape[-2] - rows) // 2, (latent.shape[-1] - columns) // 2
    return latent[..., top : top + rows, left : left + columns].contiguous()


def second_request(request: ImageRequest, hires: Hires) -> ImageRequest:
    """What the second pass is asked: exactly so many steps, its own words and numbers where it has some."""
    sampling = replace(
        request.sampling,
        steps=float(hires.steps or int(request.sampling.steps)),
        denoise=hires.denoise,
        cfg=hires.cfg or request.sampling.cfg,
        noise_multiplier=1.0,
        inversion=0.0,
    )
    return replace(
        request,
        prompt=request.prompt if hires.prompt is None else hires.prompt,
        negative=request.negative if hires.negative is None else hires.negative,
        size=Enlargement.of(hires, request.size).final,
        sampling=sampling,
        sampler=hires.sampler or request.sampler,
        schedule=hires.schedule or ("" if hires.sampler else request.schedule),
        rules=replace(request.rules, img2img_steps="exact"),
        refiner=request.refiner if hires.refines != "first" else None,
        controls=tuple(_softened(control) for control in request.controls if control.acts_in != "first"),
        init=None,
        inpaint=None,
        hires=None,
    )


def first_request(request: ImageRequest) -> ImageRequest:
    """What the first pass is asked."""
    if request.hires is None:
        return request
    controls = tuple(control for control in request.controls if control.acts_in != "second")
    return replace(request, refiner=None if request.hires.refines == "second" else request.refiner, controls=controls)


def _softened(control: ControlImage) -> ControlImage:
    """As it acts in a second pass."""
    return replace(control, mode="prompt") if control.softens and control.mode == "balanced" else control

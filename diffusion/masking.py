"""Masks on the side of latents: what is kept, and what inpainting checkpoints see."""

from collections.abc import Callable, Sequence

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from core.errors import UserError
from core.image import Image, Mask, Size, rounded
from diffusion.kit import Kit
from diffusion.request import ImageRequest, Inpaint
from diffusion.sampling.blend import Blend
from diffusion.sampling.plan import SamplerPlan

GREY = 128  # level of the picture that an inpainting checkpoint sees where there is none


def check_mask(request: ImageRequest) -> None:
    """Raises UserError for a mask without a picture, or of another size than the request."""
    if request.inpaint is None:
        return
    if request.init is None:
        raise UserError("a mask, but no picture to repaint", way_out="Give `init`, or leave the mask out")
    if Size.of(request.inpaint.mask) != request.size:
        raise UserError(f"the mask is {Size.of(request.inpaint.mask)}, the request {request.size}", where="mask")


def blend(requests: Sequence[ImageRequest], inits: Tensor, noise: Tensor, kit: Kit, plan: SamplerPlan) -> Blend:
    """What the masks of a batch keep. They are all gradual, or none is.

    Args:
        requests: each with a mask.
        inits: latents of their pictures; float32, N x C x rows x columns.
        noise: what the batch starts from, unit variance, the same shape.
        kit: whose latent cells masks are brought to.
        plan: of the run.
    """
    kept, repainted = inits.clone(), []
    for image, request in enumerate(requests):
        assert request.inpaint is not None
        repainted.append(_cells(request.inpaint, request.size, kit))
        if request.inpaint.content == "latent noise":
            kept[image].lerp_(noise[image], repainted[-1])
        elif request.inpaint.content == "latent nothing":
            kept[image].mul_(1 - repainted[-1])
    is_gradual = requests[0].inpaint is not None and requests[0].inpaint.is_gradual
    return Blend(kept, torch.stack(repainted), _left(kit, plan) if is_gradual else None)


def _left(kit: Kit, plan: SamplerPlan) -> Callable[[float], float]:
    """The share of a run that is left at a noise level: in timesteps, as denoising strengths are."""
    times = {level: kit.training.timestep(level) + 1 for level in plan.sigmas if level > 0}
    first = max(times.values(), default=1.0)

    def left(level: float) -> float:
        return (times.get(level) or kit.training.timestep(level) + 1) / first if level > 0 else 0.0

    return left


def seen_by_inpainting(request: ImageRequest, kit: Kit) -> Tensor:
    """Mask and masked picture for an inpainting checkpoint; 1 x (1 + C) x rows x columns.

    Without a mask all of the picture is to be painted; without a picture it is grey.
    """
    size, inpaint = request.size, request.inpaint
    picture = request.init
    if picture is None or Size.of(picture) != size:
        picture = np.full((size.height, size.width, 3), GREY, np.uint8)
    mask = np.ones((size.height, size.width), np.float32) if inpaint is None else np.round(inpaint.mask)
    share = 1.0 if inpaint is None else inpaint.conditioning
    hidden = picture if request.init is None else _hidden(picture, mask, share)
    rows, columns = kit.cells(size)
    return torch.cat([_nearest(mask, rows, columns, kit), kit.encoded(hidden, size).float()], dim=1)


def _hidden(picture: Image, mask: Mask, share: float) -> Image:
    """The picture with grey over its masked part, or some of it."""
    covered = (mask * np.float32(share))[..., None]
    return rounded(picture * (1 - covered) + GREY * covered)


def _nearest(mask: Mask, rows: int, columns: int, kit: Kit) -> Tensor:
    """The mask's value at the upper left corner of every cell; float32, 1 x 1 x rows x columns."""
    factor = kit.model.autoencoder.factor
    return torch.from_numpy(np.ascontiguousarray(mask[::factor, ::factor])[None, None, :rows, :columns]).to(
        kit.model.device
    )


def _cells(inpaint: Inpaint, size: Size, kit: Kit) -> Tensor:
    """How much of every latent cell is repainted; float32, 1 x rows x columns.

    Reduced in 8 bits by Pillow's bicubic filter, as the web UI does.
    """
    rows, columns = kit.cells(size)
    factor = kit.model.autoencoder.factor
    more = ((0, rows * factor - size.height), (0, columns * factor - size.width))
    levels = np.rint(np.pad(inpaint.mask, more, mode="symmetric") * 255).astype(np.uint8)
    reduced = PIL.Image.fromarray(levels).resize((columns, rows), PIL.Image.Resampling.BICUBIC)
    shares = torch.from_numpy(np.array(reduced, np.float32) / 255).to(kit.model.device)
    return (shares if inpaint.is_soft or inpaint.is_gradual else shares.round()).unsqueeze(0)

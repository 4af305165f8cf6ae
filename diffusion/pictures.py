"""Studio: one model with all that makes pictures from requests: pixels to latents, sampling, and back to pixels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.image import Image, Size, to_float
from diffusion.models.loaded import LoadedModel
from diffusion.prompt.encode import PromptEncoder
from diffusion.request import ImageRequest
from diffusion.sampling.denoiser import Denoiser, UNetCall
from diffusion.sampling.guidance import Guidance
from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.noise_schedule import ScheduleOptions, TrainingNoise
from diffusion.sampling.plan import SamplerPlan, sampler_plan
from diffusion.sampling.run import SamplerSettings

MOST_TOGETHER = 4  # pictures in one batch; more are hardly faster and cost memory

FloatPicture = NDArray[np.float32]  # H x W x 3, RGB, sRGB, about 0..1, not clipped; NaN where a model broke


@dataclass(frozen=True, slots=True)
class Batch:
    """What pictures that are sampled together have in common."""

    canvas: Size  # the size rounded up to whole latent cells
    from_init: bool  # image to image
    plan: SamplerPlan
    settings: SamplerSettings


class Studio:
    """Makes pictures with one model. Remembers encoded prompts, nothing else."""

    def __init__(self, model: LoadedModel) -> None:
        """Args: model: shared, not changed."""
        self._model = model
        self._encoder = PromptEncoder(model)
        self._training = TrainingNoise.of(model.alphas_cumprod.numpy())

    @property
    def is_half(self) -> bool:
        """Whether the model computes in less than float32."""
        return self._model.dtype != torch.float32

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def pictures(self, requests: Sequence[ImageRequest]) -> list[FloatPicture]:
        """The picture of each request, whole and of its size, as the model gave it.

        Raises:
            UserError: for an unknown sampler, or numbers or prompts out of range.
        """
        batches: dict[Batch, list[int]] = {}
        for place, request in enumerate(requests):
            batches.setdefault(self._batch(request), []).append(place)
        pictures: dict[int, FloatPicture] = {}
        for batch, places in batches.items():
            for some in _cut(places, MOST_TOGETHER if batch.plan.sampler.fits_batch else 1):
                latents = self._sampled(batch, [requests[place] for place in some])
                pictures |= {place: self._decoded(latents[i], requests[place].size) for i, place in enumerate(some)}
        return [pictures[place] for place in range(len(requests))]

    def _batch(self, request: ImageRequest) -> Batch:
        """What a request needs of the batch it is sampled in."""
        sampling, from_init = request.sampling, request.init is not None
        plan = sampler_plan(
            resolve(request.sampler),
            int(sampling.steps),
            self._training,
            denoise=sampling.denoise if from_init else None,
            options=ScheduleOptions(for_sdxl=self._model.family == "sdxl"),
        )
        canvas = Size(*(_rounded_up(side, self._model.autoencoder.factor) for side in request.size))
        return Batch(canvas, from_init, plan, SamplerSettings(sampling.eta_ancestral, sampling.eta_ddim))

    def _sampled(self, batch: Batch, requests: Sequence[ImageRequest]) -> Tensor:
        """Clean latents; float32, N x channels x rows x columns."""
        model, plan = self._model, batch.plan
        conditionings = [
            self._encoder.encode(
                request.prompt, request.negative, plan.prompt_steps, clip_skip=int(request.sampling.clip_skip)
            )
            for request in requests
        ]
        denoiser = Denoiser(unet_call(model, batch.canvas), self._training, model.prediction, model.dtype)
        guidance = Guidance(denoiser, plan, conditionings, [request.sampling.cfg for request in requests])
        grid = model.autoencoder
        shape = (grid.channels, batch.canvas.height // grid.factor, batch.canvas.width // grid.factor)
        noise = SeededNoise([noise_seed(request) for request in requests], shape, device=model.device)
        initial, init = noise.initial(), None
        if batch.from_init:
            init = torch.cat(
                [self._encoded(request.init, batch.canvas) for request in requests if request.init is not None]
            )
            strengths = [request.sampling.noise_multiplier for request in requests]
            initial = initial * torch.tensor(strengths, device=model.device).view(-1, 1, 1, 1)
        return sample(guidance, start(plan, initial, init), plan, noise, batch.settings)

    def _encoded(self, image: Image, canvas: Size) -> Tensor:
        """The latent of one picture, 1 x channels x rows x columns, whatever stands beside it in the batch."""
        pixels = torch.from_numpy(to_float(padded(image, canvas))).to(self._model.device)
        return self._model.autoencoder.encode(pixels.permute(2, 0, 1).unsqueeze(0).contiguous() * 2 - 1)

    def _decoded(self, latent: Tensor, size: Size) -> FloatPicture:
        """The picture of one latent, cut to its size; one at a time, since decoding takes the most memory."""
        decoded = self._model.autoencoder.decode(latent.unsqueeze(0))[0]
        cut = decoded[:, : size.height, : size.width].permute(1, 2, 0)
        return cast(FloatPicture, cut.add(1).div(2).float().cpu().numpy())


def padded(image: Image, canvas: Size) -> Image:
    """The image with its mirrored edge added on the right and at the bottom."""
    right, bottom = canvas.width - image.shape[1], canvas.height - image.shape[0]
    return np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="symmetric") if right or bottom else image


def noise_seed(request: ImageRequest) -> NoiseSeed:
    """All that defines the noise of a request."""
    sampling = request.sampling
    return NoiseSeed(request.seed, int(sampling.variation_seed), sampling.variation_strength)


def unet_call(model: LoadedModel, canvas: Size) -> UNetCall:
    """The model's UNet with what it needs to know besides latents, time and text.

    Args:
        canvas: told to SDXL as original and target size, with no crop.
    """
    sizes = (canvas.height, canvas.width, 0, 0, canvas.height, canvas.width)
    time_ids = torch.tensor([sizes], device=model.device, dtype=model.dtype)

    def call(
        latents: Tensor, timesteps: Tensor, context: Tensor, pooled: Tensor | None, images: tuple[int, ...]
    ) -> Tensor:
        added = None if pooled is None else {"text_embeds": pooled, "time_ids": time_ids.expand(len(images), -1)}
        output = model.unet(latents, timesteps, context, added_cond_kwargs=added, return_dict=False)
        return cast(Tensor, output[0])

    return call


def _rounded_up(pixels: int, factor: int) -> int:
    """The next multiple of the factor."""
    return math.ceil(pixels / factor) * factor


def _cut(places: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    """The places in pieces of at most `most`."""
    for first in range(0, len(places), most):
        yield places[first : first + most]

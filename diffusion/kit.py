"""Kit: one model together with what drawing derives from it."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from torch import Tensor

from core.image import Image, Size, to_float
from diffusion.extra_networks import ExtraNetworks
from diffusion.models.image_prompt import attending
from diffusion.models.loaded import LoadedModel
from diffusion.models.steerer import Added, Moment, summed
from diffusion.prompt.conditioning import Conditioning
from diffusion.prompt.encode import PromptEncoder
from diffusion.prompt.named import NamedFiles
from diffusion.request import Emphasis, ImageRequest
from diffusion.sampling.denoiser import Row, UNetCall
from diffusion.sampling.noise_schedule import TrainingNoise
from diffusion.steering import PromptUnit, Unit

AESTHETIC_SCORES = (6.0, 2.5)  # told to an SDXL refiner for prompts and for negative prompts
REFINER_FACTS = 5  # numbers an SDXL refiner is told: size, crop, score; SDXL itself takes six


class Kit:
    """Encoded prompts are remembered; the model is shared and not changed."""

    def __init__(self, model: LoadedModel, files: NamedFiles | None = None) -> None:
        """Args: model: loaded; files: finds networks and embeddings by name."""
        self.model = model
        self._files = files or NamedFiles()
        self.networks = ExtraNetworks(model, self._files)
        self.training = TrainingNoise.of(model.alphas_cumprod.numpy())
        self._encoder = lru_cache(maxsize=None)(self._made_encoder)

    @property
    def inpaints(self) -> bool:
        """Whether the UNet sees mask and masked picture besides the latent."""
        return bool(self.model.unet.config.in_channels == 2 * self.model.autoencoder.channels + 1)

    def conditioning(self, request: ImageRequest, calls: int, before: int = 0) -> Conditioning:
        """What guides a request, for each of `calls` calls of the UNet after `before` in the pass before."""
        encoder = self._encoder(request.rules.emphasis)
        skip = int(request.sampling.clip_skip)
        return encoder.encode(request.prompt, request.negative, calls, clip_skip=skip, before=before)

    def cells(self, size: Size) -> tuple[int, int]:
        """Rows and columns of the latent of a picture, rounded up."""
        factor = self.model.autoencoder.factor
        return -(-size.height // factor), -(-size.width // factor)

    def canvas(self, size: Size) -> Size:
        """A size rounded up to whole latent cells."""
        rows, columns = self.cells(size)
        return Size(columns * self.model.autoencoder.factor, rows * self.model.autoencoder.factor)

    def encoded(self, image: Image, size: Size) -> Tensor:
        """The latent of one picture continued to whole cells, 1 x C x rows x columns; whatever else is drawn.

        Args:
            image: uint8, H x W x 3, RGB, of any size.
            size: at least that of the image; in latent cells it is rounded up.
        """
        pixels = torch.from_numpy(to_float(padded(image, self.canvas(size)))).to(self.model.device)
        return self.model.autoencoder.encode(pixels.permute(2, 0, 1).unsqueeze(0).contiguous() * 2 - 1)

    def unet_call(
        self,
        canvas: Size,
        seen: Tensor | None = None,
        units: Sequence[Unit | PromptUnit] = (),
        share: Callable[[float], float] = lambda _: 0.0,
    ) -> UNetCall:
        """The UNet with what it needs to know besides latents, time and text.

        Args:
            canvas: told to SDXL as original and target size, with no crop.
            seen: for inpainting models N x (1 + C) x rows x columns: mask and masked picture of each image.
            units: control networks.
            share: how much of the run is done at a timestep, 0..1; asked for where there are units.
        """
        model = self.model
        told = size_facts(model, canvas)

        def call(
            latents: Tensor, timesteps: Tensor, context: Tensor, pooled: Tensor | None, rows: tuple[Row, ...]
        ) -> Tensor:
            added = None
            if pooled is not None:
                added = {"text_embeds": pooled, "time_ids": told[[int(row.is_negative) for row in rows]]}
            steered = Added()
            if units:
                moment, done = Moment(latents, timesteps, context, added), share(float(timesteps[0]))
                parts = (unit.added(moment, rows, done) for unit in units)
                steered = summed([part for part in parts if part is not None])
            if seen is not None:
                latents = torch.cat([latents, seen[[row.image for row in rows]].to(latents.dtype)], dim=1)
            told_besides = {"added_cond_kwargs": added, **steered.for_unet()}
            with attending(model.unet, steered.attended, latents):
                output = model.unet(latents, timesteps, context, return_dict=False, **told_besides)
            return cast(Tensor, output[0])

        return call

    def _made_encoder(self, emphasis: Emphasis) -> PromptEncoder:
        return PromptEncoder(self.model, embeddings=self._files.embeddings, networks=self.networks, emphasis=emphasis)


def padded(image: Image, canvas: Size) -> Image:
    """The image with its mirrored edge added on the right and at the bottom."""
    right, bottom = canvas.width - image.shape[1], canvas.height - image.shape[0]
    return np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="symmetric") if right or bottom else image


def size_facts(model: LoadedModel, canvas: Size) -> Tensor:
    """What SDXL is told about a picture: one row for prompts, one for negative prompts."""
    config = model.unet.config
    sizes = (canvas.height, canvas.width, 0, 0)
    width = getattr(config, "projection_class_embeddings_input_dim", None) or 0
    pooled = next((part.encoder.config.projection_dim for part in model.text if part.projected), 0)
    is_refiner = bool(width) and (width - pooled) // config.addition_time_embed_dim == REFINER_FACTS
    rows = (
        [(*sizes, score) for score in AESTHETIC_SCORES] if is_refiner else [(*sizes, canvas.height, canvas.width)] * 2
    )
    return torch.tensor(rows, device=model.device, dtype=model.dtype)

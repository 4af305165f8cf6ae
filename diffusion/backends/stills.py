"""Stable Diffusion 1.x, 2.x and XL: each picture for itself, from text or from the picture before."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from core.devices import ModelPool
from core.errors import BrokenPicture
from core.hashing import fingerprint
from core.image import Image, to_image
from diffusion.canvas import Enlarge
from diffusion.models.files import drawing_identity, model_path, vae_identity, vae_path
from diffusion.request import ImageRequest
from diffusion.upscaling import enlarger

if TYPE_CHECKING:
    from diffusion.models.controlnet import Network
    from diffusion.models.loaded import LoadedModel
    from diffusion.pictures import FloatPicture, Studio

log = logging.getLogger(__name__)
FLAT = 1  # levels; a picture whose values differ by no more is black or constant


@dataclass(frozen=True, slots=True)
class Options:
    """What to draw with."""

    model: str = "mini"  # a name in the models folders, a diffusers folder, a .safetensors or .ckpt file, or a hub id
    vae: str = "automatic"  # autoencoder: automatic (named like the model), none (the model's), taesd, a name, a path


class Stills:
    """Pictures by a model that is loaded when the first one is asked for.

    A request without `init` is text to image; with one, image to image by the web UI's step rule. Sizes that are no
    multiple of the latent cell are drawn on a canvas with mirrored edges and cut. Requests that allow it are sampled
    in one batch; the noise of each comes from its own seed on the processor.
    """

    def __init__(self, options: Options, pool: ModelPool) -> None:
        """Args: pool: keeps the model."""
        self._options = options
        self._pool = pool

    @property
    def window(self) -> int:
        """Stills do not need each other."""
        return 1

    @cached_property
    def identity(self) -> str:
        """Of the files of the model and its autoencoder; found without loading them."""
        path = model_path(self._options.model)
        vae = vae_path(self._options.vae, path)
        return fingerprint("stills", drawing_identity(path), *([] if vae is None else [vae_identity(vae)]))

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image]:
        """One picture a request, uint8, H x W x 3, RGB, of the request's size, or larger by its hires fix.

        Raises:
            BrokenPicture: if one is NaN, black or constant, and stays so in float32.
            WeightsError: if the model cannot be loaded.
            UserError: for an unknown sampler, or numbers or prompts out of range.
        """
        self._release(requests)
        pictures = self._studio.pictures(requests)
        return [self._whole(picture, request) for picture, request in zip(pictures, requests, strict=True)]

    def _release(self, requests: Sequence[ImageRequest]) -> None:
        """Frees the memory of models that earlier requests named and these do not."""
        from diffusion.models.load import KIND

        for name in self._studio.release({name for request in requests for name in named_models(request)}):
            self._pool.drop(KIND, str(model_path(name)))

    @cached_property
    def _studio(self) -> "Studio":
        """The model, ready to draw."""
        from diffusion.pictures import Studio

        return Studio(self._loaded(self._options.model), self._loaded, self._upscaler, load_control=self._control)

    @cached_property
    def _exact_studio(self) -> "Studio":
        """The model in float32."""
        from diffusion.pictures import Studio

        def load(name: str) -> "LoadedModel":
            return self._loaded(name, is_exact=True)

        return Studio(load(self._options.model), load, self._upscaler, load_control=self._control)

    def _upscaler(self, name: str) -> Enlarge:
        """An upscaler of pictures, for second passes."""
        return enlarger(name, self._pool)

    def _control(self, name: str, model: "LoadedModel", low_memory: bool) -> "Network":
        """A control network for a model."""
        from diffusion.models.controlnet import load_control

        return load_control(name, model, self._pool, low_memory=low_memory)

    def _loaded(self, name: str, *, is_exact: bool = False) -> "LoadedModel":
        """A model with the autoencoder asked for."""
        from diffusion.models.load import load_model

        return load_model(name, self._pool, is_exact=is_exact, vae=self._options.vae)

    def _whole(self, picture: "FloatPicture", request: ImageRequest) -> Image:
        """The picture as an image; drawn once more in float32 if it is broken."""
        found = unbroken(picture, request)
        if found is None and self._studio.is_half:
            log.warning("seed %d gave a broken picture; drawing it again in float32", request.seed)
            found = unbroken(self._exact_studio.pictures([request])[0], request)
        if found is None:
            raise BrokenPicture(
                f"the model gave a picture that is NaN, black or constant (seed {request.seed}, {request.sampler}, "
                f"prompt {'; '.join(text for text, _ in request.prompt)[:80]!r})",
                where=self._options.model,
                way_out="Try another sampler, a lower cfg, or another model or autoencoder",
            )
        return found


def build(options: Options, pool: ModelPool) -> Stills:
    """The generator; loads nothing yet."""
    return Stills(options, pool)


def named_models(request: ImageRequest) -> Iterator[str]:
    """The models that a request names besides the generator's own."""
    yield from filter(None, (request.model, request.hires and request.hires.model))
    if request.refiner is not None:
        yield request.refiner.model


def unbroken(picture: "FloatPicture", request: ImageRequest) -> Image | None:
    """The picture as an image, or None for NaN, and for black or constant unless it is made from such an init."""
    if not np.isfinite(picture).all():
        return None
    image = to_image(picture)
    may_be_flat = request.init is not None and _is_flat(request.init)
    return image if may_be_flat or not _is_flat(image) else None


def _is_flat(image: Image) -> bool:
    """Whether each channel has one value everywhere; a few pixels tell of most pictures that it has not."""
    return all(int(np.ptp(pixels, axis=(0, 1)).max()) <= FLAT for pixels in (image[::16, ::16], image))

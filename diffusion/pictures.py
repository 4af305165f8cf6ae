"""Studio: models with all that makes pictures from requests: pixels to latents, sampling, and back to pixels."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import compress
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.devices import ModelPool
from core.errors import UserError, WeightsError
from core.image import Size, to_image
from core.tuning import tuning
from diffusion.canvas import Enlarge, scaled
from diffusion.drifting import drift_of
from diffusion.hires import Enlargement, centre, first_request, resized_latent, second_request
from diffusion.inversion import fitted, unguided
from diffusion.kit import Kit
from diffusion.masking import blend, check_mask, seen_by_inpainting
from diffusion.models.controlnet import Network
from diffusion.models.loaded import LoadedModel
from diffusion.prompt.language import ExtraNetwork
from diffusion.prompt.named import NamedFiles, untagged, wanted
from diffusion.regarding import Regarded, regarded_by
from diffusion.request import ControlImage, DrawingRules, Hires, ImageRequest, Refiner
from diffusion.sampling.blend import KeepingClean, KeepingNoised
from diffusion.sampling.denoiser import Denoiser
from diffusion.sampling.guidance import Guidance, GuidanceOptions
from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import resolve
from diffusion.sampling.noise import NoiseSeed, SeededNoise
from diffusion.sampling.noise_schedule import ScheduleOptions
from diffusion.sampling.plan import SamplerPlan, sampler_plan
from diffusion.sampling.relay import Relay
from diffusion.sampling.run import SamplerSettings
from diffusion.sampling.timesteps import GuidedDenoise
from diffusion.steering import LoadControl, tell_idle, units
from diffusion.tiling import circular
from diffusion.upscalers import latent_mode
from diffusion.upscaling import enlarger

log = logging.getLogger(__name__)
SAME_TIME = 0.51  # training steps; timesteps nearer than this are one, rounded or not
MOST_TOGETHER = {"low": 1, "balanced": 4, "high": 8}  # pictures in one batch, by the memory there is for them

FloatPicture = NDArray[np.float32]  # H x W x 3, RGB, sRGB, about 0..1, not clipped; NaN where a model broke
Load = Callable[[str], LoadedModel]
Upscaler = Callable[[str], Enlarge]


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One run of the sampler for one request."""

    request: ImageRequest
    model: str = ""  # empty: the studio's own
    latent: Tensor | None = None  # 1 x C x rows x columns, in place of the request's init
    before: int = 0  # steps of the pass before

    @property
    def has_init(self) -> bool:
        """Image to image."""
        return self.latent is not None or self.request.init is not None


@dataclass(frozen=True, slots=True)
class Batch:
    """What passes that are sampled together have in common."""

    model: str
    canvas: Size  # the size rounded up to whole latent cells
    has_init: bool
    is_masked: bool
    is_gradual: bool  # of masks
    regards: int  # how many pictures each looks at
    plan: SamplerPlan
    settings: SamplerSettings
    guidance: GuidanceOptions
    rules: DrawingRules
    refiner: Refiner | None
    before: int
    networks: tuple[ExtraNetwork, ...]  # that all their prompts ask for
    controls: tuple[tuple[str, bool], ...]  # control networks, and whether memory is short for each


class Studio:
    """Makes pictures with one model, and others that requests name.

    Remembers models, encoded prompts and the networks laid over a model.
    """

    def __init__(
        self,
        model: LoadedModel,
        load: Load | None = None,
        upscaler: Upscaler | None = None,
        files: NamedFiles | None = None,
        load_control: LoadControl | None = None,
    ) -> None:
        """A studio for one model.

        Args:
            model: shared; outside of `pictures` it is as it was loaded.
            load: gives refiners and models of second passes by name.
            upscaler: gives upscalers of pictures by name, for second passes.
            files: finds LoRAs, hypernetworks and embeddings by name.
            load_control: gives control networks by name.
        """
        self._model = model
        self._load = load
        self._load_control = load_control
        self._upscaler = upscaler or partial(enlarger, pool=ModelPool())
        self._files = files or NamedFiles()
        self._kits = {"": Kit(model, self._files)}
        self._most_together = MOST_TOGETHER[tuning().memory]

    @property
    def is_half(self) -> bool:
        """Whether the model, or its autoencoder, computes in less than float32."""
        return {self._model.dtype, self._model.autoencoder.network.dtype} != {torch.float32}

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def pictures(self, requests: Sequence[ImageRequest]) -> list[FloatPicture]:
        """The picture of each request, whole and of its size (with a hires fix: the larger one), as the model gave it.

        Raises:
            UserError: for an unknown sampler, upscaler or model, or numbers or prompts out of range.
        """
        passes = {place: Pass(first_request(request), request.model) for place, request in enumerate(requests)}
        done = self._sampled_all(passes)
        again = {
            place: self._second_pass(request, request.hires, done[place])
            for place, request in enumerate(requests)
            if request.hires is not None
        }
        passes |= again
        done |= self._sampled_all(again)
        return [self._decoded(passes[place], done[place]) for place in range(len(requests))]

    def _sampled_all(self, passes: Mapping[int, Pass]) -> dict[int, Tensor]:
        """Clean latents of all passes, C x rows x columns, in as few batches as may be."""
        batches: dict[Batch, list[int]] = {}
        for place, one in passes.items():
            batches.setdefault(self._batch(one), []).append(place)
        latents: dict[int, Tensor] = {}
        for batch, places in batches.items():
            for some in _cut(places, self._most_together if batch.plan.sampler.fits_batch else 1):
                latents |= zip(some, self._sampled(batch, [passes[place] for place in some]), strict=True)
        return latents

    def _batch(self, one: Pass) -> Batch:
        """What a pass needs of the batch it is sampled in."""
        request, numbers, kit = one.request, one.request.sampling, self._kit(one.model)
        check_mask(request)
        if request.rules.tiling and kit.canvas(request.size) != request.size:
            raise UserError(
                f"a tile of {request.size}", way_out=f"Choose sides that {kit.model.autoencoder.factor} divides"
            )
        plan = sampler_plan(
            resolve(request.sampler, request.schedule),
            int(numbers.steps),
            kit.training,
            denoise=numbers.denoise if one.has_init else None,
            rule=request.rules.img2img_steps,
            options=ScheduleOptions(
                numbers.sigma_min,
                numbers.sigma_max,
                numbers.rho,
                request.rules.drop_penultimate,
                for_sdxl=kit.model.family == "sdxl",
            ),
            full_variance=request.rules.full_variance,
        )
        settings = SamplerSettings(
            numbers.eta_ancestral,
            numbers.eta_ddim,
            numbers.s_noise,
            numbers.s_churn,
            numbers.s_tmin,
            numbers.s_tmax or math.inf,
        )
        return Batch(
            model=one.model,
            canvas=kit.canvas(request.size),
            has_init=one.has_init,
            is_masked=request.inpaint is not None,
            is_gradual=request.inpaint is not None and request.inpaint.is_gradual,
            regards=len(request.regard.images) if request.regard else 0,
            plan=plan,
            settings=settings,
            guidance=GuidanceOptions(numbers.cfg_rescale, numbers.skip_negative_below, numbers.skip_negative_early),
            rules=request.rules,
            refiner=request.refiner,
            before=one.before * plan.sampler.calls_per_step,
            networks=wanted(request.prompt),
            controls=tuple((control.model, control.low_memory) for control in request.controls),
        )

    def _sampled(self, batch: Batch, passes: Sequence[Pass]) -> Tensor:
        """Clean latents; float32, N x C x rows x columns."""
        kit, plan = self._kit(batch.model), batch.plan
        requests = [one.request for one in passes]
        shape = (kit.model.autoencoder.channels, *kit.cells(batch.canvas))
        seeds = [noise_seed(request, kit) for request in requests]
        drifts = [drift_of(request, kit) for request in requests]
        noise = SeededNoise(seeds, shape, source=batch.rules.noise, device=kit.model.device, drifts=drifts)
        unit = noise.initial()
        with (
            tiled(batch.rules, kit.model.unet, kit.model.autoencoder.network),
            kit.networks.applied("unet", batch.networks),
        ):
            init = _inits(passes, kit) if batch.has_init else None
            seen = torch.cat([seen_by_inpainting(request, kit) for request in requests]) if kit.inpaints else None
            if init is not None and plan.sigmas and any(request.sampling.inversion for request in requests):
                unit = self._inverted(batch, requests, unit, init, seen)
            kept = blend(requests, init, unit, kit, plan) if init is not None and batch.is_masked else None
            denoise = self._denoiser(batch, requests, seen, regarded_by(requests, unit, kit))
            if kept is not None:
                noised = plan.sampler.own_timesteps and not batch.is_gradual
                denoise = KeepingNoised(denoise, kept, unit) if noised else KeepingClean(denoise, kept)
            begun = start(
                plan, unit * _strengths(requests, unit) if batch.has_init else unit, kept.kept if kept else init
            )
            x = sample(denoise, begun, plan, noise, batch.settings)
        return kept.over(x) if kept else x

    def _inverted(
        self, batch: Batch, requests: Sequence[ImageRequest], unit: Tensor, init: Tensor, seen: Tensor | None
    ) -> Tensor:
        """The noise of all requests, fitted to their pictures as the model sees them without words or hints."""
        bare = [unguided(one, cfg=1 / batch.plan.sampler.cfg_factor) for one in requests]
        denoise = self._guidance(self._kit(batch.model), batch, bare, 0, seen)
        return fitted(unit, init, batch.plan.noised_to, denoise, [one.sampling.inversion for one in requests])

    def _denoiser(
        self, batch: Batch, requests: Sequence[ImageRequest], seen: Tensor | None, regarded: Regarded | None
    ) -> GuidedDenoise:
        """The guided model of a batch, and the refiner that follows it, which looks at no other picture."""
        kit = self._kit(batch.model)
        first = self._guidance(kit, batch, requests, 0, seen, regarded)
        if batch.refiner is None:
            return first
        refiner = self._kit(batch.refiner.model)
        if refiner.model.autoencoder.channels != kit.model.autoencoder.channels or refiner.inpaints != kit.inpaints:
            raise UserError(
                f"{refiner.model.name} cannot refine what {kit.model.name} draws: their latents differ",
                way_out="Choose a refiner of the same family",
            )
        plain = [replace(request, prompt=untagged(request.prompt)) for request in requests]
        return Relay(
            first,
            lambda calls: self._guidance(refiner, batch, self._fitting(plain, refiner), calls, seen),
            kit.training,
            batch.refiner.switch_at,
        )

    def _guidance(
        self,
        kit: Kit,
        batch: Batch,
        requests: Sequence[ImageRequest],
        calls: int,
        seen: Tensor | None,
        regarded: Regarded | None = None,
    ) -> Guidance:
        """One model, guided by the prompts of all requests."""
        model, plan = kit.model, batch.plan
        steering = units(requests, batch.canvas, model, self._controls) if requests[0].controls else ()
        tell_idle(steering, len(plan.sigmas) - 1)
        times = [kit.training.timestep(sigma) for sigma in plan.sigmas[:-1]]

        def share(timestep: float) -> float:
            return sum(time > timestep + SAME_TIME for time in times) / len(times)

        call = kit.unet_call(batch.canvas, seen, steering, share)
        call = call if regarded is None else regarded.seen(call, model.unet)
        denoiser = Denoiser(call, kit.training, model.prediction, model.dtype, batch.rules.whole_timesteps)
        conditionings = [kit.conditioning(request, batch.plan.prompt_steps, batch.before) for request in requests]
        cfgs = [request.sampling.cfg for request in requests]
        return Guidance(denoiser, batch.plan, conditionings, cfgs, batch.guidance, calls=calls)

    def _fitting(self, requests: Sequence[ImageRequest], kit: Kit) -> list[ImageRequest]:
        """Requests for a refiner, without the control networks that are for another family."""
        fits = [self._fits(control, kit.model) for control in requests[0].controls]
        return [replace(one, controls=tuple(compress(one.controls, fits))) for one in requests]

    def _fits(self, control: ControlImage, model: LoadedModel) -> bool:
        try:
            self._controls(control.model, model, control.low_memory)
        except WeightsError:
            _tell_unfit(control.model, model.name)
            return False
        return True

    def _controls(self, name: str, model: LoadedModel, low_memory: bool) -> Network:
        """A control network for a model."""
        if self._load_control is None:
            raise UserError(f"no way to load the control network {name!r}", way_out="Leave out controls")
        return self._load_control(name, model, low_memory)

    def _second_pass(self, request: ImageRequest, hires: Hires, latent: Tensor) -> Pass:
        """The second pass of a hires fix, from the latent of the first; C x rows x columns."""
        model = hires.model or request.model
        sizes, other = Enlargement.of(hires, request.size), self._kit(model)
        rows, columns = other.cells(sizes.enlarged)
        mode = latent_mode(hires.upscaler)
        if mode is not None:
            enlarged = resized_latent(latent.unsqueeze(0), rows, columns, mode)
        else:
            picture = self._decoded(Pass(request, request.model), latent)
            grown = scaled(to_image(np.nan_to_num(picture)), sizes.enlarged, self._upscaler(hires.upscaler))
            enlarged = other.encoded(grown, sizes.enlarged)
            if not np.isfinite(picture).all():
                enlarged = torch.full_like(enlarged, math.nan)  # stays broken to the end, where it is seen
        second = second_request(request, hires)
        return Pass(second, model, centre(enlarged, *other.cells(sizes.final)), int(request.sampling.steps))

    def _decoded(self, one: Pass, latent: Tensor) -> FloatPicture:
        """The picture of one latent, cut to its size; one at a time, since decoding takes the most memory."""
        kit, size = self._kit(one.model), one.request.size
        with tiled(one.request.rules, kit.model.autoencoder.network):
            decoded = kit.model.autoencoder.decode(latent.unsqueeze(0))[0]
        cut = decoded[:, : size.height, : size.width].permute(1, 2, 0)
        return cast(FloatPicture, cut.add(1).div(2).float().cpu().numpy())

    def release(self, kept: Set[str]) -> list[str]:
        """Lets go of all models but its own and those of the given names; the names of those that were there."""
        released = [name for name in self._kits if name and name not in kept]
        for name in released:
            del self._kits[name]
        return released

    def _kit(self, name: str) -> Kit:
        """The studio's own model, or another by name."""
        if name not in self._kits:
            if self._load is None:
                raise UserError(f"no way to load the model {name!r}", way_out="Leave out refiner and second model")
            self._kits[name] = Kit(self._load(name), self._files)
        return self._kits[name]


@lru_cache(maxsize=256)  # once, however many pictures there are
def _tell_unfit(control: str, refiner: str) -> None:
    log.warning("%s is for another family than the refiner %s and rests while that one draws", control, refiner)


def tiled(rules: DrawingRules, *networks: Any) -> AbstractContextManager[None]:
    """While open, the networks draw tiles if the rules say so."""
    return circular(*networks) if rules.tiling else nullcontext()


def noise_seed(request: ImageRequest, kit: Kit) -> NoiseSeed:
    """All that defines the noise of a request."""
    sampling = request.sampling
    other = Size(int(sampling.seed_width), int(sampling.seed_height))
    return NoiseSeed(
        request.seed,
        int(sampling.variation_seed),
        sampling.variation_strength,
        kit.cells(other) if min(other) > 0 else None,
        int(sampling.seed_delta),
        request.noise,
    )


def _inits(passes: Sequence[Pass], kit: Kit) -> Tensor:
    """The latents that image to image starts from; float32, N x C x rows x columns. Each picture is encoded once."""
    pictures = {id(one.request.init): one.request for one in passes if one.latent is None}
    encoded = {place: _init(request, kit) for place, request in pictures.items()}
    return torch.cat([encoded[id(one.request.init)] if one.latent is None else one.latent for one in passes])


def _init(request: ImageRequest, kit: Kit) -> Tensor:
    """The latent of a request's picture; float32, 1 x C x rows x columns."""
    image, size = request.init, request.size
    assert image is not None
    if Size.of(image) == size:
        return kit.encoded(image, size).float()
    return resized_latent(kit.encoded(image, Size.of(image)).float(), *kit.cells(size))


def _strengths(requests: Sequence[ImageRequest], like: Tensor) -> Tensor:
    """How much of the initial noise image to image gets; N x 1 x 1 x 1."""
    numbers = [request.sampling for request in requests]
    return like.new_tensor([n.noise_multiplier + n.extra_noise for n in numbers]).view(-1, 1, 1, 1)


def _cut(places: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    """The places in pieces of at most `most`."""
    for first in range(0, len(places), most):
        yield places[first : first + most]

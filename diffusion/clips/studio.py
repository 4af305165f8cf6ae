"""ClipStudio: a model, and a motion module, with all that makes clips from orders."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from core.errors import BrokenPicture, UserError
from core.image import Image, to_image
from core.seeds import derive
from diffusion.clips.across_time import across_time
from diffusion.clips.denoise import Asked, ClipDenoise, Frames, Manner, Steer, WindowCall, moving_call, still_call
from diffusion.clips.families import signal_shares
from diffusion.clips.journal import Journal, Remembering
from diffusion.clips.memory import Needs, check, free_memory
from diffusion.clips.module import MotionLora, MotionModule, Strengths, moving_unet
from diffusion.clips.noise import ClipNoise, refined, rescheduled
from diffusion.clips.order import ClipFrame, ClipOrder
from diffusion.clips.sparse import SparseControl, SparseSteer
from diffusion.clips.words import Told, Words
from diffusion.kit import Kit, size_facts
from diffusion.masking import blend
from diffusion.models.loaded import LoadedModel
from diffusion.models.steerer import Added, Moment, summed
from diffusion.pictures import SAME_TIME, noise_seed, tiled
from diffusion.prompt.language import ExtraNetwork
from diffusion.prompt.named import NamedFiles
from diffusion.request import ImageRequest
from diffusion.sampling.blend import Blend, KeepingClean, KeepingNoised
from diffusion.sampling.denoiser import Denoiser, Row
from diffusion.sampling.loop import sample, start
from diffusion.sampling.names import resolve
from diffusion.sampling.noise import NoiseSeed, slerp
from diffusion.sampling.noise_schedule import ScheduleOptions, TrainingNoise
from diffusion.sampling.plan import SamplerPlan, sampler_plan
from diffusion.sampling.run import OnStep, SamplerSettings
from diffusion.steering import LoadControl, units

HINTS_KEPT = 1 << 28  # bytes of control pictures in memory
CALLS_OF_A_PASS = 100_000  # of FreeInit, in the numbers of a journal


class ClipStudio:
    """Makes clips with one model; without a motion module every frame is a still. Remembers encoded prompts."""

    def __init__(
        self,
        model: LoadedModel,
        module: MotionModule | None = None,
        loras: Sequence[MotionLora] = (),
        sparse: SparseControl | None = None,
        load_control: LoadControl | None = None,
        files: NamedFiles | None = None,
    ) -> None:
        """A studio for one model.

        Args:
            model: shared; outside of `latents` it is as it was loaded.
            module: of its family.
            loras: of the motion module.
            sparse: the network that is shown the sparse pictures of orders.
            load_control: gives control networks by name.
            files: finds LoRAs, hypernetworks and embeddings by name.

        Raises:
            WeightsError: for a motion module or LoRA that does not fit.
        """
        self._kit = Kit(model, files)
        self._module, self._sparse, self._load_control = module, sparse, load_control
        self._moving = None if module is None else moving_unet(model, module)
        self._strengths = None if module is None else Strengths(self._moving, loras)
        own = model.alphas_cumprod.numpy()
        self._training = TrainingNoise.of(own if module is None else signal_shares(module.traits.betas, own))

    def needs(self, order: ClipOrder) -> Needs:
        """What memory a clip depends on."""
        model = self._kit.model
        widths = getattr(model.autoencoder.network.config, "block_out_channels", (16,))
        return Needs(
            len(order.frames),
            order.windows.frames,
            order.together,
            order.size,
            model.autoencoder.factor,
            model.autoencoder.channels,
            model.unet.config.block_out_channels[0],
            widths[0],
            torch.finfo(model.dtype).bits // 8,
        )

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def latents(self, order: ClipOrder, journal: Journal, on_step: OnStep | None = None) -> Tensor:
        """The clip, finished or finished now; float32, frames x C x rows x columns, on the processor.

        Raises:
            UserError: for an unknown sampler, or numbers or prompts out of range.
        """
        if (free := free_memory(self._kit.model.device)) is not None:
            check(self.needs(order), free)
        journal.open()
        if (done := journal.latents()) is not None:
            return done
        found = self._sampled(order, journal, on_step)
        journal.finish(found)
        return found

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def picture(self, latent: Tensor, order: ClipOrder) -> Image:
        """One frame's latent, C x rows x columns, as a picture of the clip's size.

        Raises:
            BrokenPicture: if it is NaN.
        """
        with tiled(order.frames[0].request.rules, self._kit.model.autoencoder.network):
            decoded = self._kit.model.autoencoder.decode(latent.unsqueeze(0).to(self._kit.model.device))[0]
        cut = decoded[:, : order.size.height, : order.size.width].permute(1, 2, 0).add(1).div(2).float().cpu()
        if not bool(torch.isfinite(cut).all()):
            raise BrokenPicture("the model gave a picture that is NaN", way_out="Try another sampler or a lower cfg")
        return to_image(cut.numpy())

    def _sampled(self, order: ClipOrder, journal: Journal, on_step: OnStep | None) -> Tensor:
        first, model = order.frames[0].request, self._kit.model
        plan = self.plan(order)
        words = Words(self._kit, first, [_told(one) for one in order.frames], plan.prompt_steps, order.interpolation)
        noise = self._noise(order, order.seed, [self._seed(one) for one in order.frames])
        unit = self._started(order, noise)
        networks = [*words.networks]
        if order.adapter is not None:
            networks.append(ExtraNetwork("lora", order.adapter[0], 0.0, order.adapter[1]))
        with ExitStack() as stack:
            stack.enter_context(tiled(first.rules, model.unet, model.autoencoder.network))
            init = self._init(order)
            kept = self._kept(order, init, unit, plan)
            stack.enter_context(self._kit.networks.applied("unet", networks))
            passes = order.free_init.passes if order.free_init else 1
            for number in range(passes):
                denoise = Remembering(self._denoiser(order, plan, words, init), journal, number * CALLS_OF_A_PASS)
                begun = start(plan, unit * first.sampling.noise_multiplier if init is not None else unit, init)
                guarded = _guarded(denoise, plan, kept, unit)
                x = sample(guarded, begun, plan, noise, _settings(first), on_step)
                x = kept.over(x) if kept else x
                if order.free_init is None or number == passes - 1:
                    return x
                noise = self._noise(order, derive(order.seed, "freeinit", number), self._fresh(order, number))
                signal = 1 / (1 + plan.sigmas[0] ** 2)
                unit = refined(x, unit, noise.initial(), signal, order.free_init)
        raise AssertionError("a clip has a pass")

    def plan(self, order: ClipOrder) -> SamplerPlan:
        """What the sampler will do: all steps, for frames that begin later, too.

        Raises:
            UserError: for a sampler that draws one picture at a time, or numbers that change over the clip.
        """
        first = order.frames[0].request
        for frame in order.frames:
            if _constants(frame.request) != _constants(first):
                raise UserError(
                    "sampler, schedule, steps or another rule of sampling changes over the clip",
                    way_out="Of `sampling` only cfg and denoise may change in a clip",
                )
        plan = sampler_plan(
            resolve(first.sampler, first.schedule),
            int(first.sampling.steps),
            self._training,
            options=ScheduleOptions(
                first.sampling.sigma_min,
                first.sampling.sigma_max,
                first.sampling.rho,
                first.rules.drop_penultimate,
                for_sdxl=self._kit.model.family == "sdxl",
            ),
            full_variance=first.rules.full_variance,
        )
        if not plan.sampler.fits_batch:
            raise UserError(f"{plan.sampler.name} draws one picture at a time", way_out="Choose another sampler")
        return plan

    def _noise(self, order: ClipOrder, seed: int, seeds: Sequence[NoiseSeed]) -> ClipNoise:
        return ClipNoise(seeds, self._shape(order), seed, order.shared_noise, order.frames[0].request.rules.noise)

    def _shape(self, order: ClipOrder) -> tuple[int, int, int]:
        """Channels, rows and columns of a frame's latent."""
        return (self._kit.model.autoencoder.channels, *self._kit.cells(order.size))

    def _seed(self, frame: ClipFrame) -> NoiseSeed:
        return noise_seed(frame.request, self._kit)

    def _fresh(self, order: ClipOrder, number: int) -> list[NoiseSeed]:
        return [NoiseSeed(derive(one.request.seed, "freeinit", number)) for one in order.frames]

    def _started(self, order: ClipOrder, noise: ClipNoise) -> Tensor:
        """Unit-variance noise to start from."""
        unit = noise.initial()
        if any(share for _, share in (frame.other_seed for frame in order.frames)):
            source = order.frames[0].request.rules.noise
            others = [NoiseSeed(frame.other_seed[0]) for frame in order.frames]
            ahead = ClipNoise(others, self._shape(order), order.seed, order.shared_noise, source).initial()
            unit = torch.stack(
                [slerp(f.other_seed[1], one, two) for f, one, two in zip(order.frames, unit, ahead, strict=True)]
            )
        if order.free_noise:
            unit = rescheduled(unit, order.windows.frames, order.windows.shared, order.seed, closed=order.closed)
        return unit

    def _init(self, order: ClipOrder) -> Tensor | None:
        """What frames are drawn over; None for a clip from text."""
        if order.init is not None:
            found = (self._kit.encoded(order.init(index), order.size) for index in range(len(order.frames)))
            return torch.cat([latent.float().cpu() for latent in found])
        if order.ends is not None:
            pictures = torch.cat([self._kit.encoded(one, order.size).float().cpu() for one in order.ends.pictures])
            weights = torch.tensor([order.ends.weights(index) for index in range(len(order.frames))])
            return torch.einsum("fp,pchw->fchw", weights, pictures)
        return None

    def _kept(self, order: ClipOrder, init: Tensor | None, unit: Tensor, plan: SamplerPlan) -> Blend | None:
        """What masks keep of the init."""
        if order.mask is None or init is None:
            return None
        parts = []
        for index, frame in enumerate(order.frames):
            request = replace(frame.request, inpaint=order.mask(index))
            parts.append(blend([request], init[index : index + 1], unit[index : index + 1], self._kit, plan))
        return Blend(torch.cat([one.kept for one in parts]), torch.cat([one.repainted.cpu() for one in parts]))

    def _denoiser(self, order: ClipOrder, plan: SamplerPlan, words: Words, init: Tensor | None) -> ClipDenoise:
        first, model = order.frames[0].request, self._kit.model
        numbers = [frame.request.sampling for frame in order.frames]
        cfgs = torch.tensor([one.cfg * plan.sampler.cfg_factor for one in numbers])
        over = [order.ends.noise(index) if order.ends else 0.0 for index in range(len(numbers))]
        begins = [begin(plan, one.denoise, noise) for one, noise in zip(numbers, over, strict=True)]
        denoiser = Denoiser(_unasked, self._training, model.prediction, model.dtype, first.rules.whole_timesteps)
        return ClipDenoise(
            self._call(order, plan),
            denoiser,
            words,
            Frames(cfgs, torch.tensor(begins if init is not None else [math.inf] * len(begins)), init),
            Manner(
                order.windows,
                order.closed,
                order.together,
                first.sampling.cfg_rescale,
                steady_above(plan, order.steady),
                paced_above(plan) if order.closed and order.steady else math.inf,
            ),
            model.device,
        )

    def _call(self, order: ClipOrder, plan: SamplerPlan) -> WindowCall:
        """The UNet with strengths and control networks of the frames that are drawn."""
        model = self._kit.model
        facts = size_facts(model, self._kit.canvas(order.size))
        controls, sparse = self._controlled(order, plan, facts), self._sparsely(order, plan)

        def steer(
            latents: Tensor, times: Tensor, tokens: Tensor, pooled: Tensor | None, asked: Sequence[Asked]
        ) -> Added:
            self._set_strengths(order, asked)
            told = (latents, times, tokens, pooled, asked)
            return summed([controls(*told), sparse(*told)])

        if self._module is None:
            return still_call(model.unet, facts, steer)
        call = moving_call(self._moving, model.unet, facts, steer)
        return across_time(self._moving, call) if self._module.traits.across_time else call

    def _controlled(self, order: ClipOrder, plan: SamplerPlan, facts: Tensor) -> Steer:
        """What control networks add to the frames that are drawn; their pictures are read when they are needed."""
        if order.controls is None:
            return _nothing
        model, canvas = self._kit.model, self._kit.canvas(order.size)
        most = max(64, HINTS_KEPT // (3 * order.size.width * order.size.height))
        shown = lru_cache(maxsize=most)(order.controls)

        def added(
            latents: Tensor, times: Tensor, tokens: Tensor, pooled: Tensor | None, asked: Sequence[Asked]
        ) -> Added:
            flat = latents.flatten(0, 1)
            rows = [Row(place, one.is_negative) for place, one in enumerate(one for one in asked for _ in one.window)]
            kinds = [int(row.is_negative) for row in rows]
            told = None if pooled is None else {"text_embeds": pooled, "time_ids": facts[kinds]}
            share = self._done(plan, float(times[0]))
            frames = [frame for one in asked for frame in one.window]
            requests = [replace(order.frames[frame].request, controls=shown(frame)) for frame in frames]
            moment = Moment(flat, times[:1].expand(len(flat)), tokens, told)
            steering = units(requests, canvas, model, self._loaded_control)
            found = [unit.added(moment, rows, share) for unit in steering]
            return summed([one for one in found if one is not None])

        return added

    def _sparsely(self, order: ClipOrder, plan: SamplerPlan) -> Steer:
        """What a SparseControl network adds."""
        if order.sparse is None or self._sparse is None:
            return _nothing
        steering = SparseSteer(self._sparse, order.sparse, self._kit)

        def added(
            latents: Tensor, times: Tensor, tokens: Tensor, _pooled: Tensor | None, asked: Sequence[Asked]
        ) -> Added:
            return steering.added(latents, times, tokens, asked, self._done(plan, float(times[0])))

        return added

    def _done(self, plan: SamplerPlan, time: float) -> float:
        """Share of the steps that are done at a timestep, 0..1."""
        levels = [self._training.timestep(sigma) for sigma in plan.sigmas[:-1]]
        return sum(level > time + SAME_TIME for level in levels) / len(levels)

    def _set_strengths(self, order: ClipOrder, asked: Sequence[Asked]) -> None:
        if self._strengths is None:
            return
        frames = [[order.frames[frame] for frame in one.window] for one in asked]
        scale = torch.tensor([[one.motion for one in own] for own in frames])
        doses = torch.tensor([[list(one.doses) for one in own] for own in frames])
        self._strengths.set(scale, list(doses.unbind(-1)))

    def _loaded_control(self, name: str, model: LoadedModel, low_memory: bool) -> Any:
        if self._load_control is None:
            raise UserError(f"no way to load the control network {name!r}", way_out="Leave out controls")
        return self._load_control(name, model, low_memory)


def begin(plan: SamplerPlan, denoise: float, noise: float = 0.0) -> float:
    """The noise level at which a frame begins to be drawn; 0 never, infinity at once.

    Args:
        plan: of the sampling.
        denoise: denoising strength, 0..1.
        noise: level of what its picture has to have before, as far from it as the frame is.
    """
    steps = plan.steps_run
    first = round(steps * (1 - denoise))
    if first <= 0:
        return math.inf
    strength = plan.sigmas[first] if first < steps else 0.0
    level = math.hypot(strength, noise)
    reached = [sigma for sigma in plan.sigmas[1:-1] if sigma >= level * (1 - 1e-6)]
    return 0.0 if level == 0 else reached[-1] if reached else math.inf


def steady_above(plan: SamplerPlan, share: float) -> float:
    """The noise level that ends a share of the steps, 0..1; infinity where there is none."""
    steps = round(plan.steps_run * share)
    return plan.sigmas[steps] if steps else math.inf


def paced_above(plan: SamplerPlan) -> float:
    """The noise level of the last step, which alone is not paced: it is left sharp."""
    return plan.sigmas[plan.steps_run - 1]


def _guarded(denoise: Remembering, plan: SamplerPlan, kept: Blend | None, unit: Tensor) -> Any:
    """The denoiser under the masks."""
    if kept is None:
        return denoise
    return KeepingNoised(denoise, kept, unit) if plan.sampler.own_timesteps else KeepingClean(denoise, kept)


def _told(frame: ClipFrame) -> Told:
    return Told(frame.request.prompt, frame.negative)


def _settings(request: ImageRequest) -> SamplerSettings:
    numbers = request.sampling
    return SamplerSettings(
        numbers.eta_ancestral,
        numbers.eta_ddim,
        numbers.s_noise,
        numbers.s_churn,
        numbers.s_tmin,
        numbers.s_tmax or math.inf,
    )


def _constants(request: ImageRequest) -> tuple[object, ...]:
    """What has to be the same for all frames of a clip."""
    return request.sampler, request.schedule, request.rules, replace(request.sampling, cfg=0.0, denoise=0.0)


def _nothing(*_: object) -> Added:
    return Added()


def _unasked(*_: Any, **__: Any) -> Tensor:
    raise AssertionError("a clip's denoiser asks windows")

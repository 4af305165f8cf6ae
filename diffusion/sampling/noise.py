"""Seeded noise: each image of a batch draws from its own seed, so a batch gives the pictures of its singles.

Noise is drawn on the processor (or by the software twin of an NVIDIA device's generator) and moved, so that a seed
means the same noise on every device. Only the source "gpu" asks the device itself.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from core.seeds import derive
from diffusion.request import NoiseMix, NoiseSource
from diffusion.sampling.noise_schedule import HIGHEST_LEVEL, LOWEST_LEVEL
from diffusion.sampling.philox import philox_normal

Shape = tuple[int, int, int]  # channels, rows, columns of one latent
StepNoise = Callable[[float, float], Tensor]  # (sigma, next sigma) to unit-variance noise of the batch's shape
Draw = Callable[[Shape], Tensor]  # the next unit-variance noise of one image; float32
TREE_DEPTH = 11  # halvings of the whole range of noise levels, down to parts of 1 %


@dataclass(frozen=True, slots=True)
class NoiseSeed:
    """All that defines the noise of one image."""

    seed: int  # 0 to 2**64 - 1
    variation_seed: int = 0
    variation_strength: float = 0.0  # 0..1: from the noise of `seed` to that of `variation_seed`
    resized_from: tuple[int, int] | None = None  # rows, columns of the latent whose composition is wanted
    sampling_delta: int = 0  # "eta noise seed delta": added to the seed for the noise drawn while sampling
    mix: NoiseMix = ()  # seeds and weights of noise that is mixed in place of that of `seed`

    @property
    def parts(self) -> NoiseMix:
        """The seeds whose noise makes this one, with their weights."""
        return self.mix or ((self.seed, 1.0),)


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Where the noise of one image comes from, cell by cell; rows x columns each."""

    rows: Tensor  # int64: of the cell whose noise it is
    columns: Tensor  # int64
    fresh: Tensor  # bool: where the noise is new instead
    seed: int  # of new noise, 0 to 2**64 - 1

    def moved(self, noise: Tensor, new: Tensor) -> Tensor:
        """Noise brought along, C x rows x columns; its spread stays what it was."""
        found = noise[:, self.rows, self.columns]
        found = torch.where(self.fresh, new, found)
        return found * (noise.std() / found.std())


class SeededNoise:
    """The noise of one batch: first `initial`, then what the sampler draws. Draws move on, so make one for each run."""

    def __init__(
        self,
        seeds: Sequence[NoiseSeed],
        shape: Shape,
        *,
        source: NoiseSource = "cpu",
        device: torch.device | str = "cpu",
        drifts: Sequence[Drift | None] = (),
    ) -> None:
        """For one latent of `shape` for each seed; what is drawn moves by `drifts` and goes to `device` as float32."""
        self._drifts = {image: drift for image, drift in enumerate(drifts) if drift is not None}
        fresh = [NoiseSeed(drift.seed) for drift in self._drifts.values()]
        own = SeededNoise(fresh, shape, source=source, device=device) if fresh else None
        self._fresh: SeededNoise | None = own
        self._seeds = tuple(seeds)
        self._shape = shape
        self._source = source
        self._device = torch.device(device)
        self._draws = [mixed_draws(seed.parts, source, self._device) for seed in self._seeds]
        self._paths = [mixed_paths(seed.parts, shape) for seed in self._seeds]

    def initial(self) -> Tensor:
        """Unit-variance noise to start from; float32, N x C x H x W. Ask for it once, before sampling."""
        drawn = [
            initial_noise(seed, draw(self._shape), self._source, self._device)
            for seed, draw in zip(self._seeds, self._draws, strict=True)
        ]
        if any(seed.sampling_delta for seed in self._seeds):
            later = [tuple((one + seed.sampling_delta, share) for one, share in seed.parts) for seed in self._seeds]
            self._draws = [mixed_draws(parts, self._source, self._device) for parts in later]
        return self._drifted(self._batch(drawn), None if self._fresh is None else self._fresh.initial())

    def white(self, sigma: float, following: float) -> Tensor:
        """The next draw of every image, whatever the levels."""
        drawn = self._batch([draw(self._shape) for draw in self._draws])
        return self._drifted(drawn, None if self._fresh is None else self._fresh.white(sigma, following))

    def brownian(self, sigma: float, following: float) -> Tensor:
        """Noise that depends on the two levels alone: finer steps draw finer detail of the same path."""
        drawn = self._batch([path(sigma, following) for path in self._paths])
        return self._drifted(drawn, None if self._fresh is None else self._fresh.brownian(sigma, following))

    def _drifted(self, drawn: Tensor, fresh: Tensor | None) -> Tensor:
        """The noise of a batch where it has drifted to; `fresh` for the images that drift, in their order."""
        if fresh is None:
            return drawn
        for (image, drift), new in zip(self._drifts.items(), fresh, strict=True):
            drawn[image] = drift.moved(drawn[image], new)
        return drawn

    def _batch(self, drawn: Sequence[Tensor]) -> Tensor:
        """One tensor on the device; from pinned memory the copy does not wait for the device's work."""
        stacked = torch.stack(list(drawn))
        pinned = stacked.pin_memory() if self._device.type == "cuda" and stacked.device.type == "cpu" else stacked
        return pinned.to(self._device, non_blocking=pinned.is_pinned())


def generator(seed: int, source: NoiseSource, device: torch.device | str = "cpu") -> Draw:
    """The draws of one seed, one after the other; those of "gpu" are a CUDA device's own, elsewhere the processor's."""
    if source == "nv":
        calls = iter(range(2**31))
        return lambda shape: torch.from_numpy(philox_normal(seed, next(calls), math.prod(shape))).view(shape)
    drawer = device if source == "gpu" and torch.device(device).type == "cuda" else "cpu"
    state = torch.Generator(drawer).manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=state, device=drawer)


def mixed_draws(parts: NoiseMix, source: NoiseSource, device: torch.device | str = "cpu") -> Draw:
    """The draws of several seeds as one, each with its weight; of one seed alone, its own."""
    draws = [(generator(seed, source, device), share) for seed, share in parts]
    if len(draws) == 1:
        return draws[0][0]
    return lambda shape: torch.stack([share * draw(shape) for draw, share in draws]).sum(0)


def initial_noise(seed: NoiseSeed, full: Tensor, source: NoiseSource, device: torch.device | str = "cpu") -> Tensor:
    """The noise one image starts from: variation first, then the change of size.

    Args:
        seed: variation and size changes, whose noise comes from generators of their own.
        full: the first draw of the image's generator, C x H x W.
        source: of the further noise, and the device that draws it if it is "gpu".
        device: see there.
    """
    base = (full.shape[0], *(seed.resized_from or full.shape[1:]))
    noise = full if base == full.shape else mixed_draws(seed.parts, source, device)(base)
    if seed.variation_strength:
        noise = slerp(seed.variation_strength, noise, generator(seed.variation_seed, source, device)(base))
    return noise if base == full.shape else pasted(noise, full)


def slerp(share: float, low: Tensor, high: Tensor) -> Tensor:
    """From `low` (share 0) to `high` (1) along the sphere, column by column of each channel (the second axis).

    Source: Shoemake 1985, "Animating Rotation with Quaternion Curves".
    Nearly parallel noise is mixed in proportion.
    """
    cosine = (low / low.norm(dim=1, keepdim=True) * (high / high.norm(dim=1, keepdim=True))).sum(1, keepdim=True)
    if cosine.mean() > 0.9995:
        return torch.lerp(low, high, share)
    angle = torch.acos(cosine.clamp(-1, 1))
    return (torch.sin((1 - share) * angle) * low + torch.sin(share * angle) * high) / torch.sin(angle)


def pasted(noise: Tensor, full: Tensor) -> Tensor:
    """`full` with `noise` of another size over its middle; what reaches beyond is cut."""
    result = full.clone()
    inner, outer = [], []
    for small, large in zip(noise.shape[1:], full.shape[1:], strict=True):
        offset = (large - small) // 2
        length = min(small, large)
        outer.append(slice(max(offset, 0), max(offset, 0) + length))
        inner.append(slice(max(-offset, 0), max(-offset, 0) + length))
    result[:, outer[0], outer[1]] = noise[:, inner[0], inner[1]]
    return result


def mixed_paths(parts: NoiseMix, shape: Shape) -> StepNoise:
    """The Brownian paths of several seeds as one, each with its weight; of one seed alone, its own."""
    paths = [(brownian_path(seed, shape), share) for seed, share in parts]
    if len(paths) == 1:
        return paths[0][0]
    return lambda sigma, following: torch.stack([share * path(sigma, following) for path, share in paths]).sum(0)


def brownian_path(seed: int, shape: Shape) -> StepNoise:
    """Unit-variance increments of one Brownian path over the logarithm of the noise level.

    The path is a virtual tree: its value at a level is found by TREE_DEPTH halvings and one last part, each a Brownian
    bridge whose noise is seeded by its place, so that it does not depend on what was asked before.

    Source: Levy's construction of Brownian motion; Kidger et al. 2021, "Efficient and Accurate Gradients for Neural
    SDEs", for seeding the tree by place.
    """
    start, span = math.log(LOWEST_LEVEL), math.log(HIGHEST_LEVEL / LOWEST_LEVEL)

    @lru_cache(maxsize=4)
    def value(sigma: float) -> Tensor:
        return _path_value(seed, shape, (math.log(sigma) - start) / span)

    def increment(sigma: float, following: float) -> Tensor:
        return (value(following) - value(sigma)) * math.sqrt(span / abs(math.log(following / sigma)))

    return increment


def _path_value(seed: int, shape: Shape, time: float) -> Tensor:
    """A standard Brownian path from 0 at time 0, at a time 0..1."""
    low, high = 0.0, 1.0
    at_low, at_high = torch.zeros(shape), _normal(seed, shape, 0)
    place = 1
    for _ in range(TREE_DEPTH):
        middle = (low + high) / 2
        deviation = math.sqrt(high - low) / 2
        at_middle = torch.lerp(at_low, at_high, 0.5).add_(_normal(seed, shape, place), alpha=deviation)
        if time < middle:
            high, at_high, place = middle, at_middle, 2 * place
        else:
            low, at_low, place = middle, at_middle, 2 * place + 1
    share, spread = (time - low) / (high - low), math.sqrt((time - low) * (high - time) / (high - low))
    return torch.lerp(at_low, at_high, share).add_(_normal(seed, shape, place), alpha=spread)


def _normal(seed: int, shape: Shape, place: int) -> Tensor:
    """The normal noise of one place in a tree."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(derive(seed, "brownian", place)))

"""The noise of clips: each frame from its own seed, a part of it common to all; FreeNoise and FreeInit."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.seeds import derive
from diffusion.clips.order import FreeInit
from diffusion.request import NoiseSource
from diffusion.sampling.noise import NoiseSeed, SeededNoise, Shape


class ClipNoise:
    """Unit-variance noise of all frames; `SeededNoise` whose frames have a share of the variance in common."""

    def __init__(self, seeds: Sequence[NoiseSeed], shape: Shape, seed: int, share: float, source: NoiseSource) -> None:
        """Noise of a clip.

        Args:
            seeds: of the frames.
            shape: of one latent.
            seed: of what all frames have in common.
            share: of the variance in common, 0..1. The noise drawn while sampling has it in common, too.
            source: of the draws.
        """
        self._share = share
        self._own = SeededNoise(seeds, shape, source=source)
        self._common = SeededNoise([NoiseSeed(derive(seed, "clip"))], shape, source=source)

    def initial(self) -> Tensor:
        """To start from; float32, frames x C x rows x columns, on the processor."""
        return self._mixed(self._common.initial(), self._own.initial())

    def white(self, sigma: float, following: float) -> Tensor:
        """The next draw of every frame."""
        return self._mixed(self._common.white(sigma, following), self._own.white(sigma, following))

    def brownian(self, sigma: float, following: float) -> Tensor:
        """Noise that depends on the two levels alone."""
        return self._mixed(self._common.brownian(sigma, following), self._own.brownian(sigma, following))

    def _mixed(self, common: Tensor, own: Tensor) -> Tensor:
        """Source: Ge et al. 2023, "Preserve Your Own Correlation: A Noise Prior for Video Diffusion Models"."""
        if self._share == 0:
            return own
        return own.mul_(math.sqrt(1 - self._share)).add_(common, alpha=math.sqrt(self._share))


def rescheduled(noise: Tensor, window: int, overlap: int, seed: int, *, closed: bool = False) -> Tensor:
    """The noise of the first frames again and again, each time in another order within blocks.

    Windows far apart then draw alike. The first frames are those of a window; in a closed clip as many as go round it
    without a rest, in two blocks, so that over the seam, too, the same noise comes back after half of them at the
    earliest.

    Args:
        noise: frames x C x rows x columns.
        window: frames of one.
        overlap: frames that neighbours share; what comes anew at once is shuffled together.
        seed: of the order.
        closed: whether the last frame leads to the first.

    Source: Qiu et al. 2023, "FreeNoise: Tuning-Free Longer Video Diffusion via Noise Rescheduling".
    """
    count = len(noise)
    own = math.ceil(count / max(count // window, 1)) if closed else min(window, count)
    block = math.ceil(own / 2) if closed else max(window - overlap, 1)
    order = list(range(own))
    draw = np.random.default_rng(derive(seed, "freenoise"))
    while len(order) < count:
        first = len(order) - own
        size = min(block, own - first % own) if closed else block
        order += [order[first + int(place)] for place in draw.permutation(size)]
    return noise[torch.tensor(order[:count])]


def refined(clean: Tensor, noise: Tensor, fresh: Tensor, signal: float, rules: FreeInit) -> Tensor:
    """Noise for the next pass of FreeInit.

    Args:
        clean: the clip as sampled; frames x C x rows x columns.
        noise: it started from, unit variance.
        fresh: new noise, unit variance.
        signal: share of the variance that is picture at the first level, 0..1.
        rules: which frequencies are kept.

    Source: Wu et al. 2023, "FreeInit: Bridging Initialization Gap in Video Diffusion Models".
    """
    noised = math.sqrt(signal) * clean + math.sqrt(1 - signal) * noise
    axes = (0, 2, 3)
    kept = low_frequencies((clean.shape[0], *clean.shape[2:]), rules)[:, None].to(clean)
    spectrum = torch.fft.fftn(noised.float(), dim=axes) * kept + torch.fft.fftn(fresh.float(), dim=axes) * (1 - kept)
    found: Tensor = torch.fft.ifftn(spectrum, dim=axes).real
    return found


def low_frequencies(shape: tuple[int, int, int], rules: FreeInit) -> Tensor:
    """How much of each frequency is kept, 0..1, zero frequency first; float32, frames x rows x columns."""
    if rules.space == 0 or rules.time == 0:
        return torch.zeros(shape)
    time, rows, columns = (torch.fft.fftfreq(size).mul(2) for size in shape)
    across = (rows.square()[:, None] + columns.square()[None])[None]
    distance = (time * (rules.space / rules.time)).square()[:, None, None] + across
    kept: Tensor
    match rules.filter:
        case "butterworth":
            kept = 1 / (1 + (distance / rules.space**2) ** rules.order)
        case "gaussian":
            kept = torch.exp(-distance / (2 * rules.space**2))
        case "ideal":
            kept = (distance <= 2 * rules.space).float()
        case "box":
            inside = (rows.abs() <= rules.space)[:, None] & (columns.abs() <= rules.space)[None]
            kept = ((time.abs() <= rules.time)[:, None, None] & inside[None]).float()
    return kept

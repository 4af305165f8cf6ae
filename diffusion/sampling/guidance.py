"""Guidance: several images, each with its own composed prompts and strength, as one denoiser for the samplers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.prompt.conditioning import Conditioning, Embedding
from diffusion.sampling.denoiser import Denoiser, Row
from diffusion.sampling.plan import SamplerPlan


@dataclass(frozen=True, slots=True)
class GuidanceOptions:
    """What a user may change about guidance."""

    rescale: float = 0.0  # 0..1, pulls the contrast of strong guidance back towards that of the prompt alone
    skip_below: float = 0.0  # noise level under which every second call leaves the negative prompt out
    skip_early: float = 0.0  # 0..1, share of the calls at the beginning that leave the negative prompt out


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of equal token count: one call of the UNet."""

    rows: tuple[Row, ...]
    images: Tensor  # int64, R: the image of each row, on the device
    context: Tensor  # R x tokens x width
    pooled: Tensor | None


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the rows of the UNet's calls make up the guided prediction of every image at one step."""

    groups: tuple[_Group, ...]
    order: Tensor | None  # int64: sorts the rows of all groups, one after the other, where there is more than one
    negative: Tensor | slice  # N rows: the negative prompt, or the first positive one where it is left out
    parts: tuple[tuple[Tensor | slice, Tensor | float], ...]  # N rows each, weight * cfg: N x 1 x 1 x 1 or one for all


class Guidance:
    """A denoiser for one run: `(x, sigma) -> x0` with guidance. Counts its calls, so make one for each run.

    x0 = u + sum_i weight_i * cfg * (c_i - u), with u for the negative and c_i for the parts of the prompt.
    The entry of the conditioning for call k is k, the last for all calls after.

    Source: Ho and Salimans 2022, "Classifier-Free Diffusion Guidance"; Liu et al. 2022, "Compositional Visual
    Generation with Composable Diffusion Models".
    """

    def __init__(
        self,
        denoiser: Denoiser,
        plan: SamplerPlan,
        conditionings: Sequence[Conditioning],
        cfgs: Sequence[float],
        options: GuidanceOptions | None = None,
        *,
        calls: int = 0,
    ) -> None:
        """For as many images as there are conditionings; `cfgs` are what the users wrote, one for each.

        `calls` have been made before by another model. The negative prompt of an image is left out where its weight
        is exactly zero, as at cfg 1.
        """
        assert len(conditionings) == len(cfgs) > 0
        self._denoiser = denoiser
        self._conditionings = tuple(conditionings)
        self._cfgs = tuple(cfg * plan.sampler.cfg_factor for cfg in cfgs)
        self._nominal_calls = plan.prompt_steps
        self._options = options or GuidanceOptions()
        self._layouts: dict[tuple[object, ...], _Layout] = {}
        self.calls = calls

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """The guided clean latent; float32, N x C x H x W."""
        layout = self._layout(x.device, skips=self._skips(sigma), keeps=False)
        predicted, _ = self._predicted(x, sigma, layout)
        return self._denoiser.x0(x, sigma, predicted)

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """The guided clean latent, and that of the negative prompt alone."""
        layout = self._layout(x.device, skips=False, keeps=True)
        predicted, negative = self._predicted(x, sigma, layout)
        return self._denoiser.x0(x, sigma, predicted), self._denoiser.x0(x, sigma, negative)

    def _predicted(self, x: Tensor, sigma: float, layout: _Layout) -> tuple[Tensor, Tensor]:
        """Raw predictions: guided, and negative alone; float32, N x C x H x W each."""
        self.calls += 1
        raw = self._raw(x, sigma, layout).float()
        negative = raw[layout.negative]
        (first, cfg), *others = layout.parts
        guided = torch.lerp(negative, raw[first], cfg)
        for rows, weight in others:
            guided += weight * (raw[rows] - negative)
        if self._options.rescale:
            guided = rescaled(guided, raw[first], self._options.rescale)
        return guided, negative

    def _raw(self, x: Tensor, sigma: float, layout: _Layout) -> Tensor:
        """The UNet's predictions of all rows of a layout."""
        latents = self._denoiser.unet_input(x, sigma)
        timestep = self._denoiser.timestep(sigma)
        outputs = []
        for group in layout.groups:
            timesteps = torch.full((len(group.rows),), timestep, device=x.device, dtype=torch.float32)
            inputs = latents.index_select(0, group.images)
            outputs.append(self._denoiser.unet(inputs, timesteps, group.context, group.pooled, group.rows))
        return outputs[0] if layout.order is None else torch.cat(outputs).index_select(0, layout.order)

    def _skips(self, sigma: float) -> bool:
        """Whether this call leaves all negative prompts out."""
        options = self._options
        early = options.skip_early > 0 and self.calls <= options.skip_early * self._nominal_calls
        return early or (self.calls % 2 == 1 and sigma < options.skip_below)

    def _layout(self, device: torch.device, *, skips: bool, keeps: bool) -> _Layout:
        """The layout of this call; equal conditioning shares one."""
        steps = [min(self.calls, len(conditioning.positive) - 1) for conditioning in self._conditionings]
        entries = [
            (conditioning.positive[step], conditioning.negative[step])
            for conditioning, step in zip(self._conditionings, steps, strict=True)
        ]
        parts = [(*(id(part) for part, _ in positive), *(w for _, w in positive), id(n)) for positive, n in entries]
        key = (skips, keeps, *parts)
        if key not in self._layouts:
            cfgs = [1.0] * len(entries) if skips else self._cfgs
            self._layouts[key] = _layout(entries, cfgs, device, skips=skips, keeps=keeps)
        return self._layouts[key]


def rescaled(guided: Tensor, positive: Tensor, share: float) -> Tensor:
    """A guided prediction with its deviation pulled towards that of the prompt alone.

    Source: Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed", section 3.4.
    """
    axes = tuple(range(1, guided.ndim))
    ratio = positive.std(axes, keepdim=True) / guided.std(axes, keepdim=True)
    return guided * (share * ratio + (1 - share))


_Entry = tuple[tuple[tuple[Embedding, float], ...], Embedding]  # the parts of a prompt, and its negative


def _layout(
    entries: Sequence[_Entry], cfgs: Sequence[float], device: torch.device, *, skips: bool, keeps: bool
) -> _Layout:
    """Rows in the order: first parts of all images, further parts, negatives.

    Args:
        entries: one for each image.
        cfgs: one for each image.
        device: where index tensors go.
        skips: leaves every negative out.
        keeps: keeps every negative, even where its weight is zero.
    """
    rows: list[tuple[Row, Embedding]] = []
    row_of: list[list[int]] = []  # rows of each part, image by image
    weight_of: list[list[float]] = []
    for number in range(max(len(parts) for parts, _ in entries)):
        row_of.append([])
        weight_of.append([])
        for image, (parts, _) in enumerate(entries):
            if number < len(parts):
                rows.append((Row(image, False), parts[number][0]))
            row_of[-1].append(len(rows) - 1 if number < len(parts) else row_of[0][image])
            weight_of[-1].append(parts[number][1] * cfgs[image] if number < len(parts) else 0.0)
    negatives = []
    for image, (_, negative) in enumerate(entries):
        weightless = math.isclose(sum(weights[image] for weights in weight_of), 1, abs_tol=1e-9)
        if keeps or not (skips or weightless):
            rows.append((Row(image, True), negative))
            negatives.append(len(rows) - 1)
        else:
            negatives.append(row_of[0][image])
    groups, order = _grouped(rows, device)
    return _Layout(
        groups,
        order,
        _index(negatives, device),
        tuple((_index(r, device), _weights(w, device)) for r, w in zip(row_of, weight_of, strict=True)),
    )


def _grouped(rows: Sequence[tuple[Row, Embedding]], device: torch.device) -> tuple[tuple[_Group, ...], Tensor | None]:
    """Rows of equal token count together, and how to sort the groups' rows back (None if there is one group)."""
    by_tokens: dict[int, list[int]] = {}
    for row, (_, embedding) in enumerate(rows):
        by_tokens.setdefault(embedding.context.shape[1], []).append(row)
    groups = []
    for members in by_tokens.values():
        kinds = tuple(rows[row][0] for row in members)
        context = torch.cat([rows[row][1].context for row in members])
        pooled = [embedding.pooled for embedding in (rows[row][1] for row in members) if embedding.pooled is not None]
        images = torch.tensor([kind.image for kind in kinds], device=device)
        groups.append(_Group(kinds, images, context, torch.cat(pooled) if pooled else None))
    if len(groups) == 1:
        return tuple(groups), None
    places = torch.tensor([row for members in by_tokens.values() for row in members])
    return tuple(groups), torch.argsort(places).to(device)


def _index(rows: Sequence[int], device: torch.device) -> Tensor | slice:
    """Rows as a slice where they follow one another, which makes views instead of copies."""
    if list(rows) == list(range(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    return torch.tensor(rows, device=device)


def _weights(weights: Sequence[float], device: torch.device) -> Tensor | float:
    """One number where all are equal, else float32, N x 1 x 1 x 1."""
    if len(set(weights)) == 1:
        return weights[0]
    return torch.tensor(weights, dtype=torch.float32, device=device).view(-1, 1, 1, 1)

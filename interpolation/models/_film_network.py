"""The networks of FILM: features, flow and fusion, in any width.

Source: Reda et al., FILM: Frame Interpolation for Large Motion, ECCV 2022.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from interpolation.models._warp import warped

SLOPE = 0.2  # of the leaky rectifiers
Pyramid = list[Tensor]  # finest first, each N x C x H x W half as high and wide as the one before


@dataclass(frozen=True, slots=True)
class FilmSizes:
    """How wide and deep the networks are; the defaults are those of the released weights."""

    filters: int = 64  # channels of the finest features; each stage doubles them
    stages: int = 4  # of the features
    flow_filters: tuple[int, ...] = (32, 64, 128, 256)  # channels of the flow predictors; the last is for all coarser
    flow_convs: int = 3  # 3 x 3 convolutions of each predictor
    fusion_levels: int = 5  # finest levels that make the picture
    levels: int = 7  # of the pyramids; not bound to the weights: more see larger motion

    @property
    def stride(self) -> int:
        """Sides of pictures are multiples of it, pixels."""
        return 1 << (self.levels - 1)

    @property
    def special(self) -> int:
        """Finest levels with a flow predictor of their own."""
        return len(self.flow_filters) - 1

    def features(self, level: int) -> int:
        """Channels of the features at a level: 0 is the finest."""
        return sum(self.filters << stage for stage in range(min(level + 1, self.stages)))

    def fused(self, level: int) -> int:
        """Channels of the fusion at a level."""
        return self.filters << min(level, self.special)

    def aligned(self, level: int) -> int:
        """Channels of what is fused at a level: two warped pictures with their features, two flows."""
        return 2 * (3 + self.features(level)) + 4


def _conv(channels: int, width: int, side: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, width, side, padding=side // 2)


def _active(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def halved(x: Tensor) -> Tensor:
    """Half the height and width, each value the mean of four."""
    return functional.avg_pool2d(x, 2)


def doubled(flow: Tensor) -> Tensor:
    """A flow for twice the height and width."""
    return functional.interpolate(2 * flow, scale_factor=2, mode="bilinear", align_corners=False)


def pyramid(picture: Tensor, levels: int) -> Pyramid:
    """A picture and its halves."""
    found = [picture]
    for _ in range(levels - 1):
        found.append(halved(found[-1]))
    return found


class Features(nn.Module):
    """What both pictures are compared by: the same few convolutions at every level."""

    def __init__(self, sizes: FilmSizes) -> None:
        """Random weights."""
        super().__init__()
        widths = [3, *(sizes.filters << stage for stage in range(sizes.stages))]
        self.stages = nn.ModuleList(
            nn.ModuleList([_conv(before, width), _conv(width, width)]) for before, width in pairwise(widths)
        )

    def forward(self, pictures: Pyramid) -> Pyramid:
        """Features of each level: those of stage j are taken from the tree that starts j levels finer."""
        trees = [self._tree(picture, len(pictures) - level) for level, picture in enumerate(pictures)]
        return [
            torch.cat([trees[level - stage][stage] for stage in range(min(level + 1, len(self.stages)))], 1)
            for level in range(len(pictures))
        ]

    def _tree(self, x: Tensor, depth: int) -> list[Tensor]:
        """The stages' features of one picture, as many as there are coarser levels to put them."""
        found: list[Tensor] = []
        for convs in list(self.stages)[:depth]:
            x = halved(found[-1]) if found else x
            for conv in convs:  # type: ignore[attr-defined]
                x = _active(conv(x))
            found.append(x)
        return found


class Flow(nn.Module):
    """Where the pixels of one picture lie in another, from coarse to fine."""

    def __init__(self, sizes: FilmSizes) -> None:
        """Random weights."""
        super().__init__()
        self.special = nn.ModuleList(_predictor(sizes, level) for level in range(sizes.special))
        self.shared = _predictor(sizes, sizes.special)

    def forward(self, here: Pyramid, there: Pyramid) -> Pyramid:
        """Flow fields of all levels: here(p) looks like there(p + flow(p))."""
        found: Pyramid = []
        for level in reversed(range(len(here))):
            predictor = self.special[level] if level < len(self.special) else self.shared
            guess = doubled(found[0]) if found else None
            seen = there[level] if guess is None else warped(there[level], guess)
            x = torch.cat([here[level], seen], 1)
            for conv in predictor[:-1]:  # type: ignore[index]
                x = _active(conv(x))
            step: Tensor = predictor[-1](x)  # type: ignore[index, operator]
            found.insert(0, step if guess is None else guess + step)
        return found


def _predictor(sizes: FilmSizes, level: int) -> nn.ModuleList:
    """The convolutions that see a step of the flow in two features."""
    width, channels = sizes.flow_filters[level], 2 * sizes.features(level)
    looks = [_conv(channels if n == 0 else width, width) for n in range(sizes.flow_convs)]
    return nn.ModuleList([*looks, _conv(width, width // 2, 1), _conv(width // 2, 2, 1)])


class Fusion(nn.Module):
    """One picture from two warped ones, from coarse to fine."""

    def __init__(self, sizes: FilmSizes) -> None:
        """Random weights."""
        super().__init__()
        self.stages = nn.ModuleList()  # finest first
        below = sizes.aligned(sizes.fusion_levels - 1)
        for level in reversed(range(sizes.fusion_levels - 1)):
            width = sizes.fused(level)
            joined = _conv(sizes.aligned(level) + width, width)
            self.stages.insert(0, nn.ModuleList([nn.Conv2d(below, width, 2), joined, _conv(width, width)]))
            below = width
        self.colour = nn.Conv2d(below, 3, 1)

    def forward(self, aligned: Pyramid) -> Tensor:
        """N x 3 x H x W, about 0..1."""
        x = aligned[-1]
        for stage, level in zip(reversed(self.stages), reversed(aligned[:-1]), strict=True):  # type: ignore[call-overload]
            widen, join, smooth = list(stage)  # type: ignore[call-overload]
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = widen(functional.pad(x, (0, 1, 0, 1)))
            x = _active(smooth(_active(join(torch.cat([level, x], 1)))))
        colour: Tensor = self.colour(x)
        return colour


class FilmNetwork(nn.Module):
    """The picture between two."""

    def __init__(self, sizes: FilmSizes) -> None:
        """Random weights."""
        super().__init__()
        self.sizes = sizes
        self.features = Features(sizes)
        self.flow = Flow(sizes)
        self.fusion = Fusion(sizes)

    def forward(self, first: Tensor, last: Tensor, time: Tensor) -> Tensor:
        """N x 3 x H x W, about 0..1, not clipped.

        Args:
            first: N x 3 x H x W, 0..1; sides are multiples of `sizes.stride`.
            last: likewise.
            time: N x 1, of the picture wanted, between 0 (first) and 1 (last).
        """
        return self.between(first, last, time)[0]

    def between(self, first: Tensor, last: Tensor, time: Tensor) -> tuple[Tensor, Pyramid, Pyramid]:
        """The picture, and the flow fields it was made by: from first to last and from last to first."""
        pictures = pyramid(torch.cat([first, last]), self.sizes.levels)
        features = self.features(pictures)
        turned = [torch.cat(level.chunk(2)[::-1]) for level in features]
        ahead, back = zip(*(level.chunk(2) for level in self.flow(features, turned)), strict=True)
        kept = range(self.sizes.fusion_levels)
        share = time[..., None, None]
        aligned = []
        for level in kept:
            one, other = torch.cat([pictures[level], features[level]], 1).chunk(2)
            to_first, to_last = back[level] * share, ahead[level] * (1 - share)
            aligned.append(torch.cat([warped(one, to_first), warped(other, to_last), to_first, to_last], 1))
        return self.fusion(aligned), list(ahead), list(back)

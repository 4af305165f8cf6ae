"""The network of RIFE 4.x: flow and mask from coarse to fine, in whatever sizes its weights have.

Source: Huang et al., Real-Time Intermediate Flow Estimation for Video Frame Interpolation, ECCV 2022; the sizes and
names of its 4.x releases.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from interpolation.models._warp import warped

SLOPE = 0.2  # of the leaky rectifiers
CHAIN = 8  # convolutions in the middle of a block
COARSEST = 4  # of a block's own halvings: it looks at pictures a quarter as high and wide
FLOWS, MASK = 4, 1  # channels: to the first picture, to the last one; which of the two to believe

Encoder = Literal["", "pair", "four"]  # "": 4.0 to 4.6 see colours alone; 4.7 and later features, too


@dataclass(frozen=True, slots=True)
class RifeSizes:
    """How wide and deep the networks are; the defaults are those of 4.25 and 4.26."""

    widths: tuple[int, ...] = (192, 128, 96, 64, 32)  # channels of the blocks, coarse to fine
    encoder: Encoder = "four"
    hidden: int = 16  # channels inside the encoder
    features: int = 4  # channels that it gives for each picture
    outs: int = 13  # channels that a block gives: flows, mask, and what it tells the next block
    told: int = 8  # of these, channels that the next block takes
    slopes: bool = False  # rectifiers with slopes of their own, as in 4.0

    @property
    def scales(self) -> tuple[int, ...]:
        """What each block's pictures are shrunk by."""
        return tuple(1 << n for n in reversed(range(len(self.widths))))

    @property
    def stride(self) -> int:
        """Sides of pictures are multiples of it, pixels."""
        return COARSEST * self.scales[0]

    def seen(self, block: int) -> int:
        """Channels that a block takes, its flows left out."""
        first = 2 * (3 + self.features) + 1
        return first if block == 0 else first + MASK + self.told


def _active(width: int, sizes: RifeSizes) -> nn.Module:
    return nn.PReLU(width) if sizes.slopes else nn.LeakyReLU(SLOPE)


def _conv(channels: int, width: int, sizes: RifeSizes, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 3, stride, 1), _active(width, sizes))


class Weighed(nn.Module):
    """A convolution that adds to what it saw, each channel by a learned weight."""

    def __init__(self, width: int) -> None:
        """Random weights."""
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """As large as what came."""
        return functional.leaky_relu(self.conv(x) * self.beta + x, SLOPE)


class Block(nn.Module):
    """A step of flow and mask, seen in shrunk pictures."""

    def __init__(self, channels: int, width: int, sizes: RifeSizes) -> None:
        """Random weights."""
        super().__init__()
        self.slopes = sizes.slopes
        halves = (channels, width // 2), (width // 2, width)
        self.conv0 = nn.Sequential(*(_conv(before, after, sizes, 2) for before, after in halves))
        middle = (_conv(width, width, sizes) if sizes.slopes else Weighed(width) for _ in range(CHAIN))
        self.convblock = nn.Sequential(*middle)
        if sizes.slopes:
            self.lastconv: nn.Module = nn.ConvTranspose2d(width, sizes.outs, 4, 2, 1)
        else:
            self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 4 * sizes.outs, 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, seen: Tensor, flows: Tensor | None, scale: float) -> tuple[Tensor, Tensor, Tensor]:
        """What the flows change by, pixels; the mask, before it is squashed; what the next block is told."""
        x = _resized(seen, 1 / scale)
        if flows is not None:
            x = torch.cat([x, _resized(flows, 1 / scale) / scale], 1)
        x = self.conv0(x)
        x = self.convblock(x) + x if self.slopes else self.convblock(x)
        x = self.lastconv(x)
        x = functional.interpolate(x, seen.shape[-2:], mode="bilinear", align_corners=False)
        per_pixel = 2 * scale if self.slopes else scale  # flows count pixels of what the last convolution gives
        return x[:, :FLOWS] * per_pixel, x[:, FLOWS : FLOWS + MASK], x[:, FLOWS + MASK :]


def _resized(x: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return x
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class Encoding(nn.Module):
    """What the pictures are compared by beside their colours."""

    def __init__(self, sizes: RifeSizes) -> None:
        """Random weights."""
        super().__init__()
        widths = [3, *[sizes.hidden] * 3]
        for n, (before, after) in enumerate(pairwise(widths)):
            self.add_module(f"cnn{n}", nn.Conv2d(before, after, 3, 1 if n else 2, 1))
        self.cnn3 = nn.ConvTranspose2d(sizes.hidden, sizes.features, 4, 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """N x features x H x W."""
        x = picture
        for n in range(3):
            x = functional.leaky_relu(self.get_submodule(f"cnn{n}")(x), SLOPE)
        made: Tensor = self.cnn3(x)
        return made


def _encoder(sizes: RifeSizes) -> nn.Module:
    match sizes.encoder:
        case "four":
            return Encoding(sizes)
        case "pair":
            grown = nn.ConvTranspose2d(sizes.hidden, sizes.features, 4, 2, 1)
            return nn.Sequential(nn.Conv2d(3, sizes.hidden, 3, 2, 1), grown)
    return nn.Identity()


class RifeNetwork(nn.Module):
    """The picture between two, at any time."""

    def __init__(self, sizes: RifeSizes) -> None:
        """Random weights."""
        super().__init__()
        self.sizes = sizes
        self.encode = _encoder(sizes)
        for n, width in enumerate(sizes.widths):
            self.add_module(f"block{n}", Block(sizes.seen(n) + (FLOWS if n else 0), width, sizes))

    def forward(self, first: Tensor, last: Tensor, time: Tensor, shrunk: float = 1.0) -> Tensor:
        """N x 3 x H x W, about 0..1, not clipped.

        Args:
            first: N x 3 x H x W, 0..1; sides are multiples of `shrunk` times `sizes.stride`.
            last: likewise.
            time: N x 1, of the picture wanted, between 0 (first) and 1 (last).
            shrunk: what all blocks' pictures are shrunk by besides; 2 sees twice the motion, half as sharp.
        """
        when = time[..., None, None].expand(-1, 1, *first.shape[-2:])
        around = torch.stack([self._known(first), self._known(last)])  # 2 x N x C x H x W
        flows: Tensor | None = None
        mask, told = around.new_zeros(0), around.new_zeros(0)
        here = around
        for n, scale in enumerate(self.sizes.scales):
            seen = [*(picture[:, :3] for picture in here), *(picture[:, 3:] for picture in here), when]
            if flows is not None:
                seen += [mask, told[:, : self.sizes.told]]
            change, found, told = self.get_submodule(f"block{n}")(torch.cat(seen, 1), flows, scale * shrunk)
            flows = change if flows is None else flows + change
            adds = n and not self.sizes.encoder  # later releases give the whole mask anew
            mask = mask + found if adds else found
            here = torch.stack([warped(picture, flow) for picture, flow in zip(around, flows.chunk(2, 1), strict=True)])
        share = torch.sigmoid(mask)
        return here[0, :, :3] * share + here[1, :, :3] * (1 - share)

    def _known(self, picture: Tensor) -> Tensor:
        """A picture with its features."""
        return torch.cat([picture, self.encode(picture)], 1) if self.sizes.encoder else picture

"""Seeded noise on a picture: everywhere alike, or in Perlin patches; with zero mean, or with Deforum's numbers."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import Any, Literal, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Image, Size
from diffusion.request import NoiseMix

NoiseKind = Literal["white", "perlin"]
Look = Literal["true", "deforum"]
Floats = NDArray[np.float32]
Values = TypeVar("Values", bound=NDArray[Any])  # H x W, or H x W x 3

CELLS = 8  # Perlin cells of the coarsest octave along the side of a square picture
GRAIN = 512  # grains along the side of a square picture ("true" look), so that every size shows the same grain
DEFORUM_BLOCK = 64  # pixels; Deforum draws its noise at the next smaller multiple and stretches it
HALF_RANGE = 127.5  # levels
AT_ONCE = 1 << 16  # numbers drawn at once, a multiple of 16 that fits the processor's cache
TURN = np.float32(2 * math.pi)
UNIT_24 = np.float32(2**-24)


def noised(
    image: Image, amount: float, seed: int | NoiseMix, *, kind: NoiseKind, octaves: int, persistence: float, look: Look
) -> Image:
    """The picture with noise on it, the same for the same seed.

    "true" adds grain of mean 0 and at most `amount` x 127.5 levels, which looks alike at every picture size.
    "deforum" blends towards a noise picture of mean 127, so that whatever it meets turns gray by `amount`.

    Args:
        image: uint8, H x W x 3, RGB.
        amount: 0 gives the very same picture; any finite number.
        seed: 0 .. 2**32 - 1; "true" also mixes the grain of several seeds.
        kind: "white" has one strength everywhere, "perlin" comes in patches.
        octaves: perlin: layers of ever finer patches, 1..8.
        persistence: perlin: strength of each layer against the one before, 0..1.
        look: see above.
    """
    if amount == 0:
        return image
    patches = octaves if kind == "perlin" else 0
    if look == "deforum" and isinstance(seed, int):
        veil = _deforum_veil(Size.of(image), seed, patches, persistence)
        return np.asarray(cv2.addWeighted(image, 1 - amount, veil, amount, 0))
    mix = ((seed, 1.0),) if isinstance(seed, int) else seed
    (first, share), *others = mix
    grain = _grain(Size.of(image), first, patches, persistence)
    if others or share != 1:
        grain *= np.float32(share)
        for other, weight in others:
            grain += _grain(Size.of(image), other, patches, persistence) * np.float32(weight)
    return np.asarray(cv2.addWeighted(image, 1, grain, amount * HALF_RANGE, 0, dtype=cv2.CV_8U))


def _grain(size: Size, seed: int, octaves: int, persistence: float) -> Floats:
    """float32, H x W x 3, -1..1, mean 0: a normal number per grain, cut off at 1, its strength varied by patches."""
    stretch = math.sqrt(size.width / size.height)
    across, down = max(1, round(GRAIN * stretch)), max(1, round(GRAIN / stretch))
    source = np.random.Philox(key=seed)
    count = 3 * down * across
    levels = source.random_raw(math.ceil(count / 8)).view(np.uint8)[:count].reshape(3, down, across)
    fewer = min(size, Size(across, down), key=math.prod)  # what is done to each grain is done where they are fewest
    grain = np.asarray(cv2.LUT(cv2.merge([_nearest(part, fewer) for part in levels]), _normal_quantiles()))
    if octaves:
        grid = _perlin_grid(Size(across, down), CELLS * stretch, CELLS / stretch, octaves, 0.5)
        turns = [(source.random_raw(n * m) >> 40).astype(np.float32).reshape(n, m) * UNIT_24 for n, m in grid.lattices]
        grain *= _nearest(_strength(grid, turns, persistence), fewer)[..., None]
    np.clip(grain, -1, 1, out=grain)
    return _nearest(grain, size)


def _nearest(values: Values, size: Size) -> Values:
    """Values at another size: of each place the nearest one."""
    if Size.of(values) == size:
        return values
    return cast(Values, cv2.resize(values, size, interpolation=cv2.INTER_NEAREST))


@lru_cache(maxsize=1)
def _normal_quantiles() -> Floats:
    """The normal distribution in 256 equally likely values, symmetric about 0: bytes become normal numbers."""
    return np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)], np.float32)


def _deforum_veil(size: Size, seed: int, octaves: int, persistence: float) -> Image:
    """uint8, H x W x 3, RGB, mean about 127: Deforum's noise picture.

    Source: behaviour of the Deforum extension; its draws are blue first, and each octave's lattice follows the noise.
    """
    across, down = (side - side % DEFORUM_BLOCK or side for side in size)
    source = np.random.RandomState(seed)
    veil = _torch_normal(source, 3 * down * across).reshape(3, down, across)
    if octaves:
        grid = _perlin_grid(Size(across, down), CELLS, CELLS, octaves, 0.0)
        veil *= _strength(grid, [_torch_uniform(source, n * m).reshape(n, m) for n, m in grid.lattices], persistence)
    veil *= np.float32(HALF_RANGE)
    veil += np.float32(HALF_RANGE)
    np.clip(veil, 0, 255, out=veil)
    picture = cv2.merge(list(veil.astype(np.uint8)[::-1]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST))


def _torch_uniform(source: np.random.RandomState, count: int) -> Floats:
    """What `torch.rand` draws from its CPU generator: the low 24 bits of each Mersenne Twister word. 0 <= u < 1."""
    words = source.randint(0, 2**32, size=count, dtype=np.uint32)
    words &= np.uint32(0xFFFFFF)
    uniform = words.view(np.int32).astype(np.float32)
    uniform *= UNIT_24
    return uniform


def _torch_normal(source: np.random.RandomState, count: int) -> Floats:
    """What `torch.randn` draws from its CPU generator, to about 1e-6, without importing torch.

    Uniform numbers go in blocks of 16: the first 8 give radii, the last 8 angles, of 8 points in the plane, whose x
    fill the first half of the block and whose y the last.

    Source: the Box-Muller transform, in the order of PyTorch's CPU kernel (BSD licence).
    """
    normal = np.empty(16 * math.ceil(count / 16), np.float32)
    for start in range(0, normal.size, AT_ONCE):
        part = normal[start : start + AT_ONCE].reshape(-1, 2, 8)
        uniform = _torch_uniform(source, part.size).reshape(part.shape)
        radii = cv2.log(np.subtract(1, uniform[:, 0]))
        radii *= np.float32(-2)
        part[:, 0], part[:, 1] = cv2.polarToCart(cv2.sqrt(radii), uniform[:, 1] * TURN)
    return normal[:count]


def _strength(grid: "_PerlinGrid", turns: Sequence[Floats], persistence: float) -> Floats:
    """float32, H x W, about 0..1 with mean 1/2: how strong the noise is at each pixel."""
    strength = _perlin(grid, turns, persistence)
    strength += 1
    strength *= np.float32(0.5)
    return strength


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where the pixels of one axis lie among the lattice points of one octave, and how much these count there."""

    points: int  # lattice points along the axis
    before: NDArray[np.intp]  # per pixel, the lattice point at or before it
    fades: Floats  # 2 x pixels: weights of the lattice points before and after
    slopes: Floats  # 2 x pixels: the same times the pixel's distance from the point, in cells

    @classmethod
    def of(cls, length: int, cells: float, offset: float) -> "_Axis":
        """An axis of `length` pixels and `cells` cells, whose pixels are seen at `offset` 0..1 of their width."""
        place = (np.arange(length) + offset) * (cells / length)
        before = np.floor(place).astype(np.intp)
        past = place - before
        share = past**3 * (past * (past * 6 - 15) + 10)
        fades = np.stack([1 - share, share]).astype(np.float32)
        return cls(math.ceil(cells) + 1, before, fades, fades * np.stack([past, past - 1]).astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Band:
    """Rows of pixels that lie between the same lattice rows in every octave."""

    rows: slice
    nodes: NDArray[np.intp]  # which rows of node values they are mixed from, 4 an octave
    weights: Floats  # rows x nodes


@dataclass(frozen=True, slots=True)
class _PerlinGrid:
    """The part of Perlin noise that depends on sizes alone."""

    lattices: tuple[tuple[int, int], ...]  # lattice points down and across, per octave
    columns: tuple[_Axis, ...]  # per octave
    bands: tuple[_Band, ...]


@lru_cache(maxsize=2)
def _perlin_grid(size: Size, across: float, down: float, octaves: int, offset: float) -> _PerlinGrid:
    """The geometry of octaves with `across` x `down` cells, twice as many in each next octave.

    Args:
        size: of the noise, pixels.
        across: cells of the first octave along the width.
        down: cells of the first octave along the height.
        octaves: 1 or more.
        offset: where in a pixel the noise is taken, 0 (its corner) or 0.5 (its centre).
    """
    columns = tuple(_Axis.of(size.width, across * 2**octave, offset) for octave in range(octaves))
    rows = [_Axis.of(size.height, down * 2**octave, offset) for octave in range(octaves)]
    lattices = tuple((row.points, column.points) for row, column in zip(rows, columns, strict=True))
    return _PerlinGrid(lattices, columns, tuple(_bands(rows)))


def _bands(rows: Sequence[_Axis]) -> Iterator[_Band]:
    """The rows in groups that use the same nodes. Cells of coarser octaves end only where those of finer ones do."""
    weights = np.concatenate([part for row in rows for part in (row.slopes, row.fades)])
    ends = np.cumsum([2 * row.points for row in rows])
    firsts = np.stack([end - 2 * row.points + row.before for end, row in zip(ends, rows, strict=True)])
    nodes = np.stack([firsts, firsts + 1, *(firsts + [[row.points] for row in rows] + step for step in (0, 1))], axis=1)
    finest = rows[-1].before
    starts = [0, *(np.flatnonzero(np.diff(finest)) + 1), finest.size]
    for start, stop in pairwise(starts):
        yield _Band(slice(start, stop), nodes[..., start].ravel(), np.ascontiguousarray(weights[:, start:stop].T))


def _perlin(grid: _PerlinGrid, turns: Sequence[Floats], persistence: float) -> Floats:
    """float32, H x W, about -1..1: fractal gradient noise.

    The blend of the four gradients around a pixel is a product of row and column factors: so every lattice row is
    first blended along the width (its gradients' down parts and across parts apart), then those along the height.

    Source: K. Perlin, "Improving Noise", 2002 (the fade 6t^5 - 15t^4 + 10t^3), octaves summed.

    Args:
        grid: see `_perlin_grid`.
        turns: directions of the gradients at the lattice points of each octave, 0..1 of a full turn.
        persistence: amplitude of each octave against the one before.
    """
    nodes = []
    for octave, (axis, turn) in enumerate(zip(grid.columns, turns, strict=True)):
        gain, angle = np.float32(math.sqrt(2) * persistence**octave), turn * TURN
        for part, weights in ((gain * np.cos(angle), axis.fades), (gain * np.sin(angle), axis.slopes)):
            nodes.append(part[:, axis.before] * weights[0] + part[:, axis.before + 1] * weights[1])
    values = np.concatenate(nodes)
    noise = np.empty((grid.bands[-1].rows.stop, values.shape[1]), np.float32)
    for band in grid.bands:
        np.matmul(band.weights, values[band.nodes], out=noise[band.rows])
    return noise

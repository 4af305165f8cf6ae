"""A network for large motion (FILM); loads the released weights or a smaller network of the same kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from core.devices import ModelPool, chosen_device, chosen_dtype
from core.hashing import file_fingerprint
from core.image import Image
from interpolation.models import refuse_senseless
from interpolation.models._pictures import between_by, weights_file
from interpolation.models._tiles import tiled

if TYPE_CHECKING:
    from interpolation.models._film_network import FilmNetwork

NEAR_MIDDLE = 1 / 3  # of a gap on both sides of which the network is not asked: it has learned the middle
OVERLAP = 96  # pixels of neighbouring parts of large pictures


@dataclass(frozen=True, slots=True)
class Options:
    """What the network computes with."""

    weights: str = "mini/film"  # a .safetensors, .pt or .pth file, or a folder with model.safetensors
    tile: Annotated[int, Field(ge=256)] = 1024  # pixels; longer pictures are made in parts of this side


@dataclass(frozen=True, slots=True)
class Film:
    """Pictures in between, the middle ones first.

    Source: Reda et al., FILM: Frame Interpolation for Large Motion, ECCV 2022.
    """

    file: Path  # of the weights; they are loaded when the first pictures come
    identity: str
    tile: int
    pool: ModelPool

    def between(self, a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        """See `Interpolator.between`.

        Raises:
            WeightsError: if the weights are of another network.
        """
        refuse_senseless(a, b, times)
        known = {0.0: a, 1.0: b}
        missing = set(times)
        while missing:
            gaps = list(zip(sorted(known), sorted(known)[1:], strict=False))
            start, end, wanted = min(
                ((start, end, time) for time in missing for start, end in gaps if start < time < end),
                key=lambda gap: abs(_place(gap) - 0.5),
            )
            place = _place((start, end, wanted))
            made = wanted if NEAR_MIDDLE <= place <= 1 - NEAR_MIDDLE else (start + end) / 2
            known[made] = self._at(known[start], known[end], _place((start, end, made)))
            missing.discard(made)
        return [known[time] for time in times]

    def _at(self, one: Image, other: Image, time: float) -> Image:
        return tiled(lambda x, y: self._picture(x, y, time), one, other, side=self.tile, overlap=OVERLAP)

    def _picture(self, one: Image, other: Image, time: float) -> Image:
        """One picture by the network, at a size that its pyramids divide."""
        network = self.pool.get("interpolator", "film", self.identity, lambda: _loaded(self.file))
        return between_by(network, network, (one, other), time, network.sizes.stride)


def build(options: Options, pool: ModelPool) -> Film:
    """The interpolator.

    Raises:
        WeightsError: if there are no such weights.
    """
    way_out = "Give the released film_net_fp32.pt with --weights, or train a small one: python -m training.film"
    file = weights_file(options.weights, purpose="FILM", way_out=way_out)
    return Film(file, f"film {file_fingerprint(file)} {options.tile}", options.tile, pool)


def _place(gap: tuple[float, float, float]) -> float:
    """Where in a gap a time lies, 0..1."""
    start, end, time = gap
    return (time - start) / (end - start)


def _loaded(file: Path) -> "FilmNetwork":
    """The network on its device."""
    from interpolation.models._film_weights import loaded

    device = chosen_device()
    return loaded(file).to(device, chosen_dtype(device))

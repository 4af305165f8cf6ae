"""A quick network for any time between (RIFE 4.x); loads the weights of its releases."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from core.devices import ModelPool, chosen_device, chosen_dtype
from core.hashing import file_fingerprint
from core.image import Image
from interpolation.models import refuse_senseless
from interpolation.models._pictures import between_by, weights_file
from interpolation.models._tiles import tiled

if TYPE_CHECKING:
    from torch import Tensor

    from interpolation.models._rife_network import RifeNetwork

OVERLAP = 128  # pixels of neighbouring parts of large pictures


@dataclass(frozen=True, slots=True)
class Options:
    """What the network computes with."""

    weights: str = "rife"  # a .safetensors, .pkl, .pt or .pth file, or a folder with model.safetensors
    shrink: Literal[1, 2, 4] = (
        1  # 1, 2 or 4: motion is looked for in pictures so many times smaller; 2 for frames of 4K
    )
    tile: Annotated[int, Field(ge=512)] = 2048  # pixels; longer pictures are made in parts of this side


@dataclass(frozen=True, slots=True)
class Rife:
    """Pictures at the very times asked for.

    Source: Huang et al., Real-Time Intermediate Flow Estimation for Video Frame Interpolation, ECCV 2022.
    """

    file: Path  # of the weights; they are loaded when the first pictures come
    identity: str
    shrink: int
    tile: int
    pool: ModelPool

    def between(self, a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        """See `Interpolator.between`.

        Raises:
            WeightsError: if the weights are of another network.
        """
        refuse_senseless(a, b, times)
        return [self._at(a, b, time) for time in times]

    def _at(self, a: Image, b: Image, time: float) -> Image:
        return tiled(lambda one, other: self._picture(one, other, time), a, b, side=self.tile, overlap=OVERLAP)

    def _picture(self, one: Image, other: Image, time: float) -> Image:
        network = self.pool.get("interpolator", "rife", self.identity, lambda: _loaded(self.file))

        def make(first: "Tensor", last: "Tensor", when: "Tensor") -> "Tensor":
            made: Tensor = network(first, last, when, self.shrink)
            return made

        return between_by(network, make, (one, other), time, network.sizes.stride * self.shrink)


def build(options: Options, pool: ModelPool) -> Rife:
    """The interpolator.

    Raises:
        WeightsError: if there are no such weights.
    """
    way_out = "Fetch them: `render.py models fetch rife`; or give the flownet.pkl of a release with --weights"
    file = weights_file(options.weights, purpose="RIFE", way_out=way_out)
    identity = f"rife {file_fingerprint(file)} {options.shrink} {options.tile}"
    return Rife(file, identity, options.shrink, options.tile, pool)


def _loaded(file: Path) -> "RifeNetwork":
    """The network on its device."""
    from interpolation.models._rife_weights import loaded

    device = chosen_device()
    return loaded(file).to(device, chosen_dtype(device))

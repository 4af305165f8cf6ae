"""The picture with a hole that is drawn anew to fit its surroundings; no model."""

from dataclasses import dataclass

from core.devices import ModelPool
from core.errors import UserError
from core.hashing import fingerprint
from diffusion.controls import Given
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class Inpaint:
    """The picture; where the mask is white the network is told that nothing is known."""

    @property
    def identity(self) -> str:
        """Fixed."""
        return fingerprint("inpaint")

    def hint(self, given: Given) -> Hint:
        """In colour, with the mask as what is hidden.

        Raises:
            UserError: without a mask.
        """
        if given.mask is None:
            raise UserError("the control inpaint has no mask", way_out="Give it one: white where to draw anew")
        return Hint(given.image, hidden=given.mask)


def build(options: Options, pool: ModelPool) -> Inpaint:
    """The control; the pool is not needed."""
    return Inpaint()

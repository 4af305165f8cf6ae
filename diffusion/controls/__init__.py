"""Controls, one file each: what is to be kept of a picture, drawn as the hint a control network is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.image import DepthMap, FlowField, Image, Mask
from core.registry import Registry
from diffusion.hints import Hint

REGISTRY = Registry("control", "diffusion.controls")


@dataclass(frozen=True, slots=True)
class Given:
    """What a control may look at. Beyond the picture, only what the control says it needs has to be there."""

    image: Image  # uint8, H x W x 3, RGB
    seed: int = 0  # for controls that draw
    mask: Mask | None = None  # H x W of the picture; 1 = to be made anew (inpaint)
    depth: Callable[[Image], DepthMap] | None = None  # an estimator of distances (depth, normal)
    flow: Callable[[], FlowField] | None = (
        None  # H x W of the picture; how far its pixels move to the frame after (temporal)
    )


class Control(Protocol):
    """Draws hints."""

    @property
    def identity(self) -> str:
        """Changes when the hint for the same picture would: name, options, checksum of weights."""
        ...

    def hint(self, given: Given) -> Hint:
        """The hint of one picture, of the picture's size; the same picture and seed give the same hint.

        Raises:
            UserError: if something it needs is not given.
        """
        ...

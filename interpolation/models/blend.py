"""Cross-fade: the two frames mixed; quick, and ghosts where things move."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.devices import ModelPool
from core.image import Image
from interpolation.models import refuse_senseless


@dataclass(frozen=True, slots=True)
class Options:
    """Blending has no options."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Each frame a mix by time, linear in sRGB levels."""

    identity: str = "blend"

    def between(self, a: Image, b: Image, times: Sequence[float]) -> list[Image]:
        """See `Interpolator.between`."""
        refuse_senseless(a, b, times)
        return [np.asarray(cv2.addWeighted(a, 1 - time, b, time, 0), np.uint8) for time in times]


def build(options: Options, pool: ModelPool) -> Blend:
    """The interpolator."""
    return Blend()

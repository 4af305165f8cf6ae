"""Dense inverse search: quick and good, needs no weights."""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from core.devices import ModelPool
from core.errors import UnknownName
from core.image import FlowField, Image
from motion.flow import refuse_unequal
from motion.flow._grey import grey

Preset = Literal["ultrafast", "fast", "medium", "fine"]
FINE_PATCH, FINE_STRIDE, FINE_ITERATIONS = 8, 4, 192  # pixels, pixels, rounds of gradient descent


@dataclass(frozen=True, slots=True)
class Options:
    """How long it looks."""

    preset: Preset = "medium"  # ultrafast, fast, medium: each about three times slower and more exact than the last;
    # fine goes down to single pixels and is slower still


@dataclass(frozen=True, slots=True)
class DenseInverseSearch:
    """Patches matched from coarse to fine, then smoothed variationally.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016; OpenCV's implementation.
    """

    preset: Preset
    identity: str

    def flow(self, source: Image, target: Image) -> FlowField:
        """See `FlowEstimator.flow`."""
        refuse_unequal(source, target)
        height, width = source.shape[:2]
        found = _made(self.preset).calc(grey(target), grey(source), None)
        return np.ascontiguousarray(found[:height, :width], np.float32)


def build(options: Options, pool: ModelPool) -> DenseInverseSearch:
    """The estimator.

    Raises:
        UnknownName: for a preset there is not.
    """
    known = get_args(Preset)
    if options.preset not in known:
        raise UnknownName("preset of flow estimator 'dis'", options.preset, known, where="preset")
    return DenseInverseSearch(options.preset, f"dis {options.preset}")


def _made(preset: Preset) -> cv2.DISOpticalFlow:
    """OpenCV's estimator; `fine` is its `fast` one without the coarse end of the search."""
    if preset != "fine":
        return cv2.DISOpticalFlow.create(get_args(Preset).index(preset))
    made = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    made.setFinestScale(0)
    made.setGradientDescentIterations(FINE_ITERATIONS)
    made.setPatchSize(FINE_PATCH)
    made.setPatchStride(FINE_STRIDE)
    return made

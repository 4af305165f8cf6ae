"""Polynomial expansion: smooth flow for small motion; what the tOF measure is defined with."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.devices import ModelPool
from core.errors import UserError
from core.hashing import fingerprint
from core.image import FlowField, Image
from motion.flow import refuse_unequal
from motion.flow._grey import grey

SPREAD = 1.2  # pixels; standard deviation of the weights a polynomial is fitted with


@dataclass(frozen=True, slots=True)
class Options:
    """Size and number of the looks; the defaults are those of tOF."""

    levels: int = 3  # 1 to 10; pictures looked at, each half as large as the one before
    window: int = 15  # 3 to 255 pixels; larger is smoother and sees faster motion
    iterations: int = 3  # 1 to 50; rounds at each level
    neighbours: int = 5  # 3 to 15 pixels; width of what a polynomial is fitted to; larger is smoother


@dataclass(frozen=True, slots=True)
class Farneback:
    """Local quadratic polynomials of both pictures, aligned.

    Source: Farnebäck, Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003; OpenCV's implementation.
    """

    options: Options
    identity: str

    def flow(self, source: Image, target: Image) -> FlowField:
        """See `FlowEstimator.flow`."""
        refuse_unequal(source, target)
        height, width = source.shape[:2]
        chosen = self.options
        looks = (0.5, chosen.levels, chosen.window, chosen.iterations, chosen.neighbours, SPREAD, 0)
        found = cv2.calcOpticalFlowFarneback(grey(target), grey(source), None, *looks)  # type: ignore[call-overload]
        return np.ascontiguousarray(found[:height, :width], np.float32)


def build(options: Options, pool: ModelPool) -> Farneback:
    """The estimator.

    Raises:
        UserError: for numbers out of range.
    """
    allowed = {"levels": (1, 10), "window": (3, 255), "iterations": (1, 50), "neighbours": (3, 15)}
    for name, (low, high) in allowed.items():
        if not low <= (value := getattr(options, name)) <= high:
            raise UserError(f"{value} is out of range", where=name, way_out=f"Allowed: {low} .. {high}")
    return Farneback(options, fingerprint("farneback", options))

"""Straight lines, as of buildings and rooms: OpenCV's segments, or M-LSD from a local folder."""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from diffusion.controls import Control, Given
from diffusion.controls._annotator import Annotator, with_weights
from diffusion.controls._gray import gray, white_on_black
from diffusion.hints import Hint

Method = Literal["lsd", "mlsd"]
MLSD = Annotator("MLSDdetector", ("mlsd_large_512_fp32.pth",))


@dataclass(frozen=True, slots=True)
class Options:
    """Who sees the lines, and which."""

    method: Method = "lsd"  # lsd needs no weights; mlsd is the network the control models were trained with
    model: str = ""  # mlsd only: folder with mlsd_large_512_fp32.pth
    shortest: Annotated[float, Field(ge=0, le=1)] = 0.05  # lsd only: length of a line, of the short side
    value: Annotated[float, Field(ge=0.01, le=2)] = 0.1  # mlsd only: how sure a line must be
    distance: Annotated[float, Field(ge=0.01, le=20)] = 0.1  # mlsd only: how long a line must be


@dataclass(frozen=True, slots=True)
class Segments:
    """Line segments of the gray picture.

    Source: von Gioi et al. 2010, "LSD: A Fast Line Segment Detector with a False Detection Control", as OpenCV has it.
    """

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("mlsd", self.options)

    def hint(self, given: Given) -> Hint:
        """White lines of one pixel on black."""
        single = gray(given.image)
        canvas = np.zeros_like(single)
        found = cv2.createLineSegmentDetector().detect(single)[0]
        if found is not None:
            ends = np.asarray(found, np.float32).reshape(-1, 2, 2)
            lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
            long = ends[lengths >= self.options.shortest * min(single.shape)]
            cv2.polylines(canvas, list(np.rint(long).astype(np.int32)), isClosed=False, color=255)
        return Hint(white_on_black(canvas))


def build(options: Options, pool: ModelPool) -> Control:
    """The control.

    Raises:
        MissingLibrary: for mlsd without controlnet-aux.
        WeightsError: for mlsd without its weights.
    """
    if options.method == "lsd":
        return Segments(options)
    settings = {"thr_v": options.value, "thr_d": options.distance}
    return with_weights("mlsd", MLSD, options.model, settings, pool)

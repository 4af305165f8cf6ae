"""Which way surfaces face, as colours: from a depth model, or NormalBae from a local folder."""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import DepthMap, Image, to_image
from diffusion.controls import Control, Given
from diffusion.controls._annotator import Annotator, with_weights
from diffusion.controls._distances import distances
from diffusion.hints import Hint

Method = Literal["depth", "bae"]
BAE = Annotator("NormalBaeDetector", ("scannet.pt",))
STEEPNESS = 0.5  # of the relief: nearness that goes through its whole range within half a frame height leans by 45°


@dataclass(frozen=True, slots=True)
class Options:
    """Who tells which way surfaces face."""

    method: Method = "depth"  # depth: slopes of any depth model; bae: NormalBae
    model: str = ""  # bae only: folder with scannet.pt
    background: Annotated[float, Field(ge=0, le=1)] = 0.4  # depth only: nearness below which all faces the camera


@dataclass(frozen=True, slots=True)
class NormalFromDepth:
    """Slopes of the nearness.

    Convention: red grows to the left, green up, blue towards the camera; each component of the unit normal n is drawn
    as (n + 1) / 2. Source: the description of the normal network of ControlNet 1.1 (ScanNet's protocol).
    """

    options: Options

    @property
    def identity(self) -> str:
        """Of the options; whoever gives the depth model adds its identity."""
        return fingerprint("normal", self.options)

    def hint(self, given: Given) -> Hint:
        """In colours.

        Raises:
            UserError: without a depth model.
        """
        return Hint(normals(distances(given, "normal"), self.options.background))


def build(options: Options, pool: ModelPool) -> Control:
    """The control.

    Raises:
        MissingLibrary: for bae without controlnet-aux.
        WeightsError: for bae without its weights.
    """
    if options.method == "depth":
        return NormalFromDepth(options)
    return with_weights("normal", BAE, options.model, {}, pool)


def normals(depth: DepthMap, background: float) -> Image:
    """Unit normals as colours.

    Args:
        depth: float32, H x W, > 0.
        background: 0..1, share of the nearness range below which a surface counts as facing the camera.
    """
    nearness = 1 / depth
    low, high = float(nearness.min()), float(nearness.max())
    share = ((nearness - low) / max(high - low, 1e-9)).astype(np.float32)
    scale = STEEPNESS * len(share) / 8  # Sobel's weights sum to 8
    right = cv2.Sobel(share, cv2.CV_32F, 1, 0, scale=scale, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(share, cv2.CV_32F, 0, 1, scale=scale, borderType=cv2.BORDER_REPLICATE)
    right[share < background] = 0
    down[share < background] = 0
    faces = np.stack([right, down, np.ones_like(share)], axis=2)  # nearer rightwards: faces left
    faces /= np.linalg.norm(faces, axis=2, keepdims=True)
    return to_image((faces + 1) / 2)

"""Thick lines as drawn by hand, white on black: computed, or from soft edges of a network in a local folder."""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from diffusion.controls import Control, Given
from diffusion.controls._annotator import with_weights
from diffusion.controls._gray import gray, white_on_black
from diffusion.controls.soft_edge import ANNOTATORS
from diffusion.hints import Hint

Method = Literal["xdog", "drawn", "pidi", "hed"]


@dataclass(frozen=True, slots=True)
class Options:
    """Where the lines come from."""

    method: Method = "xdog"  # xdog computes them; drawn takes dark lines on light ground; pidi and hed ask a network
    model: str = ""  # pidi, hed: folder with table5_pidinet.pth or ControlNetHED.pth
    threshold: Annotated[float, Field(ge=1, le=128)] = 32.0  # xdog: contrast in levels of a line; fewer, more lines


@dataclass(frozen=True, slots=True)
class Xdog:
    """Lines where a picture is darker than its wider surroundings.

    Source: Winnemoeller et al. 2012, "XDoG: An eXtended difference-of-Gaussians compendium including advanced image
    stylization": the plain difference, cut at a threshold.
    """

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("scribble", self.options)

    def hint(self, given: Given) -> Hint:
        """Black and white."""
        picture = given.image.astype(np.float32)
        narrow, wide = (cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in (0.5, 5.0))
        darker = (wide - narrow).max(axis=2) * 2
        return Hint(white_on_black((darker > self.options.threshold).astype(np.uint8) * np.uint8(255)))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawing in dark lines on light ground, turned about."""

    @property
    def identity(self) -> str:
        """Fixed."""
        return fingerprint("scribble", "drawn")

    def hint(self, given: Given) -> Hint:
        """Black and white."""
        return Hint(white_on_black((gray(given.image) < 127).astype(np.uint8) * np.uint8(255)))


def build(options: Options, pool: ModelPool) -> Control:
    """The control.

    Raises:
        MissingLibrary: for a network without controlnet-aux.
        WeightsError: for a network without its weights.
    """
    if options.method == "xdog":
        return Xdog(options)
    if options.method == "drawn":
        return Drawn()
    return with_weights("scribble", ANNOTATORS[options.method], options.model, {"scribble": True}, pool)

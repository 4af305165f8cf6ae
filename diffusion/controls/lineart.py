"""Lines as a drawing has them, white on black: computed, or by a network from a local folder."""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import rounded
from diffusion.controls import Control, Given
from diffusion.controls._annotator import Annotator, with_weights
from diffusion.controls._gray import white_on_black
from diffusion.hints import Hint

Method = Literal["standard", "realistic", "coarse", "anime"]
DRAWING = Annotator("LineartDetector", ("sk_model.pth", "sk_model2.pth"))
ANIME = Annotator("LineartAnimeDetector", ("netG.pth",))
FAINT = 16.0  # levels; lines weaker than this on the whole are not made brighter
STRONG = 127.0  # level of a line of middling strength


@dataclass(frozen=True, slots=True)
class Options:
    """Who draws the lines."""

    method: Method = "standard"  # standard needs no weights and finds dark lines on light ground; the others see shapes
    model: str = ""  # realistic, coarse: folder with sk_model.pth and sk_model2.pth; anime: with netG.pth
    sigma: Annotated[float, Field(ge=0.1, le=50)] = 6.0  # standard only: width in pixels of what is compared with
    faint: Annotated[float, Field(ge=0, le=255)] = 8.0  # standard only: levels below which a difference is no line


@dataclass(frozen=True, slots=True)
class DarkLines:
    """What is darker than its surroundings, brought to an even strength."""

    options: Options

    @property
    def identity(self) -> str:
        """Of the options."""
        return fingerprint("lineart", self.options)

    def hint(self, given: Given) -> Hint:
        """Gray."""
        picture = given.image.astype(np.float32)
        darker = (cv2.GaussianBlur(picture, (0, 0), self.options.sigma) - picture).min(axis=2).clip(0, 255)
        lines = darker[darker > self.options.faint]
        middling = max(FAINT, float(np.median(lines))) if lines.size else FAINT
        return Hint(white_on_black(rounded(darker * np.float32(STRONG / middling))))


def build(options: Options, pool: ModelPool) -> Control:
    """The control.

    Raises:
        MissingLibrary: for a network without controlnet-aux.
        WeightsError: for a network without its weights.
    """
    if options.method == "standard":
        return DarkLines(options)
    settings = {"coarse": True} if options.method == "coarse" else {}
    return with_weights("lineart", ANIME if options.method == "anime" else DRAWING, options.model, settings, pool)

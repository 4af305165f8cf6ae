"""Soft edges, bright where a boundary is strong; HED or PiDiNet from a local folder."""

from dataclasses import dataclass
from typing import Literal

from core.devices import ModelPool
from diffusion.controls import Control
from diffusion.controls._annotator import Annotator, with_weights

Method = Literal["pidi", "hed"]
ANNOTATORS: dict[Method, Annotator] = {
    "pidi": Annotator("PidiNetDetector", ("table5_pidinet.pth",)),
    "hed": Annotator("HEDdetector", ("ControlNetHED.pth",)),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Who sees the edges."""

    method: Method = "pidi"  # pidi is cleaner, hed softer
    model: str = ""  # folder with table5_pidinet.pth or ControlNetHED.pth
    safe: bool = False  # few gray levels, which hide what edges might betray of the picture


def build(options: Options, pool: ModelPool) -> Control:
    """The control.

    Raises:
        MissingLibrary: without controlnet-aux.
        WeightsError: without its weights.
    """
    return with_weights("soft_edge", ANNOTATORS[options.method], options.model, {"safe": options.safe}, pool)

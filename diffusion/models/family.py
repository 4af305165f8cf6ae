"""Families of models, and the other words that tell one model from another; imports no torch."""

from collections.abc import Mapping
from typing import Literal

Family = Literal["sd1", "sd2", "sdxl"]  # the embedded mini model is of the family sd1
NAMES: Mapping[Family, str] = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL"}
TEXT_WIDTHS: Mapping[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}  # of what the UNet's attention reads
Prediction = Literal["epsilon", "v_prediction", "sample"]
Shapes = Mapping[str, tuple[int, ...]]  # of the tensors of a file, by name

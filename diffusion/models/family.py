"""Families of models, and the other words that tell one model from another; imports no torch."""

from collections.abc import Mapping
from typing import Literal

Family = Literal["sd1", "sd2", "sdxl"]  # the embedded mini model is of the family sd1
Prediction = Literal["epsilon", "v_prediction", "sample"]
Shapes = Mapping[str, tuple[int, ...]]  # of the tensors of a file, by name

"""Settings: the JSON files beside weights; imports no torch."""

import json
import re
from pathlib import Path
from typing import Any

from core.errors import WeightsError
from diffusion.models.family import Prediction

LARGEST_SETTINGS = 1 << 20  # bytes of a config.json; more is refused before it is read
PREDICTIONS: dict[str, Prediction] = {"v": "v_prediction", "eps": "epsilon", "x0": "sample"}  # as YAML spells them
PARAMETERIZATION = re.compile(r"^\s*parameterization\s*:\s*[\"']?(\w+)", re.MULTILINE)
SCALING = re.compile(r"^\s*target\s*:.*\b(V|Eps)Scaling\b", re.MULTILINE)  # how SDXL's code says it


def read_settings(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        WeightsError: if there is none.
    """
    try:
        if path.stat().st_size > LARGEST_SETTINGS:
            raise WeightsError(f"{path.stat().st_size} bytes of settings", where=str(path))
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise WeightsError(f"cannot be read as settings ({type(fault).__name__})", where=str(path)) from fault
    if not isinstance(settings, dict):
        raise WeightsError("settings are no JSON object", where=str(path))
    return settings


def yaml_beside(checkpoint: Path) -> Path | None:
    """The settings that users put beside a single file, of its name and ending in `.yaml`; None if there are none."""
    path = checkpoint.with_suffix(".yaml")
    return path if checkpoint.is_file() and path.is_file() else None


def prediction_beside(checkpoint: Path) -> Prediction | None:
    """What the settings beside a single file say its UNet predicts; None if they say nothing.

    Raises:
        WeightsError: if they cannot be read, or say something unknown.
    """
    path = yaml_beside(checkpoint)
    if path is None:
        return None
    try:
        if path.stat().st_size > LARGEST_SETTINGS:
            raise WeightsError(f"{path.stat().st_size} bytes of settings", where=str(path))
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as fault:
        raise WeightsError(f"cannot be read as settings ({type(fault).__name__})", where=str(path)) from fault
    found = PARAMETERIZATION.search(text) or SCALING.search(text)
    if found is None:
        return None
    if found[1].lower() not in PREDICTIONS:
        known = f"Known: {', '.join(PREDICTIONS)}"
        raise WeightsError(f"parameterization: {found[1][:40]!r} is not known", where=str(path), way_out=known)
    return PREDICTIONS[found[1].lower()]

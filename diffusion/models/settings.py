"""Settings: the JSON files beside weights; imports no torch."""

import json
from pathlib import Path
from typing import Any

from core.errors import WeightsError

LARGEST_SETTINGS = 1 << 20  # bytes of a config.json; more is refused before it is read


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

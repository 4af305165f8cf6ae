"""Presets in projects: what a recipe says, written out where the project says nothing."""

from collections.abc import Mapping
from typing import Any

from diffusion.sampling.presets import PRESETS


def with_preset(data: Mapping[str, Any]) -> dict[str, Any]:
    """Project data with the sampler, noise schedule, steps and cfg of its preset, if it names one that there is.

    What the project says itself goes before. A project written out again holds both, and means the same.
    """
    name, sampling = data.get("preset"), data.get("sampling", {})
    recipe = PRESETS.get(name) if isinstance(name, str) else None
    if recipe is None or not isinstance(sampling, Mapping):
        return dict(data)
    numbers = {"steps": recipe.steps, "cfg": recipe.cfg, **sampling}
    return {"sampler": recipe.sampler, "noise_schedule": recipe.schedule, **data, "sampling": numbers}

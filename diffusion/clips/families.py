"""Families of motion modules: what a module's tensors tell of it, and what sampling must know of its training."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightsError
from diffusion.models.family import Family, Shapes
from diffusion.models.settings import read_settings

Betas = Literal["own", "linear", "scaled linear 0.02"]  # the base model's noise schedule, or one the module demands

FACTS = "motion.json"  # beside a module that is no public one: what sampling must know
PUBLIC = (320, 640, 1280)  # channels that the modules of all public families begin with
TRAINED = 16  # frames that most modules were trained on together
_LIGHTNING_STEPS = re.compile(r"(\d+)[-_ ]?step")


@dataclass(frozen=True, slots=True)
class Traits:
    """One motion module's family."""

    name: str  # as people call it
    base: Family | None  # family of the models it sets in motion; None: whichever it fits
    positions: int  # frames it can tell apart: the longest window
    window: int  # frames it was trained on together
    betas: Betas
    across_time: bool = False  # whether the UNet's group norms take their statistics over all frames of a window
    shared_noise: float = 0.0  # share of the noise's variance that its training clips had in common, 0..1
    steady: float = 0.0  # share of the steps in which frames are best averaged with their neighbours, 0..1
    advice: str = ""  # how it is best sampled


def family_of(shapes: Shapes, name: str, facts: Mapping[str, object] | None = None) -> Traits:
    """The family of a module.

    Args:
        shapes: of its tensors by diffusers' names, position tables (`pos_embed.pe`) included where the file has them.
        name: of its file or folder; Lightning differs from v2 in nothing else.
        facts: of a module that is no public one, as in its `motion.json`.

    Raises:
        WeightsError: for facts that make no sense.
    """
    tables = [shape[-2] for key, shape in shapes.items() if key.endswith("pos_embed.pe")]
    positions = tables[0] if tables else 0
    if facts is not None:
        return _told(facts, positions or TRAINED)
    if channels(shapes)[:3] != PUBLIC:
        return Traits("a module of its own kind", None, positions or TRAINED, min(positions or TRAINED, TRAINED), "own")
    if len(channels(shapes)) == 3:
        return _of_sdxl(positions)
    has_middle = any(key.startswith("mid_block.") for key in shapes)
    return _with_middle(positions, name.lower()) if has_middle else _without_middle(positions)


def _of_sdxl(positions: int) -> Traits:
    if positions == 32:
        return Traits("AnimateDiff SDXL beta", "sdxl", 32, TRAINED, "scaled linear 0.02")
    count = positions or 8
    return Traits("HotShot-XL", "sdxl", count, min(count, 8), "own", across_time=True)


def _with_middle(positions: int, name: str) -> Traits:
    if "lightning" in name:
        steps = _LIGHTNING_STEPS.search(name)
        advice = f"Euler, schedule sgm uniform, {steps[1] if steps else 'as many'} steps as its name says, cfg 1"
        return Traits("AnimateDiff-Lightning", "sd1", positions or 32, TRAINED, "linear", advice=advice)
    if not positions or positions > 32:
        return Traits("AnimateLCM", "sd1", positions or 64, TRAINED, "linear", advice="LCM, 4 to 8 steps, cfg 1 to 2")
    return Traits("AnimateDiff v2", "sd1", positions, TRAINED, "linear")


def _without_middle(positions: int) -> Traits:
    if positions == 32:
        return Traits("AnimateDiff v3", "sd1", 32, TRAINED, "linear", advice="with its domain adapter")
    return Traits("AnimateDiff v1", "sd1", positions or 24, TRAINED, "linear", across_time=True)


def channels(shapes: Shapes) -> tuple[int, ...]:
    """Channels of each block on the way down."""
    found = {
        int(key.split(".")[1]): shape[0]
        for key, shape in shapes.items()
        if re.fullmatch(r"down_blocks\.\d+\.motion_modules\.0\.proj_in\.weight", key)
    }
    return tuple(found[number] for number in sorted(found))


def layers(shapes: Shapes) -> int:
    """Modules in each block on the way down."""
    return len({key.split(".")[3] for key in shapes if key.startswith("down_blocks.0.motion_modules.")})


def facts_beside(path: Path) -> Mapping[str, object] | None:
    """What lies beside a module's weights, if anything does."""
    file = path / FACTS
    return read_settings(file) if file.is_file() else None


def signal_shares(betas: Betas, own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signal share of the variance at each training step, float64.

    Source: AnimateDiff's inference settings: betas linear from 0.00085 to 0.012; for its SDXL module linear in the
    square root from 0.00085 to 0.020.
    """
    match betas:
        case "own":
            return own
        case "linear":
            steps = np.linspace(0.00085, 0.012, len(own))
        case "scaled linear 0.02":
            steps = np.linspace(math.sqrt(0.00085), math.sqrt(0.02), len(own)) ** 2
    return np.asarray(np.cumprod(1 - steps), np.float64)


def _told(facts: Mapping[str, object], positions: int) -> Traits:
    betas, window, shared = facts.get("betas", "own"), facts.get("window", positions), facts.get("shared_noise", 0.0)
    steady = facts.get("steady", 0.0)
    known = {"own": "own", "linear": "linear", "scaled linear 0.02": "scaled linear 0.02"}
    if not isinstance(shared, int | float) or not isinstance(steady, int | float):
        raise WeightsError(f"{json.dumps(dict(facts))[:160]} makes no sense", where=FACTS)
    if betas not in known or not isinstance(window, int):
        raise WeightsError(f"{json.dumps(dict(facts))[:160]} makes no sense", where=FACTS)
    if not 1 <= window <= positions or not 0 <= shared <= 1 or not 0 <= steady <= 1:
        what = f"a window of {window} of {positions} frames, noise shared by {shared}, steady for {steady} of the steps"
        raise WeightsError(what, where=FACTS)
    kind: Betas = known[betas]  # type: ignore[assignment]
    return Traits(
        "a module of its own kind",
        None,
        positions,
        window,
        kind,
        shared_noise=float(shared),
        steady=float(steady),
    )

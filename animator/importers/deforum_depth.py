"""Depth: who looks for it, in place of the estimators that Deforum names."""

from collections.abc import Mapping
from typing import Any

from animator.importers import Imported
from animator.importers.deforum_sources import SEEING_DISTANCE, takes_depth_mask
from animator.jsontext import shown
from core.downloads import is_allowed
from core.errors import Fault
from core.weights import ModelKind, is_in_hub_cache, on_this_machine

Settings = Mapping[str, Any]

SPREAD = "depth.equalize: depth is spread evenly over 1..2 in every frame, as in Deforum; false takes it as it is"
MINI = "mini"  # the embedded model, which needs no download
DEPTH_MODEL = ModelKind("depth model", (), (".safetensors", ".bin"), marks=("config.json",))
NEAREST = {
    "midas-3-hybrid": "Intel/dpt-large",
    "midas-3.1-beitlarge": "Intel/dpt-beit-large-512",
    "zoe": "Intel/zoedepth-nyu-kitti",
    "zoe+adabins (old)": "Intel/zoedepth-nyu-kitti",
    "midas+adabins (old)": "Intel/dpt-large",
    "adabins": "Intel/zoedepth-nyu",
    "leres": "depth-anything/Depth-Anything-V2-Large-hf",
}  # the maintained models that see most like the ones Deforum names


def depth(settings: Settings) -> Imported:
    """Where depth comes from, if anything asks for it."""
    is_deep, save = settings["animation_mode"] == "3D", settings["save_depth_maps"]
    warps = is_deep and bool(settings["use_depth_warping"])
    if settings["motion_preview_mode"] or not (warps or takes_depth_mask(settings) or _saves(settings)):
        return Imported({"depth": {"model": "flat"}} if is_deep else {})
    rules = {"equalize": True, "warp": warps} if is_deep else {}
    seen = _who_looks(settings["depth_algorithm"])
    notes = (*seen.notes, SPREAD) if warps else seen.notes
    return Imported({"depth": {**rules, "save": save, **seen.data}}, notes, seen.faults)


def _saves(settings: Settings) -> bool:
    return bool(settings["save_depth_maps"]) and settings["animation_mode"] != "Interpolation"


def _who_looks(algorithm: Any) -> Imported:
    """The model, and of what its maps are spread evenly; a fault that offers `mini` where it is not at hand."""
    name = str(algorithm).lower()
    if name == MINI:
        return Imported({"model": MINI})
    nearest = NEAREST.get(name)
    if nearest is None:
        known = f"Known: {', '.join((*NEAREST, MINI))}"
        return Imported(
            {"model": MINI},
            faults=(Fault("depth_algorithm", f"{shown(algorithm)} is no depth model of Deforum", known),),
        )
    found = _at_hand(nearest)
    if found is None:
        way_out = (
            f"Download huggingface.co/{nearest} into a models folder (--models-dir), pass --allow-download, or "
            f"--set depth.model={MINI} for the embedded model"
        )
        what = f"{shown(algorithm)} is seen here by {nearest}, which is not on this machine"
        return Imported({"model": MINI}, faults=(Fault("depth_algorithm", what, way_out),))
    notes = [f"depth_algorithm {algorithm!r}: {found} looks for depth"]
    if "(old)" in name:
        notes.append("midas_weight: depth of one model, spread evenly; old versions mixed two, unspread")
    spread = "distance" if name in SEEING_DISTANCE else "nearness"
    return Imported({"model": "transformers", "options": {"model": found}, "spread": spread}, tuple(notes))


def _at_hand(nearest: str) -> str | None:
    """A depth model by its hub name or the last part of that, in the models folders, else on the hub."""
    for name in (nearest, nearest.rpartition("/")[2]):
        if on_this_machine(DEPTH_MODEL, name) is not None:
            return name
    return nearest if is_in_hub_cache(nearest) or is_allowed() else None

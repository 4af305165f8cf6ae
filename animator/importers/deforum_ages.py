"""Settings files of every age as today's: renamed keys, old values, numbers and switches as text."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from animator.importers.deforum_key import NO_DEFAULT, OFF
from animator.importers.deforum_keys import KEYS, UNITS
from animator.jsontext import shown
from schedules.prompts import NEGATIVE

RENAMED = {
    "flip_2d_perspective": "enable_perspective_flip",
    "skip_video_for_run_all": "skip_video_creation",
    "animation_prompts": "prompts",
}  # keys of older versions
OTHERS = {
    "fov": "fov_schedule",
    "near_plane": "near_schedule",
    "far_plane": "far_schedule",
    "scale": "cfg_scale_schedule",
    "width": "W",
    "height": "H",
}  # keys of the notebook and of the rewrite, where today's are not there
_FITS = {
    "Envelope (Outer Fit)": "Outer Fit (Shrink to Fit)",
    "Scale to Fit (Inner Fit)": "Inner Fit (Scale to Fit)",
}
REPLACED: Mapping[str, Mapping[Any, Any]] = {
    "color_coherence": {f"Match Frame 0 {space}": space for space in ("HSV", "LAB", "RGB")},
    "hybrid_composite": {False: "None", True: "Normal"},
    "optical_flow_redo_generation": {False: "None", True: "DIS Fine"},
    "optical_flow_cadence": {False: "None", True: "DIS Fine"},
    "add_soundtrack": {False: "None", True: "File"},
    "fill": {"original": 1},
    **{f"cn_{unit}_resize_mode": _FITS for unit in range(1, UNITS + 1)},
}  # values of older versions
COUNTS = ("diffusion_redo",)  # whole numbers whose default is a text
NEGATIVES = "neg_prompts"  # of the notebook: a table of its own
SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "": False}
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})")


def modernized(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Settings under today's names and values, and what was done to them; keys nobody knows are left out."""
    modern: dict[str, Any] = {}
    notes: list[str] = []
    for old, value in sorted(given.items(), key=lambda item: item[0] in RENAMED):  # a new name goes before its old one
        key = RENAMED.get(old, old)
        if OTHERS.get(key, key) not in given:
            key = OTHERS.get(key, key)
        modern[key] = _modern_value(key, value)
        if key != old or _spelled(modern[key]) != _spelled(value):
            notes.append(f"{old}: read as {key} = {shown(modern[key])}")
    if "use_zoe_depth" in modern:
        modern["depth_algorithm"] = f"{'Zoe' if modern.pop('use_zoe_depth') else 'Midas'}+AdaBins (old)"
        notes.append(f"use_zoe_depth: read as depth_algorithm = {modern['depth_algorithm']!r}")
    if modern.pop("histogram_matching", None):
        notes.append("histogram_matching: dropped, as in Deforum; color_coherence took its place")
    if "legacy_colormatch" not in modern:
        notes.append("legacy_colormatch: absent, so colours are matched as in old versions, before generation only")
    notes += [*_joined_negatives(modern), *_without_nulls(modern)]
    for key in [key for key in modern if key not in KEYS]:
        notes.append(f"{shown(key)[1:-1]}: no setting of Deforum, ignored. {_nearest(key)}")
        del modern[key]
    return modern, notes


def _modern_value(key: str, value: Any) -> Any:
    """A value as today's versions write it."""
    if re.fullmatch(r"cn_\d+_(weight|guidance_start|guidance_end)", key) and type(value) in (int, float):
        return f"0:({value})"
    replaced = REPLACED.get(key, {})
    for old, new in replaced.items():
        if type(old) is type(value) and old == value:
            return new
    default = KEYS[key].default if key in KEYS else None
    if isinstance(default, bool):
        return _switch(value)
    if type(default) is int or key in COUNTS:
        return _number(value)
    return float(value) if type(default) is float and _is_number(value) else value


def _switch(value: Any) -> Any:
    """True or false as people write it; anything else stays for the check to tell."""
    if isinstance(value, str):
        return SWITCHES.get(value.strip().lower(), value)
    return bool(value) if type(value) in (int, float) and value in (0, 1) else value


def _number(value: Any) -> Any:
    """A number, whole if it is, also where it stands as text; anything else stays."""
    if _is_number(value):
        value = float(value) if "." in value else int(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _is_number(value: Any) -> bool:
    """Whether a text is one."""
    return isinstance(value, str) and bool(_NUMBER.fullmatch(value.strip()))


def _joined_negatives(modern: dict[str, Any]) -> list[str]:
    """Puts the notebook's negative prompts into the prompts they hold beside; what is said of it."""
    prompts, negatives = modern.get("prompts"), modern.pop(NEGATIVES, None)
    if not negatives:
        return []
    tables = (prompts, negatives)
    if not all(isinstance(table, dict) and table and all(key.strip().isdecimal() for key in table) for table in tables):
        return [f"{NEGATIVES}: ignored; only two tables with frames as keys can be put together"]
    places = [{int(key): text for key, text in table.items()} for table in tables]  # type: ignore[union-attr]
    frames = sorted({*places[0], *places[1]})
    modern["prompts"] = {str(frame): f" {NEGATIVE} ".join(_held(table, frame) for table in places) for frame in frames}
    return [f"{NEGATIVES}: put into prompts, behind {NEGATIVE}"]


def _held(table: Mapping[int, Any], frame: int) -> str:
    """The text that holds at a frame: the last one that began, else the first."""
    begun = [key for key in sorted(table) if key <= frame]
    return str(table[begun[-1] if begun else min(table)])


def _without_nulls(modern: dict[str, Any]) -> list[str]:
    """Takes out what is null where null says nothing; what is said of it."""
    defaults = {key: KEYS[key].default for key, value in modern.items() if value is None and key in KEYS}
    empty = [key for key, default in defaults.items() if default is not NO_DEFAULT and default not in OFF]
    empty = [key for key in empty if key not in ("init_image", "color_coherence")]
    for key in empty:
        del modern[key]
    return [f"null, so at their defaults: {', '.join(empty)}"] if empty else []


def _spelled(value: Any) -> str:
    return shown(value).strip('"').lower()


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key[:64], KEYS, n=1)
    return f"Did you mean {near[0]!r}?" if near else "docs/guide/deforum.md lists all"

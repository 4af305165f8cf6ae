"""Prompts of Deforum: a table as it stands, or one whose prompts go over into each other frame by frame."""

from collections.abc import Mapping
from typing import Any

from animator.importers import Imported
from animator.jsontext import parsed
from core.errors import Fault, ProjectError, ScheduleError
from schedules.expression import Budget, Scope
from schedules.prompts import NEGATIVE, merged
from schedules.schedule import computed_frame
from schedules.syntax import piece_of, unwrapped

Settings = Mapping[str, Any]
LONE = "Interpolation"  # the mode whose prompts go over into each other


def words(settings: Settings) -> Imported:
    """Prompts, and what goes before and after all of them."""
    table, faults = _table(settings["prompts"])
    if faults:
        return Imported({"prompts": {"0": ""}}, faults=faults)
    notes = ("prompts: there are none; every picture is made without words",) if table is None else ()
    if settings["animation_mode"] == LONE and isinstance(table, dict) and table:
        return _going_over(settings, table)
    data = {
        "prompts": {"0": ""} if table is None else table,
        "positive": settings["animation_prompts_positive"],
        "negative": settings["animation_prompts_negative"],
        "travel": "hold",
    }
    return Imported(data, notes)


def _table(prompts: Any) -> tuple[Any, tuple[Fault, ...]]:
    """The table of prompts; some files hold it as JSON text."""
    if not isinstance(prompts, str) or not prompts.lstrip().startswith("{"):
        return prompts, ()
    try:
        return parsed(prompts.encode(), "prompts"), ()
    except ProjectError as error:
        return {}, tuple(Fault("prompts", fault.what, 'Write {"0": "a prompt"}') for fault in error.faults)


def _going_over(settings: Settings, table: Mapping[str, Any]) -> Imported:
    """The prompts of Interpolation: between two keys both, joined by AND, with weights that move.

    Source: Deforum, interpolation mode; `max_f` is the number of frames there. Parseq's prompts are used as they are.
    """
    frames = settings["max_frames"]
    plain = {"prompts": table, "positive": "", "negative": "", "travel": "hold"}
    if type(frames) is not int or not 1 <= frames <= 1_000_000 or not all(isinstance(v, str) for v in table.values()):
        return Imported(plain)
    before, after = settings["animation_prompts_positive"], settings["animation_prompts_negative"]
    whole = merged(table, before, after) if isinstance(before, str) and isinstance(after, str) else dict(table)
    scope, budget, keys, faults = Scope(frames + 1, 0), Budget(), {}, []
    for key, text in whole.items():
        try:
            keys[computed_frame(unwrapped(piece_of(key)), scope, budget)] = text
        except ScheduleError as fault:
            faults.append(Fault(f"prompts.{key[:40]}", fault.what, fault.way_out))
    starts = sorted(keys)
    made: dict[str, str] = {}
    for place, start in enumerate(starts):
        made[str(start)] = keys[start]
        end = starts[place + 1] if place + 1 < len(starts) else start
        if end > start + 1 and settings["parseq_manifest"] in (None, ""):
            made[str(start + 1)] = _between(keys[start], keys[end], start, end)
    note = "prompts: between keys both are drawn, joined by AND with moving weights, as in Deforum"
    return Imported(plain | {"prompts": made}, (note,) if len(starts) > 1 else (), tuple(faults))


def _between(first: str, then: str, start: int, end: int) -> str:
    """Two prompts and two negatives with weights in back-quotes that go from one to the other."""
    share = f"(t-{start})/{end - start}"
    weights = f"`1-{share}`", f"`{share}`"
    positives, negatives = zip(*(text.partition(NEGATIVE)[::2] for text in (first, then)), strict=True)
    text = _joined(positives, weights)
    if any(len(negative) > 1 for negative in negatives):
        text += f" {NEGATIVE} {_joined(negatives, weights)}"
    return text


def _joined(texts: tuple[str, ...], weights: tuple[str, str]) -> str:
    """Texts with their weights; one that is empty is left out."""
    return " AND ".join(f" ({text}):{weight}" for text, weight in zip(texts, weights, strict=True) if text.strip())

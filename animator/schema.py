"""The JSON Schema of project files, read off the dataclasses, their comments and the registries."""

from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from animator import modes
from animator.checks import EXPORTERS
from animator.fields import SECTIONS, Keyframable, comments, keyframable
from animator.project import Project
from animator.serialize import to_json
from animator.shape import SCHEMA_KEY, dataclass_in
from diffusion import backends, controls
from motion import depth, flow

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENTRIES = {
    ("Project", "mode"): ("modes", modes.REGISTRY),
    ("Project", "generator"): ("generators", backends.REGISTRY),
    ("DepthRules", "model"): ("depth models", depth.REGISTRY),
    ("Source", "flow"): ("flow estimators", flow.REGISTRY),
    ("ControlUnit", "control"): ("controls", controls.REGISTRY),
    ("Export", "format"): ("exporters", EXPORTERS),
}  # fields whose values are the names in a registry, with what `render.py list` calls it


def schema() -> dict[str, Any]:
    """The JSON Schema of a project file: every setting with its meaning, default and allowed values."""
    whole = TypeAdapter(Project).json_schema()
    parts = {name: _object(part, _kinds()[name]) for name, part in whole["$defs"].items()}
    project = _object(whole, Project)
    defaults = to_json(Project())
    project["properties"] = {SCHEMA_KEY: {"type": "string", "description": "where this schema lies, for editors"}} | {
        name: _section(name) if name in SECTIONS else part | {"default": defaults[name]}
        for name, part in project["properties"].items()
    }
    return {"$schema": DIALECT, "title": "Driftloop project"} | project | {"$defs": parts}


def _kinds() -> dict[str, type]:
    """The dataclasses that the fields of a project, and theirs, are made of, by name."""
    found: dict[str, type] = {}
    unread: list[type] = [Project]
    while unread:
        inner = (dataclass_in(hint) for hint in get_type_hints(unread.pop()).values())
        new = {kind.__name__: kind for kind in inner if kind and kind.__name__ not in found}
        found |= new
        unread += new.values()
    return found


def _object(part: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The schema of one dataclass, with the comments behind its fields as descriptions."""
    told, hints = comments(kind), get_type_hints(kind)
    properties: dict[str, Any] = {}
    for name, entry in part["properties"].items():
        inner = dataclass_in(hints[name])
        description = told[name] or _headline(inner)
        bare = {key: value for key, value in entry.items() if key != "title"}
        properties[name] = {"description": description} | bare | _names(kind, name)
    whole = {"type": "object", "description": _headline(kind), "properties": properties, "additionalProperties": False}
    return whole | ({"required": part["required"]} if "required" in part else {})


def _names(kind: type, field: str) -> dict[str, Any]:
    """The allowed names, for a field that names the entry of a registry."""
    if (kind.__name__, field) not in ENTRIES:
        return {}
    listed, registry = ENTRIES[kind.__name__, field]
    if registry is EXPORTERS:
        return {"pattern": f"^({'|'.join(registry.names())})(-.+)?$", "x-list": listed}
    return {"enum": list(registry.names()), "x-list": listed}


def _headline(kind: type | None) -> str:
    return (kind.__doc__ or "").partition("\n")[0] if kind else ""


def _section(name: str) -> dict[str, Any]:
    """The schema of a section whose fields are keyframable."""
    return {
        "type": "object",
        "description": " ".join(_headline(kind) for kind in SECTIONS[name]),
        "properties": {number.name: _number(number) for number in keyframable(name).values()},
        "additionalProperties": False,
        "default": {},
    }


def _number(number: Keyframable) -> dict[str, Any]:
    """The schema of one keyframable number: the number itself, or the text of a schedule."""
    span = number.span
    ends = ("exclusiveMinimum", "exclusiveMaximum") if span.open else ("minimum", "maximum")
    numeric: dict[str, Any] = {"type": "number", ends[0]: span.low, ends[1]: span.high}
    if span.gap:
        numeric |= {"not": {"exclusiveMinimum": -span.gap, "exclusiveMaximum": span.gap}}
    return {"description": number.comment, "anyOf": [numeric, {"type": "string"}], "default": number.default}

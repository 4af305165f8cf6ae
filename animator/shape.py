"""Plain data to frozen dataclasses: unknown keys told, wrong types told in our words, all at once."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from animator.fields import SECTIONS, keyframable
from animator.jsontext import shown
from core.errors import Fault, suggestion

Kind = TypeVar("Kind")
SCHEMA_KEY = "$schema"  # editors put it there
HINTS = {"sampling.strength": "Native projects say denoise, which is 1 - strength"}
EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dataclass_type": "an object {…}",
    "mapping_type": "an object {…}",
    "dict_type": "an object {…}",
    "tuple_type": "a list […]",
    "list_type": "a list […]",
    "none_required": "null",
}  # pydantic's error types as people say them


class UnknownKey(NamedTuple):
    """A key that no setting has."""

    path: str
    known: tuple[str, ...]  # the keys there are in its place

    def fault(self, what: str = "no such setting") -> Fault:
        """What to tell about it, with the nearest key."""
        way_out = HINTS.get(self.path) or suggestion(self.path.rpartition(".")[2], self.known)
        return Fault(shown(self.path)[1:-1], what, way_out)


def unknown_keys(value: Any, kind: type | None, path: str = "") -> Iterator[UnknownKey]:
    """The keys that `kind` does not have, in an object, or in the objects of a list; `path` leads there."""
    if kind is None or not isinstance(value, dict | list):
        return
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from unknown_keys(item, kind, f"{path}{n}.")
        return
    hints = get_type_hints(kind)
    for key, item in value.items():
        if key in SECTIONS and not path and isinstance(item, dict):
            names = tuple(keyframable(key))
            yield from (UnknownKey(f"{key}.{name}", names) for name in item if name not in names)
        elif key in hints:
            yield from unknown_keys(item, dataclass_in(hints[key]), f"{path}{key}.")
        elif key != SCHEMA_KEY:
            yield UnknownKey(f"{path}{key}", tuple(hints))


def is_text(path: Sequence[str], kind: type) -> bool:
    """Whether a field holds text and nothing else, so that no value of it is to be read as JSON."""
    hint = get_type_hints(kind).get(path[0])
    inner = dataclass_in(hint)
    if inner and len(path) > 1:
        rest = path[1:] if not path[1].isdecimal() else path[2:]
        return bool(rest) and is_text(rest, inner)
    if get_origin(hint) is Mapping and len(path) == 2:
        hint = get_args(hint)[1]
    return hint is str or (get_origin(hint) is Literal and all(isinstance(value, str) for value in get_args(hint)))


def shaped(data: Mapping[str, Any], kind: type[Kind]) -> tuple[Kind, list[Fault]]:
    """The data as a frozen value, and what is wrong with it; faulty fields have their defaults.

    Args:
        data: JSON data; unknown keys are left out.
        kind: a dataclass; every field of it has a default.
    """
    adapter: TypeAdapter[Kind] = _adapter(cast(Any, kind))
    data = _known_numbers(data)
    try:
        return adapter.validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        faults = _faults(error, data)
        return adapter.validate_json(json.dumps(_without(data, faults)), strict=True), faults


def is_told(field: str, faults: list[Fault]) -> bool:
    """Whether what is wrong with a field may come from one of these faults, since its data are left out."""
    dropped = {fault.field if _is_leaf(fault.field) else fault.field.partition(".")[0] for fault in faults}
    return any(field == part or field.startswith(f"{part}.") or part.startswith(f"{field}.") for part in dropped)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _known_numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data without the unknown numbers of its keyframable sections."""
    return {
        key: {name: item for name, item in value.items() if name in keyframable(key)}
        if key in SECTIONS and isinstance(value, dict)
        else value
        for key, value in data.items()
    }


def dataclass_in(hint: Any) -> type | None:
    """The dataclass within `Init | None`, `tuple[Export, ...]` and the like."""
    candidates = (hint, *get_args(hint))
    return next((part for part in candidates if isinstance(part, type) and dataclasses.is_dataclass(part)), None)


def _faults(error: ValidationError, data: Mapping[str, Any]) -> list[Fault]:
    """One fault a field, though a field of several types gives several errors."""
    expected: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for entry in error.errors(include_url=False):
        path, value = _place(entry["loc"], data, is_missing=entry["type"] == "missing")
        expected.setdefault(path, []).append(_expectation(entry["type"], entry.get("ctx", {}), entry["msg"]))
        values[path] = value
    return [
        Fault(path, f"is missing; expected {texts[0]}")
        if values[path] is _MISSING
        else Fault(path, f"expected {' or '.join(dict.fromkeys(texts))}, got {shown(values[path])}")
        for path, texts in expected.items()
    ]


_MISSING = object()


def _place(loc: tuple[int | str, ...], data: Any, *, is_missing: bool) -> tuple[str, Any]:
    """The path of an error without pydantic's names for the members of a union, and the value there."""
    path: list[str] = []
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
        path.append(str(part))
    if is_missing:
        return ".".join([*path, str(loc[-1])]), _MISSING
    return ".".join(path), data


def _expectation(kind: str, facts: Mapping[str, Any], message: str) -> str:
    """What would have been right, as the second half of "expected …"."""
    if kind == "missing":
        return "a value"
    if kind == "literal_error":
        return f"one of {facts['expected']}"
    if kind == "value_error":
        return str(facts["error"]).removeprefix("expected ")
    return EXPECTED.get(kind) or message.replace("Input should be", "a value").lower()


def _without(data: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """The data without its faulty fields: single numbers and prompts, else everything below the first name."""
    kept = dict(data)
    for fault in faults:
        top, _, rest = fault.field.partition(".")
        if _is_leaf(fault.field):
            kept[top] = {key: value for key, value in kept[top].items() if key != rest}
        else:
            kept.pop(top, None)
    return kept


def _is_leaf(field: str) -> bool:
    """Whether a field is one number of a section, or one prompt; these can be left out by themselves."""
    top, dot, _ = field.partition(".")
    return bool(dot) and (top in SECTIONS or top == "prompts")

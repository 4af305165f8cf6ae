"""Plain data to frozen dataclasses: unknown keys told, wrong types told in our words, all at once."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, TypeVar, cast, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from animator.fields import SECTIONS, keyframable
from animator.jsontext import shown
from core.errors import Fault, suggestion

Kind = TypeVar("Kind")
MOST_WARNINGS = 20  # unknown keys told one by one
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


def unknown_keys(data: Mapping[str, Any], kind: type) -> list[str]:
    """A warning for every key that `kind` does not have, with the nearest one that it has."""
    unknown = list(islice(_unknown(data, kind, ""), MOST_WARNINGS + 1))
    texts = [_unknown_text(path, known) for path, known in unknown[:MOST_WARNINGS]]
    return [*texts, "further settings that do not exist are ignored"] if len(unknown) > len(texts) else texts


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


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _unknown(value: Any, kind: type | None, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Paths of unknown keys in an object, or in the objects of a list, each with the keys that are known there."""
    if kind is None or not isinstance(value, dict | list):
        return
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from _unknown(item, kind, f"{path}{n}.")
        return
    hints = get_type_hints(kind)
    for key, item in value.items():
        if key in SECTIONS and not path and isinstance(item, dict):
            names = tuple(keyframable(key))
            yield from ((f"{key}.{name}", names) for name in item if name not in names)
        elif key in hints:
            yield from _unknown(item, dataclass_in(hints[key]), f"{path}{key}.")
        elif key != SCHEMA_KEY:
            yield f"{path}{key}", tuple(hints)


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


def _unknown_text(path: str, known: tuple[str, ...]) -> str:
    way_out = HINTS.get(path) or suggestion(path.rpartition(".")[2], known)
    return f"{shown(path)[1:-1]}: no such setting, ignored. {way_out}"


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
    for top, _, rest in (fault.field.partition(".") for fault in faults):
        entries = kept.get(top)
        if rest and isinstance(entries, dict) and (top in SECTIONS or top == "prompts"):
            kept[top] = {key: value for key, value in entries.items() if key != rest}
        else:
            kept.pop(top, None)
    return kept

"""`field=value` changes on top of a project's data, as `--set` takes them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.errors import Fault


def changed(
    data: Mapping[str, Any], changes: Sequence[str], is_text: Callable[[Sequence[str]], bool]
) -> tuple[dict[str, Any], list[Fault]]:
    """The data with every change made, and a fault for each text that is no change.

    Args:
        data: JSON data of a project.
        changes: `field=value` texts; the field is a dotted path, as in `camera.z` or `export.0.format`; the value
            is JSON where it reads as such, else text.
        is_text: whether the field at a path holds text and nothing else, JSON or not.
    """
    result: dict[str, Any] = dict(data)
    faults: list[Fault] = []
    for text in changes:
        field, equals, value = text.partition("=")
        path = field.strip().split(".")
        if not equals or not all(path):
            faults.append(Fault("--set", f"{text!r} is no change", "Write field=value, as in camera.z=0.01"))
            continue
        try:
            result = _with(result, path, value if is_text(path) else _value(value))
        except (KeyError, IndexError, ValueError):
            faults.append(Fault(field.strip(), "there is no such place in the project to set"))
    return result, faults


def _value(text: str) -> Any:
    """JSON, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _with(data: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of nested objects and lists in which one place has another value.

    Raises:
        KeyError, IndexError, ValueError: if the path leads through something that is neither.
    """
    if not path:
        return value
    name, *rest = path
    if isinstance(data, list):
        place = int(name)
        if place < 0:
            raise IndexError(place)
        return [*data[:place], _with(data[place], rest, value), *data[place + 1 :]]
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise KeyError(name)
    return {**data, name: _with(data.get(name), rest, value)}

"""Text to JSON data, strictly: bounded, finite, without repeated keys; every fault told with its place."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from core.errors import Fault, ProjectError

LARGEST_FILE = 8 << 20  # bytes
DEEPEST = 32  # brackets within brackets
MOST_VALUES = 200_000  # in all lists and objects together
MOST_FAULTS = 50  # told at once
SHOWN = 60  # characters of a value in a message
SYNTAX = 'A project is one JSON object, as in {"frames": 24, "prompts": {"0": "a mountain"}}'


def parsed(content: bytes, source: str) -> Any:
    """The JSON data of a file's bytes: UTF-8, with or without a byte order mark.

    Args:
        content: the whole file.
        source: name of the file, for messages.

    Raises:
        ProjectError: for anything but clean JSON.
    """
    if len(content) > LARGEST_FILE:
        raise ProjectError(source, [Fault("", f"the file has {len(content)} bytes", f"Allowed are {LARGEST_FILE}")])
    text = _decoded(content, source)
    try:
        value = json.loads(text, object_pairs_hook=_Pairs.of)
    except json.JSONDecodeError as fault:
        raise ProjectError(source, [Fault("", _syntax(fault), SYNTAX)]) from fault
    except RecursionError as fault:
        raise ProjectError(source, [_too_deep("")]) from fault
    except ValueError as fault:  # Python refuses to read whole numbers of more than some thousand digits
        raise ProjectError(source, [Fault("", "a whole number has thousands of digits")]) from fault
    if faults := list(islice(_faults(value), MOST_FAULTS)):
        raise ProjectError(source, faults)
    return value


def shown(value: object) -> str:
    """A value as a message shows it: as JSON, cut when long."""
    if isinstance(value, dict | list | tuple) and len(value) > SHOWN:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)} entries"
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


class _Pairs(dict[str, Any]):
    """A JSON object that knows which of its keys stood in it more than once."""

    repeated: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> "_Pairs":
        found = cls(pairs)
        if len(found) < len(pairs):
            found.repeated = tuple(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return found


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        what = f"not UTF-8 text: byte {fault.start + 1} is 0x{content[fault.start]:02x}"
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            what = "the text is UTF-16"
        raise ProjectError(source, [Fault("", what, "Save the project as UTF-8 text")]) from fault


def _syntax(fault: json.JSONDecodeError) -> str:
    """Where the text stops being JSON, and why."""
    before = fault.doc[: fault.pos].rstrip()
    after = fault.doc[fault.pos : fault.pos + 1]
    if before.endswith(",") and after in ("}", "]"):
        reason = f"the comma before {after!r} is one too many"
    else:
        reason = f"{fault.msg[:1].lower()}{fault.msg[1:]}"
    near = fault.doc[fault.pos : fault.pos + 20].partition("\n")[0]
    return f"line {fault.lineno}, column {fault.colno}: {reason}, at {shown(near)}"


def _faults(root: object) -> Iterator[Fault]:
    """What JSON readers let pass and a project must not hold."""
    places: list[tuple[str, object, int]] = [("", root, 0)]
    values = 0
    while places:
        path, value, depth = places.pop()
        values += len(value) if isinstance(value, dict | list) else 0
        if values > MOST_VALUES:
            yield Fault(path, f"there are more than {MOST_VALUES} values up to here")
            return
        if isinstance(value, float) and not math.isfinite(value):
            yield Fault(path, f"{value} is no finite number")
        elif isinstance(value, str) and not _is_encodable(value):
            yield Fault(path, f"the text {shown(value)} holds half a character (a lone surrogate)")
        elif isinstance(value, dict | list) and depth >= DEEPEST:
            yield _too_deep(path)
        elif isinstance(value, dict):
            for key in getattr(value, "repeated", ()):
                yield Fault(_joined(path, key), "this key stands here more than once", "Keep one of them")
            places.extend((_joined(path, key), item, depth + 1) for key, item in value.items())
            places.extend((path, key, depth) for key in value if not _is_encodable(key))
        elif isinstance(value, list):
            places.extend((f"{path}.{n}", item, depth + 1) for n, item in enumerate(value) if type(item) is not int)


def _joined(path: str, key: str) -> str:
    key = key if len(key) <= SHOWN else f"{key[:SHOWN]}…"
    return f"{path}.{key}" if path else key


def _too_deep(path: str) -> Fault:
    return Fault(path, f"brackets are nested more than {DEEPEST} deep")


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""Canonical form and fingerprint of frozen values; the basis of step keys."""

import dataclasses
import json
from enum import Enum
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 1 << 20  # bytes read at once


def canonical(value: object) -> Any:
    """A value as plain JSON data that is equal exactly when the values are equal.

    Dataclasses become objects tagged with their class name, floats keep every bit, arrays their bytes' hash.

    Raises:
        TypeError: for an object whose content is not defined by its fields.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Enum):
        return {"enum": f"{type(value).__name__}.{value.name}"}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, Path):
        return {"path": value.as_posix()}
    return _composite(value)


def _composite(value: object) -> Any:
    """The canonical form of arrays, dataclasses, mappings and sequences."""
    if isinstance(value, np.ndarray):
        return {"array": array_fingerprint(value)}
    if isinstance(value, np.generic):
        return canonical(value.item())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: canonical(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, "fields": fields}
    if isinstance(value, dict):
        return {"map": sorted(([canonical(key), canonical(item)] for key, item in value.items()), key=json.dumps)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def fingerprint(*values: object) -> str:
    """32 hex digits that change when any of the values does."""
    text = json.dumps([canonical(value) for value in values], separators=(",", ":"), sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def array_fingerprint(array: np.ndarray[Any, Any]) -> str:
    """32 hex digits of an array's dtype, shape and bytes."""
    digest = blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def file_fingerprint(path: Path) -> str:
    """32 hex digits of a file's bytes, read in pieces."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()

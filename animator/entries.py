"""Entries of registries as projects name them: names that no entry has, options it does not know."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from animator.jsontext import shown
from core.errors import Fault, suggestion
from core.registry import Registry
from diffusion import backends


def entry_faults(registry: Registry, field: str, name: str) -> Iterator[Fault]:
    """A name that no entry has."""
    if name not in registry.names():
        yield Fault(field, f"no {registry.kind} named {shown(name)}", suggestion(name, registry.names()))


def option_faults(registry: Registry, field: str, name: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """Options an entry does not have, or of wrong types. An entry without options given is not imported."""
    if not options or name not in registry.names():
        return
    known = registry.options(name)
    for key in options:
        if key not in known:
            yield Fault(f"{field}.{key}", f"no such option of {registry.kind} {name!r}", suggestion(key, known))
    given = {key: value for key, value in options.items() if key in known}
    try:
        TypeAdapter(registry.module(name).Options).validate_python(given)
    except ValidationError as error:
        for entry in error.errors(include_url=False):
            path = ".".join([field, *map(str, entry["loc"])])
            yield Fault(path, f"{entry['msg']}, got {shown(entry['input'])}")


def asks_networks(generator: str) -> bool:
    """Whether a generator draws with a model, so that networks that steer it have an effect."""
    return generator in backends.REGISTRY.names() and "model" in backends.REGISTRY.options(generator)

"""What is known of a key of Deforum's settings files: its default, what becomes of it, and when it has an effect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

OFF = (None, False, "None", "none", "", 0, "0")  # how Deforum says that something is not used
NO_DEFAULT = object()  # of keys whose value never is of any effect, or always worth a word


class Condition(Protocol):
    """What must hold in settings for a key to have an effect."""

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Whether it does, in settings that are complete."""
        ...


@dataclass(frozen=True, slots=True)
class When:
    """Another key that must have certain values for a key to have an effect."""

    key: str
    values: tuple[Any, ...] = ()  # any value that is not OFF if there are none
    off: tuple[Any, ...] = OFF
    also: Condition | None = None

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Whether it has, in settings that are complete."""
        value = settings[self.key]
        own = value in self.values if self.values else value not in self.off
        return own and (self.also is None or self.also.holds(settings))

    def __str__(self) -> str:
        """As the table in the docs says it."""
        own = f"`{self.key}` is {' or '.join(map(str, self.values)) or 'on'}"
        return f"{own} and {self.also}" if self.also else own


@dataclass(frozen=True, slots=True)
class Either:
    """Several conditions, one of which is enough."""

    conditions: tuple[Condition, ...]

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Whether one holds."""
        return any(condition.holds(settings) for condition in self.conditions)

    def __str__(self) -> str:
        """As the table in the docs says it."""
        return " or ".join(map(str, self.conditions))


@dataclass(frozen=True, slots=True)
class Key:
    """One key; exactly one of `into`, `says` and `inert` tells what becomes of it."""

    default: Any
    into: str = ""  # the native field its value goes to
    when: Condition | None = None  # without effect otherwise, in Deforum too
    says: str = ""  # what is told when it is not at its default
    inert: str = ""  # why it has no effect on the pictures, in Deforum too

    def acts(self, settings: Mapping[str, Any]) -> bool:
        """Whether its value has an effect in Deforum, in settings that are complete."""
        return not self.inert and (self.when is None or self.when.holds(settings))

    def is_default(self, value: Any) -> bool:
        """Whether a value is the default, however it is spaced, or switches off what is off by default."""
        if self.default in OFF and value in OFF:
            return True
        if isinstance(value, str) and isinstance(self.default, str):
            return re.sub(r"\s", "", value) == re.sub(r"\s", "", self.default)
        return bool(value == self.default)

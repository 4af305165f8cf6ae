"""Settings files of other tools as data of native projects, one file each."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from core.errors import Fault


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a settings file."""

    data: Mapping[str, Any]  # of a native project, not yet checked
    notes: tuple[str, ...] = ()  # every choice made, and everything that differs from the other tool
    faults: tuple[Fault, ...] = ()  # what cannot be imported
    keys: Mapping[str, str] = field(default_factory=dict)  # native field to the setting it comes from

    def but_for(self, given: Set[str]) -> list[Fault]:
        """What cannot be imported, but for what native fields are given for in its place."""
        replaced = {self.keys[field] for field in given if field in self.keys}
        return [fault for fault in self.faults if fault.field not in replaced]

    def told(self, fault: Fault) -> Fault:
        """A fault of a native field under the name that its writer knows."""
        key = self.keys.get(fault.field)
        return replace(fault, field=f"{key} ({fault.field})") if key else fault

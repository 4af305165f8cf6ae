"""A folder as a registry: every public module in it is an entry; names and help are read without importing."""

import ast
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import UnknownName, UserError


@dataclass(frozen=True, slots=True)
class Registry:
    """The entries of one kind.

    An entry is a module with a docstring (its first line is the help text), a frozen dataclass `Options`,
    and `build(options: Options, pool: ModelPool) -> entry`.
    """

    kind: str  # as users say it: "depth model"
    package: str  # as Python says it: "motion.depth"

    def names(self) -> tuple[str, ...]:
        """All entries, sorted. Imports none of them."""
        return tuple(sorted(_modules(self.package)))

    def help(self, name: str) -> str:
        """The first line of an entry's docstring. Does not import it."""
        return (ast.get_docstring(self._tree(name)) or "").partition("\n")[0]

    def module(self, name: str) -> ModuleType:
        """An entry's module, imported.

        Raises:
            UnknownName: if there is no such entry.
        """
        return importlib.import_module(f"{self.package}.{self._known(name)}")

    def build(self, name: str, options: Mapping[str, Any] | None = None, *, pool: Any) -> Any:
        """The entry made with these options (defaults for those not given).

        Raises:
            UnknownName: for an unknown entry or option.
            UserError: for an option of the wrong kind, or out of its range.
        """
        from pydantic import TypeAdapter, ValidationError

        known = self.options(name)
        for key in options or {}:
            if key not in known:
                raise UnknownName(f"option of {self.kind} {name!r}", key, known)
        module = self.module(name)
        try:
            checked = TypeAdapter(module.Options).validate_python(dict(options or {}))
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())
            raise UserError("; ".join(faults), where=name) from error
        return module.build(checked, pool)

    def options(self, name: str) -> tuple[str, ...]:
        """The names of an entry's options. Does not import it."""
        classes = (node for node in self._tree(name).body if isinstance(node, ast.ClassDef) and node.name == "Options")
        fields = (node for options in classes for node in options.body if isinstance(node, ast.AnnAssign))
        return tuple(field.target.id for field in fields if isinstance(field.target, ast.Name))

    def _tree(self, name: str) -> ast.Module:
        """An entry's source as a syntax tree."""
        return _tree_of(_modules(self.package)[self._known(name)])

    def _known(self, name: str) -> str:
        if name not in _modules(self.package):
            raise UnknownName(self.kind, name, self.names())
        return name


@cache
def _tree_of(path: Path) -> ast.Module:
    """A source file as a syntax tree, which nobody may change."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _modules(package: str) -> dict[str, Path]:
    """Public module names of a package with their files."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations is not None, package
    folders = list(spec.submodule_search_locations)
    return {
        found.name: Path(folders[0]) / f"{found.name}.py"
        for found in pkgutil.iter_modules(folders)
        if not found.ispkg and not found.name.startswith("_")
    }

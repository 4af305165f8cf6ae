"""The tables in docs/guide/, made from the code. `python -m animator.guide` brings them up to date."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from animator.fields import SECTIONS, Keyframable, keyframable
from animator.importers.deforum_key import NO_DEFAULT, Key
from animator.importers.deforum_keys import KEYS
from animator.jsontext import shown
from animator.project import Project
from animator.schema import schema
from animator.shape import SCHEMA_KEY, dataclass_in

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "guide"
START, END = "<!-- table: made by python -m animator.guide -->\n", "\n<!-- end of table -->"
TYPES = {"string": "text", "integer": "whole number", "boolean": "`true`, `false`", "array": "list"}


def settings_table() -> str:
    """Every setting of a project in the order of the file, as a Markdown table."""
    rows = (f"| `{field}` | {allowed} | {default} | {meaning} |" for field, allowed, default, meaning in _settings())
    return "\n".join(["| field | allowed | default | meaning |", "|---|---|---|---|", *rows])


def deforum_table() -> str:
    """Every key of Deforum and what becomes of it, as a Markdown table; ControlNet units stand there once."""
    units = tuple(f"cn_{unit}_" for unit in range(2, 100))
    rows = (
        f"| `{key.replace('cn_1_', 'cn_i_')}` | {_default(row)} | {_fate(row).replace('cn_1_', 'cn_i_')} |"
        for key, row in KEYS.items()
        if not key.startswith(units)
    )
    return "\n".join(["| key | default | becomes |", "|---|---|---|", *rows])


TABLES = {"projects.md": settings_table, "deforum.md": deforum_table}


def updated(page: str, table: str) -> str:
    """A page with the table between its markers replaced."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    assert start and end, "the page has no place for a table"
    return f"{before}{start}{table}{end}{after}"


def main() -> None:
    """Writes all tables into their pages."""
    for name, table in TABLES.items():
        path = FOLDER / name
        path.write_text(updated(path.read_text(encoding="utf-8"), table()), encoding="utf-8")


def _settings() -> Iterator[tuple[str, str, str, str]]:
    """Field, allowed values, default and meaning of every setting."""
    whole = schema()
    for name, part in whole["properties"].items():
        if name == SCHEMA_KEY:
            continue
        yield _row(name, part)
        if name in SECTIONS:
            yield from (_number_row(name, number) for number in keyframable(name).values())
        elif kind := dataclass_in(get_type_hints(Project)[name]):
            prefix = f"{name}.0" if part.get("type") == "array" else name
            properties = whole["$defs"][kind.__name__]["properties"]
            yield from (_row(f"{prefix}.{field}", entry) for field, entry in properties.items())


def _row(field: str, part: Mapping[str, Any]) -> tuple[str, str, str, str]:
    default = "" if isinstance(part.get("default", {}), dict) else f"`{shown(part['default'])}`"
    return field, _allowed(part), default, part["description"].replace("|", "\\|")


def _number_row(section: str, number: Keyframable) -> tuple[str, str, str, str]:
    return f"{section}.{number.name}", f"{number.span}; keyframable", f"`{number.default:g}`", number.comment


def _allowed(part: Mapping[str, Any]) -> str:
    """The allowed values of a setting in words; names of entries are left to `render.py list`."""
    if "x-list" in part:
        return f"`render.py list {part['x-list']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "minimum" in part:
        high = part["maximum"] if "maximum" in part else part["exclusiveMaximum"] - 1
        return f"{part['minimum']} .. {high}"
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_allowed(member) for member in part["anyOf"]))
    kind = str(part.get("type", "object"))
    return TYPES.get(kind, kind)


def _default(row: Key) -> str:
    return "" if row.default is NO_DEFAULT else f"`{shown(row.default)}`".replace("|", "\\|")


def _fate(row: Key) -> str:
    """What becomes of a key, in words."""
    if row.inert:
        return f"nothing: {row.inert}"
    text = f"`{row.into}`" if row.into else row.says
    return f"{text}{f', while {row.when}' if row.when else ''}"


if __name__ == "__main__":
    main()

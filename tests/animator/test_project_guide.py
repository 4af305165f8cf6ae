"""The schema and the tables in the docs say what the code does."""

import dataclasses
import json
import re

import pytest

from animator.fields import SECTIONS, comments, keyframable
from animator.guide import FOLDER, TABLES, updated
from animator.project import DepthRules, Export, Init, Project, SeedRules, WarpRules, parse
from animator.schema import schema
from animator.serialize import to_json
from core.errors import ProjectError

PROPERTIES = schema()["properties"]


def leaves(part):
    """All descriptions and types of a schema."""
    if "properties" in part:
        for inner in part["properties"].values():
            yield from leaves(inner)
    else:
        yield part


@pytest.mark.parametrize("page", TABLES)
def test_the_tables_in_the_guide_are_up_to_date(page):
    text = (FOLDER / page).read_text(encoding="utf-8")
    assert updated(text, TABLES[page]()) == text, "run: python -m animator.guide"


@pytest.mark.parametrize("kind", [SeedRules, WarpRules, DepthRules, Init, Export, *sum(SECTIONS.values(), ())])
def test_every_field_has_a_comment_that_describes_it(kind):
    assert all(comments(kind)[field.name] for field in dataclasses.fields(kind))


def test_every_setting_is_described():
    for part in (schema(), *schema()["$defs"].values()):
        assert all(leaf["description"] for leaf in leaves(part))


def test_the_schema_knows_every_field_and_every_keyframable_number():
    assert [name for name in PROPERTIES if name != "$schema"] == list(Project.__dataclass_fields__)
    for section in SECTIONS:
        assert set(PROPERTIES[section]["properties"]) == set(keyframable(section))


def test_the_defaults_in_the_schema_make_the_default_project():
    defaults = {name: part["default"] for name, part in PROPERTIES.items() if "default" in part}
    assert defaults == json.loads(json.dumps(to_json(Project())))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_ends_of_every_range_are_what_the_check_allows(section):
    for number in keyframable(section).values():
        for value in (number.span.low, number.span.high):
            data = {
                "generator": "noise",
                "export": [],
                "prompts": {"0": "a"},
                "warp": {"geometry": "deforum"},
                section: {number.name: value},
            }
            try:
                parse(data, "x")
                assert value in number.span
            except ProjectError:
                assert value not in number.span


def test_the_tests_that_the_page_about_deforum_names_are_there():
    page = (FOLDER / "deforum.md").read_text(encoding="utf-8")
    known = {path.stem for path in (FOLDER.parent.parent / "tests").rglob("test_*.py")}
    assert {*re.findall(r"`(test_\w+)`", page)} <= known

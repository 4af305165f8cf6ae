import re
from pathlib import Path

import pytest

from schedules.easing import EASINGS
from schedules.expression import FRAME_NAMES
from schedules.schedule import Schedule
from schedules.translation import CONSTANTS, FUNCTIONS

GUIDE = (Path(__file__).resolve().parents[2] / "docs/guide/schedules.md").read_text(encoding="utf-8")
CODE = " ".join(re.findall(r"`([^`\n]+)`", GUIDE))
WORDS = set(re.findall(r"[a-z_]\w*", CODE))


@pytest.mark.parametrize("name", [*FUNCTIONS, *CONSTANTS, *FRAME_NAMES])
def test_the_guide_lists_every_name(name):
    assert name in WORDS


@pytest.mark.parametrize("name", EASINGS)
def test_the_guide_lists_every_easing(name):
    curve, _, family = re.fullmatch(r"(ease_in_out|ease_in|ease_out|\w+?)(_(\w+))?", name).groups()
    assert curve in WORDS
    assert family is None or family in WORDS


@pytest.mark.parametrize(("text", "row"), re.findall(r"\| `(0:[^`]+)` \| ([\d ]+) \|", GUIDE))
def test_the_tables_of_the_guide_are_true(text, row):
    assert Schedule.parse(text, 6).values() == pytest.approx([float(number) for number in row.split()])


@pytest.mark.parametrize("block", re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL))
def test_the_examples_of_the_guide_are_schedules(block):
    for line in block.strip().splitlines():
        Schedule.parse(re.split(r" {3,}", line)[0], 100)

"""Variants of an order: a prompt matrix, and a file of prompts with options of their own."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from animator.orders.order import Order
from animator.orders.settings import changed
from core.errors import Fault
from core.seeds import SEED_RANGE

MOST_PARTS = 9  # of a matrix: 256 pictures
MOST_LINES = 10_000
UNUSED = {
    "do_not_save_samples", "do_not_save_grid", "outpath_samples", "outpath_grids", "prompt_for_display",
    "restore_faces",
}  # fmt: skip
FLAGS = {"tiling", "restore_faces", "do_not_save_samples", "do_not_save_grid"}
Delimiter = Literal["comma", "space"]


@dataclass(frozen=True, slots=True)
class MatrixRules:
    """How the parts of a prompt are put together."""

    at_start: bool = False  # whether what is optional stands before what is not
    different_seeds: bool = False  # whether seeds count up from picture to picture
    delimiter: Delimiter = "comma"  # between parts
    negative: bool = False  # whether it is the negative prompt that is taken apart


def parts_of(prompt: str) -> list[str]:
    """The parts of a matrix: what is always there, then what is optional."""
    return [part.strip() for part in prompt.split("|")]


def combined(parts: Sequence[str], choice: int, rules: MatrixRules) -> str:
    """The prompt with some of the optional parts: bit k of `choice` says whether part k + 1 is there."""
    chosen = [part for k, part in enumerate(parts[1:]) if choice >> k & 1]
    pieces = [*chosen, parts[0]] if rules.at_start else [parts[0], *chosen]
    return (", " if rules.delimiter == "comma" else " ").join(pieces)


def matrix(order: Order, rules: MatrixRules) -> tuple[list[Order], list[Fault]]:
    """The order with every combination of its optional parts, 2 ** (parts - 1), or why there is none."""
    parts = parts_of(order.negative if rules.negative else order.prompt)
    if not 2 <= len(parts) <= MOST_PARTS:
        way_out = f"Write 1 to {MOST_PARTS - 1} optional parts, as in: a street|fog|oil paint"
        return [], [Fault("--matrix", f"the prompt has {len(parts) - 1} optional parts", way_out)]
    orders = []
    for choice in range(1 << (len(parts) - 1)):
        text = combined(parts, choice, rules)
        one = replace(order, negative=text) if rules.negative else replace(order, prompt=text)
        orders.append(replace(one, seed=(order.seed + choice) % SEED_RANGE) if rules.different_seeds else one)
    return orders, []


@dataclass(frozen=True, slots=True)
class LineRules:
    """How the lines of a file of prompts become orders."""

    counts_seed: bool = False  # whether each line's seed goes on where the last one's ended
    at_end: bool = False  # whether a line's prompt stands after the order's own instead of before it


def lines(text: str, order: Order, rules: LineRules) -> tuple[list[Order], list[Fault], list[str]]:
    """An order for each line that is not empty.

    A line is a prompt, or options: `--prompt "a boat" --steps 30 --seed 7 --width 512`, with the names of the web UI
    or our own.

    Returns:
        the orders, what is wrong with which line, and options that have no effect here.
    """
    orders: list[Order] = []
    faults: list[Fault] = []
    unused: set[str] = set()
    seed = order.seed
    written = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not written or len(written) > MOST_LINES:
        return [], [Fault("--prompts", f"{len(written)} lines with prompts", f"1 to {MOST_LINES} are read")], []
    for n, line in written:
        try:
            options = options_in(line)
        except ValueError as fault:
            faults.append(Fault(f"line {n}", f"{fault} in {line[:60]!r}", 'Put text with spaces in "quotes"'))
            continue
        unused |= {name for name, _ in options if name in UNUSED}
        base = replace(order, seed=seed if rules.counts_seed else order.seed)
        one, wrong = changed(base, _with_own(options, order, rules))
        faults += [Fault(f"line {n}: --{fault.field}", fault.what, fault.way_out) for fault in wrong]
        orders.append(one)
        seed = (seed + one.pictures) % SEED_RANGE
    return orders, faults, sorted(unused)


def options_in(line: str) -> list[tuple[str, str]]:
    """The options of a line as (name, value); a line without `--` at its beginning is a prompt.

    Raises:
        ValueError: if it is no such line.
    """
    if not line.startswith("--"):
        return [("prompt", line)]
    words = shlex.split(line)
    options: list[tuple[str, str]] = []
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"{word!r} belongs to no option")
        name, equals, value = word[2:].replace("-", "_").partition("=")
        if not equals:
            is_flag = name in FLAGS and (not words or words[0].startswith("--"))
            if not is_flag and not words:
                raise ValueError(f"--{name} has no value")
            value = "true" if is_flag else words.pop(0)
        options.append((name, value))
    return options


def _with_own(options: Sequence[tuple[str, str]], order: Order, rules: LineRules) -> list[tuple[str, str]]:
    """The options that act, with the order's own prompts beside those of the line."""
    own = {"prompt": order.prompt, "negative_prompt": order.negative, "negative": order.negative}
    changes = []
    for name, value in options:
        if name in UNUSED:
            continue
        pieces = [own.get(name, ""), value] if rules.at_end else [value, own.get(name, "")]
        changes.append((name, " ".join(filter(None, pieces)) if name in own else value))
    return changes

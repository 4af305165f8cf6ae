"""The prompt language of the web UI: comments, tags, AND, editing, attention; all in time linear in the text.

Order for one prompt: comments out, styles in (`styles.py`), `<lora:…>` tags out, split at AND, and for each part
the text of every step (editing, alternation), then attention. A prompt is data: nothing in it is a syntax error;
what does not follow the grammar is text.

Source: the behaviour of AUTOMATIC1111/stable-diffusion-webui 1.10, described independently; no code of it.
"""

import logging
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

from core.errors import UserError

log = logging.getLogger(__name__)

NETWORKS = ("lora", "lyco", "hypernet")  # types of tags that are acted on
FACTORS = {"(": 1.1, "[": 1 / 1.1}  # what one pair of brackets does to the weight
OPENERS = {")": "(", "]": "["}
MOST_PARTS = 64  # joined by AND; each costs a run of the UNet every step
MOST_STEPS = 10_000
MOST_CHARACTERS = 100_000_000  # of all different texts of a schedule together
MOST_CHOICES = 1_000_000  # likewise

COMMENT = re.compile(r"#[^\n]*")
TAG = re.compile(r"<(\w++):([^<>]++)>")
AND = re.compile(r"\bAND\b")
BREAK_WORD = re.compile(r"\bBREAK\b")
PART_WEIGHT = re.compile(r"[-+]?(?:[0-9]+\.?|[0-9]*\.[0-9]+)")
BOUNDARY = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
EDITING_SIGN = re.compile(r"\\.|[\[\]():|]", re.DOTALL)
NUMBER = r"[-+]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)"
ATTENTION_SIGN = re.compile(
    rf"""
    (?P<bracket> [()\[\]])
  | : \s*+ (?P<number> {NUMBER}) \s*+ \)
  | (?P<literal> (?: [^\\()\[\]:]++ | (?! : \s*+ {NUMBER} \s*+ \) ) : )++ )
  | \\ (?P<escaped> [()\[\]\\]?)
    """,
    re.VERBOSE,
)


class Piece(NamedTuple):
    """A stretch of text with one attention weight."""

    text: str
    weight: float  # 1 = as written; factors multiply through nesting


BREAK = Piece("BREAK", -1.0)  # the mark that closes a chunk


class Part(NamedTuple):
    """One of the prompts joined by AND."""

    text: str
    weight: float  # 1 unless the part ends with ":weight"; may be negative


Weighted = TypeVar("Weighted", Piece, Part)


class Entry(NamedTuple):
    """One text of a schedule."""

    end: int  # last step, from 1, that the text stands for
    text: str


@dataclass(frozen=True, slots=True)
class ExtraNetwork:
    """One `<lora:…>`, `<lyco:…>` or `<hypernet:…>` tag."""

    kind: str  # "lora", "lyco" or "hypernet"
    name: str  # file stem or alias
    te: float = 1.0  # multiplier on the text encoder (of a hypernet: the same as unet)
    unet: float = 1.0  # multiplier on the UNet
    rank: int | None = None  # use only that many of its ranks


def without_comments(text: str) -> str:
    """The text without everything from a # to the end of its line."""
    return COMMENT.sub("", text)


def extracted(text: str) -> tuple[str, tuple[ExtraNetwork, ...]]:
    """The text without its `<type:…>` tags, and what they ask for, in order.

        extracted("a fox <lora:ink:0.8>")    "a fox ", (ExtraNetwork("lora", "ink", 0.8, 0.8),)

    `<lora:name:te:unet:rank>`, or named: `<lora:name:te=0.5:unet=1:dyn=4>`. Unknown types are dropped with a warning.

    Raises:
        UserError: for a tag without a name, or with a multiplier or rank that is no number.
    """
    for match in TAG.finditer(text):
        if match[1] not in NETWORKS:
            log.warning("the tag %s is of no known type and is left out", match[0][:80])
    return TAG.sub("", text), networks_in(text)


def networks_in(text: str) -> tuple[ExtraNetwork, ...]:
    """What the tags of a text ask for, in order. Raises as `extracted`."""
    found = [match for match in TAG.finditer(text) if match[1] in NETWORKS]
    return tuple(_network(match[1], match[2].split(":"), match[0]) for match in found)


def _network(kind: str, arguments: list[str], tag: str) -> ExtraNetwork:
    given = [argument for argument in arguments if "=" not in argument]
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    name, te, unet, rank = (*given, "", "", "", "")[:4]
    te = named.get("te", te) or "1"
    unet = named.get("unet", unet) or te
    rank = named.get("dyn", rank)
    try:
        network = ExtraNetwork(kind, name, float(te), float(unet), int(rank) if rank else None)
    except ValueError as fault:
        raise UserError(f"{tag[:80]!r} has a part that is no number", way_out=f"Write <{kind}:name:0.8>") from fault
    if not name:
        raise UserError(f"{tag[:80]!r} names nothing", way_out=f"Write <{kind}:name:0.8>")
    if not math.isfinite(network.te + network.unet) or (network.rank is not None and network.rank < 1):
        raise UserError(f"{tag[:80]!r} has a number out of range", way_out="Use weights such as 0.8 and ranks from 1")
    return network


def split_and(text: str) -> tuple[Part, ...]:
    """The prompts joined by the upper-case word AND, each with the weight at its end.

        split_and("a cat :1.2 AND a dog AND fog :-0.5")    ("a cat", 1.2), ("a dog", 1), ("fog", -0.5)

    Without AND there is one part; a weight at its end counts there too.
    """
    return tuple(_weighted(part.strip()) for part in AND.split(text))


def bounded_parts(text: str) -> tuple[Part, ...]:
    """The same for a prompt that is to be drawn.

    Raises:
        UserError: for more than MOST_PARTS parts, or a weight that is no finite number.
    """
    parts = checked(split_and(text))
    if len(parts) > MOST_PARTS:
        raise UserError(f"{len(parts)} prompts joined by AND", way_out=f"Use at most {MOST_PARTS}")
    return parts


def _weighted(part: str) -> Part:
    head, colon, tail = part.rpartition(":")
    if colon and PART_WEIGHT.fullmatch(tail.strip()):
        return Part(head.rstrip(), float(tail))
    return Part(part, 1.0)


def parse_attention(text: str) -> tuple[Piece, ...]:
    r"""The text cut into pieces of equal weight; `BREAK` stands for the mark of that name.

        parse_attention("a ((red)) fox")        "a " 1, "red" 1.21, " fox" 1
        parse_attention("(lamp:1.3) [fog]")     "lamp" 1.3, " " 1, "fog" 0.909
        parse_attention("sea BREAK sky")        "sea" 1, BREAK, "sky" 1
        parse_attention(r"\(literal\)")         "(literal)" 1

    Round and square brackets are matched each on their own; a bracket left open acts to the end of the text and one
    too many is text. A BREAK inside weighted brackets is no mark but the word. Thousands of nested brackets give
    weights of infinity, which `checked` refuses.
    """
    signs, factors = _signs(text)
    inside = {"(": [1.0], "[": [1.0]}
    pieces: list[Piece] = []
    for index, (sign, literal) in enumerate(signs):
        if sign in FACTORS:
            inside[sign].append(inside[sign][-1] * factors.get(index, FACTORS[sign]))
        elif sign:
            inside[OPENERS[sign]].pop()
        else:
            weight = inside["("][-1] * inside["["][-1]
            parts = _broken(literal) if BREAK.text in literal else [(literal, 1.0)]
            pieces.extend(Piece(part, mark * weight) for part, mark in parts)
    merged = (
        Piece("".join(part for part, _ in run), weight) for weight, run in groupby(pieces, lambda piece: piece[1])
    )
    return tuple(merged) or (Piece("", 1.0),)


def _signs(text: str) -> tuple[list[tuple[str, str]], dict[int, float]]:
    """Brackets that count and the literal texts ("", text) between them, and the numbers given to brackets.

    The numbers are keyed by the place of the opening bracket in the list.
    """
    signs: list[tuple[str, str]] = []
    numbers: dict[int, float] = {}
    waiting: dict[str, list[int]] = {"(": [], "[": []}
    for match in ATTENTION_SIGN.finditer(text):
        kind, sign = match.lastgroup, match[0]
        opener = "(" if kind == "number" else OPENERS.get(sign, "")
        if kind == "escaped":
            signs.append(("", match["escaped"]))
        elif sign in FACTORS:
            waiting[sign].append(len(signs))
            signs.append((sign, ""))
        elif opener and waiting[opener]:
            place = waiting[opener].pop()
            if kind == "number":
                numbers[place] = float(match["number"])
            signs.append((")" if kind == "number" else sign, ""))
        else:
            signs.append(("", sign))
    return signs, numbers


def _broken(text: str) -> Iterator[tuple[str, float]]:
    """The text with the word BREAK, and the white space around it, turned into marks."""
    parts = BREAK_WORD.split(text)
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if index:
            yield BREAK
        begun = part.lstrip() if index else part
        yield (begun.rstrip() if index < last else begun), 1.0


def checked(weighted: tuple[Weighted, ...]) -> tuple[Weighted, ...]:
    """The same pieces or parts.

    Raises:
        UserError: if a weight is no finite number.
    """
    for text, weight in weighted:
        if not math.isfinite(weight):
            raise UserError(
                f"the weight of {text[:40]!r} is {weight}", way_out="Use fewer brackets or a smaller number"
            )
    return weighted


class _Choice(NamedTuple):
    """A bracket that stands for one of its options, by step. Positions are characters of the text."""

    start: int  # of the opening bracket
    stop: int  # behind the closing bracket
    options: tuple[tuple[int, int], ...]  # start and stop of each text
    boundary: str  # last step of the first option, as written; "" alternates


@dataclass(slots=True)
class _Group:
    """A bracket that is still open, with the separators directly inside it."""

    sign: str
    start: int
    colons: list[int] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)

    def is_emphasis(self) -> bool:
        """Whether it is attention, which may stand inside a choice, and no choice itself."""
        return not self.bars and len(self.colons) <= (1 if self.sign == "(" else 0)


def editing_schedule(text: str, steps: int, *, before: int = 0) -> tuple[Entry, ...]:
    """The texts a prompt has over the steps: `[from:to:when]`, `[to:when]`, `[from::when]`, `[a|b]`.

        editing_schedule("[cat:dog:0.25] park", 20)    (5, "cat park"), (20, "dog park")
        editing_schedule("[a|b] x", 3)                 (1, "a x"), (2, "b x"), (3, "a x")

    `when` with a dot is a share of the steps, else a step. A bracket that is neither is left for `parse_attention`;
    a text with a bar outside of an alternation is constant as a whole.

    Args:
        text: one part of a prompt.
        steps: of this pass, 1 or more.
        before: steps of the pass before, in the second pass of a hires fix: steps count on from there, and
            shares of 0..1 lie in that pass, 1..2 in this one.

    Raises:
        UserError: for steps out of range, or a schedule of absurd size.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise UserError(f"{steps} steps", way_out=f"Give 1 to {MOST_STEPS}")
    choices = _choices(text)
    lasts = [_last_step(choice.boundary, steps, before) for choice in choices]
    boundaries = sorted({last for last in lasts if last >= 1} | {steps})
    periods = {len(choice.options) for choice in choices if not choice.boundary}
    ends = range(1, steps + 1) if periods else boundaries
    states = [(bisect_left(boundaries, end), *((end - 1) % period for period in periods)) for end in ends]
    different = dict(zip(states, ends, strict=True))
    if len(different) * len(text) > MOST_CHARACTERS or len(different) * len(choices) > MOST_CHOICES:
        raise UserError(f"a prompt of {len(text)} characters with {len(different)} versions", way_out="Shorten it")
    texts = {state: _resolved(text, choices, lasts, end) for state, end in different.items()}
    return tuple(Entry(end, texts[state]) for end, state in zip(ends, states, strict=True))


def texts_by_step(text: str, steps: int, *, before: int = 0) -> tuple[str, ...]:
    """The text for each call of the denoiser, from call 0: the first of the schedule whose end is not before it.

    So the first text of a schedule lasts one call longer than its number says, as in the web UI. A sampler that calls
    the denoiser twice a step asks for twice the steps. Raises as `editing_schedule`.
    """
    schedule = editing_schedule(text, steps, before=before)
    ends = [entry.end for entry in schedule]
    return tuple(schedule[bisect_left(ends, call)].text for call in range(steps))


def _choices(text: str) -> list[_Choice]:
    """Give all editing and alternation brackets, inner ones first; none if a bar stands where it means nothing."""
    choices: list[_Choice] = []
    groups: list[_Group] = []
    for match in EDITING_SIGN.finditer(text):
        sign, at = match[0], match.start()
        if sign in FACTORS:
            groups.append(_Group(sign, at))
        elif sign == ":" and groups:
            groups[-1].colons.append(at)
        elif sign == "|":
            if not groups:
                return []
            groups[-1].bars.append(at)
        elif sign in OPENERS and groups:
            group = groups[-1]
            is_closed = group.sign == OPENERS[sign]
            choice = _choice(text, group, at) if is_closed else None
            if choice:
                choices.append(choice)
            if choice or (is_closed and group.is_emphasis()):
                groups.pop()
            elif any(outer.bars for outer in groups):
                return []
            else:
                groups.clear()  # a stray sign: nothing that encloses it can be a choice
    return [] if any(group.bars for group in groups) else choices


def _choice(text: str, group: _Group, close: int) -> _Choice | None:
    """The bracket as a choice, if its separators make it one."""
    if group.sign != "[":
        return None
    cuts = [group.start, *group.bars, *group.colons, close]
    spans = tuple((left + 1, right) for left, right in pairwise(cuts))
    if group.bars and not group.colons:
        return _Choice(group.start, close + 1, spans, "")
    when = text[group.colons[-1] + 1 : close].strip() if group.colons else ""
    if group.bars or len(group.colons) > 2 or not BOUNDARY.fullmatch(when):
        return None
    nothing = (group.start, group.start)
    return _Choice(group.start, close + 1, spans[:2] if len(spans) == 3 else (nothing, spans[0]), when)


def _last_step(boundary: str, steps: int, before: int) -> int:
    """The last step of a choice's first option; 0 when it is over before the first, or alternates."""
    if not boundary:
        return 0
    value = (float(boundary) - (1 if before else 0)) * steps if "." in boundary else float(boundary) - before
    return int(max(0.0, min(float(steps), value)))


def _resolved(text: str, choices: Sequence[_Choice], lasts: Sequence[int], step: int) -> str:
    """The text at a step from 1, every choice replaced by its option."""
    jumps: dict[int, int] = {}
    for (start, stop, options, boundary), last in zip(choices, lasts, strict=True):
        left, right = options[step > last if boundary else (step - 1) % len(options)]
        jumps[start] = left if left < right else stop
        jumps[right] = stop
    kept, at = [], 0
    for position in sorted(jumps):
        if position >= at:
            kept.append(text[at:position])
            at = jumps[position]
    return "".join((*kept, text[at:]))

"""Infotext: the text that says how a picture was made, as the AUTOMATIC1111 web UI writes and reads it.

    a lamp, foggy
    Negative prompt: cartoon
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 640x384, Model: base15

Pure text: which fields there are, and what they mean, is the business of who makes pictures.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from core.errors import UserError

NEGATIVE = "Negative prompt:"
FEWEST_FIELDS = 3  # a last line with fewer is part of the prompt
LONGEST = 1_000_000  # characters
OLD_FIRST_PASS = 512 * 512  # pixels of a first pass that nobody gave a size
NO_FIELDS: Mapping[str, str] = MappingProxyType({})
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "Clip skip": "1",
        "Hires resize-1": "0",
        "Hires resize-2": "0",
        "Hires sampler": "Use same sampler",
        "Hires schedule type": "Use same scheduler",
        "Hires checkpoint": "Use same checkpoint",
        "Hires prompt": "",
        "Hires negative prompt": "",
        "Mask mode": "Inpaint masked",
        "Masked content": "original",
        "Inpaint area": "Whole picture",
        "Masked area padding": "32",
        "RNG": "GPU",
        "Schedule type": "Automatic",
        "Schedule max sigma": "0",
        "Schedule min sigma": "0",
        "Schedule rho": "0",
        "VAE Encoder": "Full",
        "VAE Decoder": "Full",
        "Emphasis": "Original",
        "Refiner switch at": "1",
        "Token merging ratio": "0",
        "Token merging ratio hr": "0",
        "FP8 weight": "Disable",
        "Cache FP16 weight for LoRA": "False",
        "Skip Early CFG": "0",
    }
)  # what a field that is not written stands for

AGES: tuple[tuple[tuple[int, int, int], str], ...] = (
    ((1, 6, 0), "Old prompt editing timelines"),
    ((1, 7, 0), "Downcast alphas_cumprod"),
    ((1, 8, 0), "Refiner switch by sampling steps"),
)  # before a version of the web UI, the setting that now gives what it did
OLD_SCHEDULES = (" Polyexponential", " Exponential", " Karras")  # once ends of sampler names
NOVELAI_SAMPLERS = {
    "k_euler_ancestral": "Euler a", "k_euler": "Euler", "k_lms": "LMS", "k_dpm_2": "DPM2", "ddim": "DDIM",
    "k_dpm_2_ancestral": "DPM2 a", "k_dpmpp_2s_ancestral": "DPM++ 2S a", "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_sde": "DPM++ SDE", "plms": "PLMS",
}  # fmt: skip

_FIELD = re.compile(r'(?<![\w \-/])[ \-/]*+(\w[\w \-/]++):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d+)x(\d+)")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Infotext:
    """How a picture was made."""

    prompt: str = ""
    negative: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)  # in the order they are written

    def __str__(self) -> str:
        """The text as it is put into files; `parsed` gives this infotext back.

        Two lines with words, then one with the fields. A value that holds a comma, colon or line break is a JSON
        string. A field whose value is its name is written once.
        """
        lines = [self.prompt, f"{NEGATIVE} {self.negative}" if self.negative else "", _line(self.fields)]
        return "\n".join(lines[:1] + [line for line in lines[1:] if line]).strip("\n")


def parsed(text: str) -> Infotext:
    """The infotext in a text; one without fields is a prompt alone.

    Raises:
        UserError: for a text that is too long to be one.
    """
    if len(text) > LONGEST:
        raise UserError(f"{len(text)} characters are too many for an infotext", way_out=f"At most {LONGEST} are read")
    *lines, last = text.strip().replace("\r\n", "\n").split("\n")
    pairs = _FIELD.findall(last)
    if len(pairs) < FEWEST_FIELDS:
        lines, pairs = [*lines, last], []
    start = next((n for n, line in enumerate(lines) if line.strip().startswith(NEGATIVE)), len(lines))
    prompt = "\n".join(line.strip() for line in lines[:start])
    negative = "\n".join(line.strip() for line in lines[start:]).removeprefix(NEGATIVE)
    return Infotext(prompt.strip(), negative.strip(), {key: _unquoted(value) for key, value in pairs})


def parameters(infotext: Infotext) -> dict[str, str]:
    """Everything an infotext says or leaves unsaid, by name, as the web UI's pages and clients expect it.

    Beside the fields there are Prompt and Negative prompt; a size `AxB` comes as `NAME-1` and `NAME-2`; fields that
    are not written have DEFAULTS; what old versions wrote otherwise is put as it is written today.
    """
    fields = {"Prompt": infotext.prompt, "Negative prompt": infotext.negative}
    for key, value in infotext.fields.items():
        size = _SIZE.fullmatch(value)
        fields |= {f"{key}-1": size[1], f"{key}-2": size[2]} if size else {key: value}
    return {**DEFAULTS, **_aged(_with_old_hires(_with_tags(_with_schedule(fields))))}


def quoted(value: str) -> str:
    """A value as it is written into the line of fields."""
    needs_quotes = re.search(r"[,:\n]", value) or value.startswith('"') or value != value.strip()
    return json.dumps(value, ensure_ascii=False) if needs_quotes else value


def from_novelai(description: str, comment: str, size: tuple[int, int]) -> Infotext | None:
    """What a NovelAI picture says of itself, as an infotext; None if its comment is no such thing.

    Args:
        description: the prompt; `{word}` is 1.05 times the attention.
        comment: JSON with steps, sampler, scale, seed, uc.
        size: width, height of the picture.
    """
    try:
        facts = json.loads(comment)
        sampler = NOVELAI_SAMPLERS.get(facts["sampler"], "Euler a")
        fields = {"Steps": facts["steps"], "Sampler": sampler, "CFG scale": facts["scale"], "Seed": facts["seed"]}
        negative = str(facts.get("uc", ""))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    fields |= {"Size": f"{size[0]}x{size[1]}", "Clip skip": 2, "ENSD": 31337}
    return Infotext(_unbraced(description), _unbraced(negative), {key: str(value) for key, value in fields.items()})


def _unbraced(text: str) -> str:
    """NovelAI's attention as the web UI's; what is bracketed already stays text."""
    text = re.sub(r"([()])", r"\\\1", text)
    return text.replace("{", "(").replace("}", ":1.05)")


def _with_schedule(fields: Mapping[str, str]) -> dict[str, str]:
    """The schedule out of an old sampler name, as in "DPM++ 2M Karras"."""
    sampler = fields.get("Sampler", "")
    ending = next((ending for ending in OLD_SCHEDULES if sampler.endswith(ending)), "")
    if not ending or "Schedule type" in fields:
        return dict(fields)
    return {**fields, "Sampler": sampler.removesuffix(ending), "Schedule type": ending.strip()}


def _with_tags(fields: Mapping[str, str]) -> dict[str, str]:
    """The hypernetwork that was once a setting as a tag in the prompt, unless there is one already."""
    if not fields.get("Hypernet") or f"<hypernet:{fields['Hypernet']}" in fields["Prompt"]:
        return dict(fields)
    tag = f"<hypernet:{fields['Hypernet']}:{fields.get('Hypernet strength', '1')}>"
    return {**fields, "Prompt": fields["Prompt"] + tag}


def _with_old_hires(fields: Mapping[str, str]) -> dict[str, str]:
    """A hires pass that was once told by the size of the first."""
    first = _number(fields.get("First pass size-1")), _number(fields.get("First pass size-2"))
    whole = _number(fields.get("Size-1")), _number(fields.get("Size-2"))
    is_new = "Hires upscale" in fields or "Hires resize-1" in fields
    if is_new or None in first or not all(whole):
        return dict(fields)
    width, height = whole[0] or 0, whole[1] or 0
    if not all(first):
        share = math.sqrt(OLD_FIRST_PASS / (width * height))
        first = math.ceil(share * width / 64) * 64, math.ceil(share * height / 64) * 64
    sizes = {"Size-1": first[0], "Size-2": first[1], "Hires resize-1": width, "Hires resize-2": height}
    return {**fields, **{key: str(value) for key, value in sizes.items()}}


def _aged(fields: Mapping[str, str]) -> dict[str, str]:
    """The settings that make today's program do what the version that wrote the text did."""
    found = _VERSION.match(fields.get("Version", ""))
    if not found:
        return dict(fields)
    version = tuple(map(int, found.groups()))
    acts = {
        "Old prompt editing timelines": "[" in fields["Prompt"] + fields["Negative prompt"],
        "Refiner switch by sampling steps": "Refiner" in fields,
    }
    old = {name: "True" for before, name in AGES if version < before and acts.get(name, True)}
    if version < (1, 6, 0) and fields.get("Sampler") in ("DDIM", "PLMS"):
        old["Pad conds v0"] = "True"
    return {**old, **fields}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _line(fields: Mapping[str, str]) -> str:
    return ", ".join(key if key == value else f"{key}: {quoted(value)}" for key, value in fields.items())


def _unquoted(value: str) -> str:
    """The value that stands in a text; what is no JSON string is taken as it stands."""
    value = value.strip()
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value

"""Names of files by the web UI's patterns: `[date]/[seed]-[prompt_spaces]`. Nothing leads out of the folder."""

import hashlib
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo

import numpy as np

from animator.orders.order import Order
from core.errors import UnknownName, UserError
from core.image import Image
from diffusion.sampling.names import resolve

INVALID = re.compile(r'[#<>:"/\\|?*\x00-\x1f\x7f]')  # in names of files, on one system or another
LONGEST_PART = 128  # characters of what stands for one pattern
LONGEST_NAME = 200  # bytes of a file or folder name, without number and ending
MOST_WORDS = 8  # of [prompt_words]
HASH_DIGITS = 8
TIMESTAMP = "%Y%m%d%H%M%S"
NO_VAE = "NoneType"  # what the web UI writes

_PIECES = re.compile(r"(.*?)(?:\[([^\[\]]+)\]|$)", re.DOTALL)
_FOLDERS = re.compile(r"/(?![^\[\]]*\])")  # between brackets it belongs to a pattern
_ARGUMENTS = re.compile(r"<([^>]*)>")
_BETWEEN_WORDS = re.compile(rf"[\s{re.escape(string.punctuation)}]+")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The picture that is named."""

    order: Order  # of this one picture
    whole: Order  # it was asked for with
    place: int  # among the pictures of that, from 0
    facts: Mapping[str, str]  # of its infotext: "Model", "Model hash", "VAE"
    image: Image


@dataclass(frozen=True, slots=True)
class Naming:
    """A pattern, and when the run began."""

    pattern: str
    began: datetime

    def check(self) -> None:
        """Raises UserError for what is no pattern, or would lead out of the folder."""
        for part in _FOLDERS.split(self.pattern):
            if not part.strip(" ."):
                raise UserError(
                    f"{self.pattern!r} leads out of the folder or has a part without a name",
                    where="--names", way_out="Write it as in [date]/[seed]-[prompt_spaces]",
                )  # fmt: skip
        asked = (_named(inside) for _, inside in _PIECES.findall(self.pattern) if inside)
        for name, arguments in asked:
            if name not in PATTERNS:
                raise UnknownName("pattern", f"[{name}]", [f"[{known}]" for known in PATTERNS], where="--names")
            try:
                PATTERNS[name](_Reading(_NOTHING, self.began), arguments)
            except (ValueError, KeyError, OSError) as fault:
                reason = f"[{name}] cannot have <{'><'.join(arguments)}> ({fault})"
                raise UserError(reason, where="--names") from fault

    def place(self, subject: Subject) -> tuple[PurePath, str]:
        """The folder, and the end of the name without number and ending; that is empty where nothing stands for it."""
        reading = _Reading(subject, self.began)
        *folders, last = (_filled(part, reading) for part in _FOLDERS.split(self.pattern))
        return PurePath(*(folder or "_" for folder in folders)), last


@dataclass(frozen=True, slots=True)
class _Reading:
    """What patterns are filled from."""

    of: Subject
    began: datetime

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.of.image.shape[1], self.of.image.shape[0]


Filler = Callable[[_Reading, list[str]], str | None]  # None leaves out the text before it, too


def sanitized(text: str, *, spaces: bool = True) -> str:
    """A text as a part of a file's name.

    Args:
        text: anything.
        spaces: whether they may stay.
    """
    text = text if spaces else text.replace(" ", "_")
    return INVALID.sub("_", text).lstrip(" ")[:LONGEST_PART].rstrip(" .")


def _named(inside: str) -> tuple[str, list[str]]:
    """Name and arguments of what stands in brackets: `datetime<%H><Europe/Berlin>`."""
    return inside.partition("<")[0].strip().lower(), _ARGUMENTS.findall(inside)


def _filled(part: str, reading: _Reading) -> str:
    """One folder or file name with its patterns filled in."""
    made = ""
    for text, inside in _PIECES.findall(part):
        name, arguments = _named(inside)
        value = PATTERNS[name](reading, arguments) if inside else ""
        if value is not None:
            made += text + value
    cut = INVALID.sub("_", made).encode()[:LONGEST_NAME].decode(errors="ignore")
    return cut.strip(" ").rstrip(" .")


def _digits(text: str, arguments: list[str]) -> str:
    length = int(arguments[0]) if arguments else HASH_DIGITS
    return hashlib.sha256(text.encode()).hexdigest()[: max(1, length)]


def _words(reading: _Reading, _: list[str]) -> str:
    words = [word for word in _BETWEEN_WORDS.split(reading.of.order.prompt.lower()) if word]
    return sanitized(" ".join(words[:MOST_WORDS] or ["empty"]))


def _moment(reading: _Reading, arguments: list[str]) -> str:
    moment = reading.began.astimezone(ZoneInfo(arguments[1])) if len(arguments) > 1 and arguments[1] else reading.began
    return sanitized(moment.strftime(arguments[0] if arguments and arguments[0] else TIMESTAMP))


def _has_prompt(reading: _Reading, arguments: list[str]) -> str:
    """Of each `words|else` the words that are in the prompt, or what stands for their lack."""
    lower = reading.of.order.prompt.lower()
    choices = (argument.partition("|") for argument in arguments)
    return sanitized("".join(words.lower() if words.lower() in lower else other for words, _, other in choices))


def _image_hash(reading: _Reading, arguments: list[str]) -> str:
    length = int(arguments[0]) if arguments else None
    return hashlib.sha256(reading.of.image.tobytes()).hexdigest()[:length]


def _scheduler(reading: _Reading, _: list[str]) -> str:
    return sanitized(reading.of.facts.get("Schedule type", "Automatic"), spaces=False)


def _denoising(reading: _Reading, _: list[str]) -> str | None:
    order = reading.of.order
    value = order.hires.denoise if order.hires and not order.start else order.sampling.denoise
    return f"{value:g}" if order.hires or order.start else None


def _is_alone(reading: _Reading) -> bool:
    return reading.of.whole.pictures == 1


PATTERNS: Mapping[str, Filler] = {
    "seed": lambda r, _: str(r.of.order.seed),
    "seed_first": lambda r, _: str(r.of.whole.seeds()[0]),
    "seed_last": lambda r, _: None if r.of.whole.batch_size == 1 else str(r.of.whole.seeds()[-1]),
    "steps": lambda r, _: str(int(r.of.order.sampling.steps)),
    "cfg": lambda r, _: f"{r.of.order.sampling.cfg:g}",
    "sampler": lambda r, _: sanitized(resolve(r.of.order.sampler, r.of.order.schedule).sampler, spaces=False),
    "scheduler": _scheduler,
    "model_hash": lambda r, _: r.of.facts.get("Model hash", ""),
    "model_name": lambda r, _: sanitized(r.of.facts.get("Model", "")),
    "vae_filename": lambda r, _: sanitized(r.of.facts.get("VAE", NO_VAE).lstrip(".").partition(".")[0]),
    "width": lambda r, _: str(r.size[0]),
    "height": lambda r, _: str(r.size[1]),
    "styles": lambda r, _: sanitized(", ".join(r.of.order.worn) or "None"),
    "date": lambda r, _: r.began.strftime("%Y-%m-%d"),
    "datetime": _moment,
    "job_timestamp": lambda r, _: r.began.strftime(TIMESTAMP),
    "prompt": lambda r, _: sanitized(r.of.order.prompt, spaces=False),
    "prompt_no_styles": lambda r, _: sanitized(r.of.order.own_prompt),
    "prompt_spaces": lambda r, _: sanitized(r.of.order.prompt),
    "prompt_words": _words,
    "prompt_hash": lambda r, given: _digits(r.of.order.prompt, given),
    "negative_prompt_hash": lambda r, given: _digits(r.of.order.negative, given),
    "full_prompt_hash": lambda r, given: _digits(f"{r.of.order.prompt} {r.of.order.negative}", given),
    "denoising": _denoising,
    "clip_skip": lambda r, _: str(int(r.of.order.sampling.clip_skip)),
    "batch_number": lambda r, _: None if r.of.whole.batch_size == 1 else str(r.of.place % r.of.whole.batch_size + 1),
    "batch_size": lambda r, _: str(r.of.whole.batch_size),
    "generation_number": lambda r, _: None if _is_alone(r) else str(r.of.place + 1),
    "hasprompt": _has_prompt,
    "user": lambda r, _: "",
    "image_hash": _image_hash,
    "none": lambda r, _: "",
}
_NOTHING = Subject(Order(), Order(), 0, {}, np.zeros((1, 1, 3), np.uint8))  # to try patterns on

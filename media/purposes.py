"""What files are for, and what becomes of sizes that a format cannot hold. Imports no codec."""

from collections.abc import Mapping
from typing import Literal

from core.errors import UnknownName

Purpose = Literal["resolume", "touchdesigner", "web", "editor", "archive"]
Fit = Literal["refuse", "pad", "crop"]
PURPOSES: Mapping[str, tuple[str, str]] = {
    "resolume": ("dxv", "hap-alpha"),
    "touchdesigner": ("hap-q", "hap-alpha"),
    "web": ("mp4", "webm"),
    "editor": ("prores", "prores-4444"),
    "archive": ("mkv", "mkv"),
}  # what a purpose asks of opaque frames, and of frames with opacity


def for_purpose(purpose: str, *, has_alpha: bool) -> str:
    """The format that suits a purpose.

    Raises:
        UnknownName: for a purpose we know nothing of.
    """
    if purpose not in PURPOSES:
        raise UnknownName("purpose", purpose, PURPOSES)
    return PURPOSES[purpose][int(has_alpha)]

"""Subtitles: what a SubRip file beside the video says of every frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SubtitleRules:
    """What subtitles say of every frame, besides its number and seed."""

    shown: Mapping[str, float | str] = field(default_factory=dict)  # "name": a number or schedule, numbers or words
    prompt: bool = False  # the prompt as it stands in the project, last
    embed: bool = False  # in MP4 files, too, as a track that players can switch on

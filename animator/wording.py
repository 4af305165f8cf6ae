"""The words of every frame, with its styles around them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from animator.entries import asks_networks
from animator.second_pass import SecondPassNumbers
from diffusion.prompt.styles import Style, load_styles, styled
from diffusion.request import Hires, PromptMix
from schedules.expression import Values
from schedules.prompts import Prompts, Words, merged
from schedules.schedule import Steps
from schedules.track import Track

if TYPE_CHECKING:
    from animator.project import Project

NO_STYLES: Mapping[str, Style] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wording:
    """Words over time."""

    prompts: Prompts
    styles: tuple[tuple[str, ...], ...]  # names at every frame; empty where there are none at all
    table: Mapping[str, Style]

    @classmethod
    def of(
        cls,
        project: "Project",
        prompts: Mapping[str, str],
        names: Mapping[str, Values],
        table: Mapping[str, Style],
        *,
        closed: bool,
    ) -> "Wording":
        """The words of a table of prompts, merged with what a project puts around all its prompts.

        Args:
            project: whose frames, seed, travel and styles count.
            prompts: the table.
            names: further ones for formulas.
            table: the styles there are.
            closed: whether the frames are a loop.

        Raises:
            ProjectError: for prompts that do not parse.
            ScheduleError: for styles that are no schedule.
        """
        whole = merged(prompts, project.positive, project.negative)
        seed = max(project.seed, 0)
        parsed = Prompts.parse(whole, project.frames, seed, travel=project.travel, names=names, closed=closed)
        return cls(parsed, style_names(project), table)

    def at(self, frame: int) -> Words:
        """The words of a frame.

        Raises:
            UnknownName: for a style that is not there.
        """
        words = self.prompts.at(frame)
        return Words(self._styled(words.prompt, frame), self._avoiding(words.negative, frame))

    def avoided(self, frame: int) -> PromptMix:
        """What a frame is not to show; where prompts blend, so does this."""
        return tuple((self._avoiding(text, frame), share) for text, share in self.prompts.avoided(frame))

    def _styled(self, mix: PromptMix, frame: int) -> PromptMix:
        return tuple((styled(text, "", self._names(frame), dict(self.table))[0], share) for text, share in mix)

    def _avoiding(self, negative: str, frame: int) -> str:
        return styled("", negative, self._names(frame), dict(self.table))[1]

    def _names(self, frame: int) -> tuple[str, ...]:
        return self.styles[frame] if self.styles else ()


class SecondPasses:
    """The second pass of a project over time."""

    def __init__(
        self, project: "Project", names: Mapping[str, Values], table: Mapping[str, Style], *, closed: bool
    ) -> None:
        """Args: as for `Wording.of`. A generator that draws without a model has no second pass."""
        self.tracks: tuple[Track[SecondPassNumbers], ...] = ()  # its numbers; none where there is no second pass
        self._hires = project.hires if asks_networks(project.generator) else None
        self._size = project.size
        if self._hires is None:
            return
        numbers, seed = self._hires.numbers(), max(project.seed, 0)
        self.tracks = (Track(SecondPassNumbers, "hires", numbers, project.frames, seed, names),)
        own = self._hires.prompts
        self._words = Wording.of(project, own, names, table, closed=closed) if own else None

    def at(self, frame: int) -> Hires | None:
        """What is asked at a frame."""
        if self._hires is None:
            return None
        words = None if self._words is None else self._words.at(frame)
        return self._hires.at(self.tracks[0].at(frame), self._size, words)


def style_names(project: "Project") -> tuple[tuple[str, ...], ...]:
    """The styles of a project at every frame; empty where it has none.

    Raises:
        ScheduleError: for a text that is no schedule.
    """
    if not project.styles.strip():
        return ()
    texts = Steps.parse(project.styles, project.frames, max(project.seed, 0), field="styles").values()
    return tuple(tuple(name.strip() for name in text.split(",") if name.strip()) for text in texts)


def styles_of(project: "Project", folder: Path) -> Mapping[str, Style]:
    """The styles in the files that a project names.

    Raises:
        UserError: for a file that cannot be read or is no such table.
    """
    return load_styles(folder / Path(text).expanduser() for text in project.styles_files)

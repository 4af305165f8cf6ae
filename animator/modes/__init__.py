"""Ways to make frames, one file each."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from animator.params import FrameParams
from animator.steps import Carry, Step, Watch
from core.image import Image
from core.registry import Registry

REGISTRY = Registry("mode", "animator.modes")


class Mode(Protocol):
    """Plans which frames are made together, and makes them."""

    @property
    def identity(self) -> str:
        """Changes when the pictures for the same FrameParams change: rules, models, sources."""
        ...

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        """All frames in steps, in order. Pure and quick: no models, no files."""
        ...

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        """One picture for each of the step's frames, and what the next step needs.

        The first step gets an empty carry.
        """
        ...


@runtime_checkable
class Explains(Protocol):
    """A mode that has more to tell of its plan than the table of frames."""

    def explained(self) -> Iterator[str]:
        """Lines for people."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """A mode that works for long before its first frame."""

    def watched(self, watch: Watch) -> Mode:
        """The same mode, which tells how far it is."""
        ...

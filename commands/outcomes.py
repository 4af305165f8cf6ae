"""Outcomes: what becomes of many clips; those that fail are told with their reasons and stop nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from commands.terminal import say
from core.errors import DriftloopError, ProjectError

FAILURES = (DriftloopError, OSError, RuntimeError, MemoryError)  # what one clip may die of without harm to the next
NAMED = 3  # clips of one reason that are named


@dataclass(frozen=True)
class Outcome:
    """What became of one clip."""

    clip: Path
    state: Literal["done", "skipped", "failed"]
    reason: str = ""
    exit_code: int = 0

    @classmethod
    def of(cls, clip: Path, fault: Exception) -> "Outcome":
        """The outcome of a clip that something went wrong with."""
        return cls(clip, "failed", _reason(clip, fault), fault.exit_code if isinstance(fault, DriftloopError) else 1)


def reasons(told: Sequence[Outcome]) -> Iterator[str]:
    """Why clips failed, a line for each reason with the clips it is true of."""
    failed: dict[str, list[str]] = {}
    for outcome in told:
        if outcome.state == "failed":
            failed.setdefault(outcome.reason, []).append(str(outcome.clip))
    for reason, clips in failed.items():
        more = f" and {len(clips) - NAMED} more" if len(clips) > NAMED else ""
        yield f"{', '.join(clips[:NAMED])}{more}: {reason}"


def summed(told: Sequence[Outcome]) -> int:
    """Says what became of all clips; the worst exit code."""
    counts = {state: sum(outcome.state == state for outcome in told) for state in ("done", "skipped", "failed")}
    say(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    for line in reasons(told):
        say(f"  failed {line}")
    return max(outcome.exit_code for outcome in told)


def _reason(clip: Path, fault: Exception) -> str:
    """What went wrong with a clip, in one line that does not name the clip again."""
    text = str(fault)
    if isinstance(fault, ProjectError):
        text = f"{fault.source}: {'; '.join(map(str, fault.faults))}"
    return " ".join(text.removeprefix(f"{clip}: ").split()) or type(fault).__name__

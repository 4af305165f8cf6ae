"""The progress bar: how far, how fast, how long to go; plain lines where there is no terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 10.0  # between lines where there is no terminal


class _Rate(ProgressColumn):
    """Frames per second, or seconds per frame when that reads better."""

    def __init__(self, unit: str) -> None:
        """Args: unit: what is counted."""
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The rate of the last frames."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f} {self._unit}s/s" if speed >= 1 else f"{1 / speed:.1f} s/{self._unit}")


@contextmanager
def progress(name: str, total: int, reused: int, unit: str = "frame") -> Iterator[Callable[[], None]]:
    """A bar for `total` frames, of which the first `reused` lie on disk; call what it yields for every one."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_writer(name, total, reused, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(unit),
        TextColumn("time left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, expand=True) as bar:
        task = bar.add_task(name, total=total)
        seen = 0

        def advance() -> None:
            nonlocal seen
            seen += 1
            if seen == reused:  # frames from disk say nothing about the time the others take
                bar.reset(task, completed=seen, total=total)
            else:
                bar.advance(task)

        yield advance


def _line_writer(name: str, total: int, reused: int, unit: str) -> Callable[[], None]:
    """Says how far it is every few seconds, and at the end."""
    seen, said, start = 0, time.monotonic(), time.monotonic()

    def advance() -> None:
        nonlocal seen, said, start
        seen += 1
        now = time.monotonic()
        if seen == reused:
            start = now
        if now - said >= LINE_SECONDS or seen == total:
            made = seen - reused
            left = f", about {(now - start) / made * (total - seen):.0f} s left" if made > 0 and seen < total else ""
            print(f"{name}: {unit} {seen} of {total}{left}", file=sys.stderr)
            said = now

    return advance

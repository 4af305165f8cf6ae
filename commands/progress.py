"""The progress bar: how far, how fast, how long to go; plain lines where there is no terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from animator.steps import Sampled

LINE_SECONDS = 10.0  # between lines where there is no terminal

Show = Callable[[int, int], None]  # how many are done, and how many of these took no time
Row = Callable[[str, int, str], Show]  # what a row is called, how many there are of what


class _Rate(ProgressColumn):
    """Frames per second, or seconds per frame when that reads better."""

    def render(self, task: Task) -> Text:
        """The rate of the last frames."""
        speed, unit = task.finished_speed or task.speed, task.fields["unit"]
        if not speed:
            return Text("")
        return Text(f"{speed:.1f} {unit}s/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit}")


class Bar:
    """What is shown of one render; call it for every frame."""

    def __init__(self, row: Row, name: str, total: int, reused: int, unit: str) -> None:
        """Args: row: begins a row on the screen; the others as `progress` has them."""
        self._row, self._name, self._reused, self._seen, self._loaded = row, name, reused, 0, False
        self._frames = row(name, total, unit)
        self._steps: Show | None = None

    def __call__(self) -> None:
        """One more."""
        self._seen += 1
        if self._seen > self._reused and not self._loaded:  # the time of the first one made is that of loading models
            self._reused, self._loaded = self._seen, True
        self._frames(self._seen, self._reused)

    def sampled(self, now: "Sampled") -> None:
        """How far the sampling is of frames that are drawn together."""
        if self._steps is None:
            self._steps = self._row(f"{self._name}, sampling", now.steps, "step")
        self._steps(now.done, now.kept)
        self._reused, self._loaded = self._seen, True
        self._frames(self._seen, self._reused)  # frames begin to take time when the sampling is over


@contextmanager
def progress(name: str, total: int, reused: int, unit: str = "frame") -> Iterator[Bar]:
    """A bar for `total` frames, of which the first `reused` lie on disk; call what it yields for every one."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(_lines, name, total, reused, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("time left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, expand=True) as screen:
        yield Bar(lambda *row: _bars(screen, *row), name, total, reused, unit)


def _bars(screen: Progress, name: str, total: int, unit: str) -> Show:
    """A row with a bar."""
    task = screen.add_task(name, total=total, unit=unit)

    def show(done: int, reused: int) -> None:
        if done == reused:  # what lies on disk says nothing about the time the others take
            screen.reset(task, completed=done, total=total)
        else:
            screen.update(task, completed=done)

    return show


def _lines(name: str, total: int, unit: str) -> Show:
    """Says how far it is every few seconds, and at the end."""
    said, start = time.monotonic(), time.monotonic()

    def show(done: int, reused: int) -> None:
        nonlocal said, start
        now, made = time.monotonic(), done - reused
        if done == reused:
            start = now
        if done == 0:
            return
        if now - said >= LINE_SECONDS or done == total:
            left = f", about {(now - start) / made * (total - done):.0f} s left" if made > 0 and done < total else ""
            print(f"{name}: {unit} {done} of {total}{left}", file=sys.stderr)
            said = now

    return show

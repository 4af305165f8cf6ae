"""The command lines of trainers: what their options mean, and how mistakes are told."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from core.devices import device_named
from core.errors import DriftloopError


def _there(name: str) -> str:
    """The name of a device that is there."""
    device_named(name, where="--device")
    return name


Run = Annotated[Path, typer.Option(help="folder of the run: what is painted for it, checkpoint, log, results")]
Minutes = Annotated[float, typer.Option(min=0.01, help="whole budget, over all resumptions")]
Device = Annotated[str, typer.Option(callback=_there, help="cpu, or cuda, which computes in TensorFloat-32")]
Processes = Annotated[int, typer.Option(min=1, help="that work side by side")]
Batch = Annotated[int, typer.Option("--batch", min=1, help="examples of one step")]
Count = Annotated[int, typer.Option(min=1, help="how many are painted")]


def run(act: Callable[[], object]) -> None:
    """Runs a command and leaves with its exit code; what the user can mend is told in a line."""
    try:
        act()
    except DriftloopError as fault:
        print(f"error: {fault}", file=sys.stderr)
        sys.exit(fault.exit_code)

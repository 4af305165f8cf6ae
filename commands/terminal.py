"""How the command line speaks: messages, exit codes, the options all commands share."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from core.downloads import ALLOWED
from core.errors import DriftloopError, UserError
from core.tuning import COMPILE_VARIABLE, INDUCTOR, MEMORY_VARIABLE, PRECISION_VARIABLE, VAE_VARIABLE, tuning
from core.weights import MODELS_VARIABLE

DONE, OURS, THEIRS, INTERRUPTED = 0, 1, 2, 130  # exit codes: done, our fault, the user's mistake, Ctrl-C

OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder of the output; each project gets a folder in it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the project, as in camera.z=0.01."),
]


def _use_models(folders: list[Path] | None) -> list[Path] | None:
    """Makes the folders given the first that models are looked for in, in this process and its children."""
    if folders:
        known = os.environ.get(MODELS_VARIABLE)
        os.environ[MODELS_VARIABLE] = os.pathsep.join([*map(str, folders), *([known] if known else [])])
    return folders


ModelsFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--models-dir",
        metavar="DIR",
        exists=True,
        file_okay=False,
        callback=_use_models,
        help="Folder with your models, laid out as the web UI has it; may be given many times.",
    ),
]

StylesFiles = Annotated[
    list[Path] | None,
    typer.Option("--styles", metavar="CSV", help="Styles in place of the project's; may be given many times."),
]


def styles_change(files: list[Path] | None) -> list[str]:
    """The change of a project that takes its styles from files."""
    return [f"styles_files={json.dumps([str(path.resolve()) for path in files])}"] if files else []


def _remembered(variable: str) -> Callable[[str], str]:
    """Puts an option into the environment, where everything that runs models finds it."""

    def remember(value: str) -> str:
        if value:
            os.environ[variable] = value
            tuning()  # tells an unknown word before any work
        return value

    return remember


Memory = Annotated[
    str,
    typer.Option(
        metavar="low|balanced|high",
        callback=_remembered(MEMORY_VARIABLE),
        help="Of the device: high keeps all networks there, balanced one at a time, low parts of one.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="float32|float16|bfloat16",
        callback=_remembered(PRECISION_VARIABLE),
        help="What models compute in; else float16 on accelerators, float32 on processors.",
    ),
]
VaePrecision = Annotated[
    str,
    typer.Option(
        metavar="float32|bfloat16",
        callback=_remembered(VAE_VARIABLE),
        help="What the autoencoder computes in; bfloat16 is quicker on accelerators, and coarser.",
    ),
]


def _compile_models(given: bool) -> bool:
    if given:
        os.environ[COMPILE_VARIABLE] = INDUCTOR
    return given


Compile = Annotated[
    bool,
    typer.Option("--compile", callback=_compile_models, help="Compile the UNet: slow to start, then quicker."),
]


def _allow_downloads(allowed: bool) -> bool:
    """Lets addresses in settings be downloaded, in this process and its children."""
    if allowed:
        os.environ[ALLOWED] = "1"
    return allowed


AllowDownload = Annotated[
    bool,
    typer.Option(
        "--allow-download",
        callback=_allow_downloads,
        is_eager=True,
        help="Fetch files that Deforum settings name by addresses, up to 1 GB each, into `downloads` beside them.",
    ),
]


def say(text: str = "") -> None:
    """A line on standard output."""
    print(text)


def warn(text: str) -> None:
    """A line on standard error: the result is right, but know this."""
    print(f"warning: {text}", file=sys.stderr)


def option(text: str) -> tuple[str, Any]:
    """`crf=20` as a name and a value.

    Raises:
        UserError: for a text without a sign of equality.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"{text!r} is no option", where="--option", way_out="Write NAME=VALUE, as in crf=20")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def run_and_exit(act: Callable[[], object]) -> None:
    """Runs a command and leaves with its exit code; a traceback is shown for our own faults only."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    sys.exit(exit_code(act))


def exit_code(act: Callable[[], object]) -> int:
    """Runs a command; what went wrong is printed and becomes a number."""
    try:
        result = act()
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except TyperException as fault:
        print(f"error: {fault.format_message()}", file=sys.stderr)
        return THEIRS
    except DriftloopError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return fault.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left; there is nobody to tell
        return DONE
    except Exception:
        traceback.print_exc()
        print("error: this is a fault in Driftloop, not in your project; please report it", file=sys.stderr)
        return OURS
    if result == INTERRUPTED:  # what typer makes of Ctrl-C
        return _interrupted()
    return result if isinstance(result, int) else DONE


def _interrupted() -> int:
    print("\ninterrupted: finished frames are kept; give the same command again to go on", file=sys.stderr)
    return INTERRUPTED

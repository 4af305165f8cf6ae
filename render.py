"""The command line of Driftloop: `python render.py PROJECT` renders a project, `--help` lists the rest."""

import gc
import sys
from collections.abc import Callable

import typer

from commands import (
    clip,
    control,
    convert,
    doctor,
    export,
    image,
    interpolate,
    listing,
    loop,
    metrics,
    models,
    plan,
    preview,
    prompt,
    render,
    schema,
    stylize,
    upscale,
)
from commands.terminal import run_and_exit

app = typer.Typer(
    help="Renders keyframed Stable Diffusion animation, stylized video and seamless loops from one project file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS: dict[str, Callable[..., object]] = {
    "render": render.command,
    "plan": plan.command,
    "preview": preview.command,
    "image": image.command,
    "stylize": stylize.command,
    "clip": clip.command,
    "metrics": metrics.command,
    "loop": loop.command,
    "export": export.command,
    "interpolate": interpolate.command,
    "prompt": prompt.command,
    "list": listing.command,
    "control": control.command,
    "upscale": upscale.command,
    "convert": convert.command,
    "schema": schema.command,
    "doctor": doctor.command,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(models.app, name="models")


def main() -> None:
    """Runs the command in sys.argv; `render` when the first argument is a project file."""
    gc.set_threshold(200_000)  # our values are frozen and make no cycles; looking for them slowed plans by a tenth
    arguments = sys.argv[1:]
    if arguments and arguments[0] not in (*COMMANDS, "models") and not arguments[0].startswith("-"):
        arguments.insert(0, "render")
    run_and_exit(lambda: app(arguments, standalone_mode=False))


if __name__ == "__main__":
    main()

"""`clip`: a moving clip from prompts over time, in one line."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.terminal import ModelsFolders, Settings, say, warn
from core.errors import UserError

if TYPE_CHECKING:
    from animator.job import RenderJob

Option = typer.Option
KEYED = re.compile(r"\s*(-?\d+)\s*:\s*(.*)", re.DOTALL)
FRAMES = Path("renders")  # frames are kept here, so that the same command goes on where it stopped


def command(
    prompts: Annotated[str, typer.Argument(help='"0: a forest at sunrise | 24: a forest at night", or one prompt.')],
    out: Annotated[Path, Option("--out", "-o", help="A video, a moving picture, or a folder of pictures.")] = Path(
        "clip.mp4"
    ),
    frames: Annotated[int, Option(help="How many.")] = 48,
    loop: Annotated[bool, Option("--loop", help="The last frame leads to the first.")] = False,
    size: Annotated[str, Option(metavar="WxH", help="In pixels.")] = "256x256",
    fps: Annotated[str, Option(help="Frames per second.")] = "8",
    seed: Annotated[int, Option(help="-1 draws one.")] = 1,
    steps: Annotated[int, Option(help="Of the sampler.")] = 12,
    cfg: Annotated[str, Option(help="Guidance scale, or a schedule.")] = "4",
    sampler: Annotated[str, Option(help="As people write it.")] = "DPM++ 2M Karras",
    negative: Annotated[str, Option("--negative", "-n", help="What not to show.")] = "",
    model: Annotated[str, Option(help="A name, a path, a hub id.")] = "mini",
    module: Annotated[str, Option(help="Motion module; else the model's own.")] = "",
    hold: Annotated[bool, Option("--hold", help="Change prompts at once, in place of a blend.")] = False,
    stills: Annotated[bool, Option("--stills", help="Morph stills, without a motion module.")] = False,
    first: Annotated[Path | None, Option(help="The picture it begins with.")] = None,
    last: Annotated[Path | None, Option(help="The picture it ends with.")] = None,
    video: Annotated[Path | None, Option(help="A video it is drawn over.")] = None,
    denoise: Annotated[
        str,
        Option(help="How freely it is drawn over them, 0..1 or a schedule; else 0.3 at the ends, 0.4 over a video."),
    ] = "",
    fresh: Annotated[bool, Option("--fresh", help="Start over.")] = False,
    settings: Settings = None,
    models_dir: ModelsFolders = None,
) -> None:
    """Make a moving clip from prompts that travel; seamless with --loop."""
    given = dict(locals())
    data = _project(given)
    job = _job(data, out, settings or [])
    _render(job, out, fresh=fresh)


def travelling(text: str) -> tuple[str, dict[str, str], str]:
    """Words before every prompt, the prompt table, and words behind every prompt.

    Lines before the first one that begins with a frame are words before every prompt, lines after those with frames
    words behind it, as in the web UI; other than in lines there are none.

    Raises:
        UserError: for what is no table.
    """
    lines = [line.strip(" ,") for line in text.splitlines() if line.strip(" ,")]
    with_frames = [number for number, line in enumerate(lines) if KEYED.fullmatch(line)]
    if not with_frames:
        return "", keyed(text), ""
    first, end = with_frames[0], with_frames[-1] + 1
    return (
        "".join(f"{line}, " for line in lines[:first]).strip(),
        keyed(" | ".join(lines[first:end])),
        ", ".join(lines[end:]),
    )


def keyed(text: str) -> dict[str, str]:
    """`0: one | 24: other` as a prompt table; one prompt alone is that of frame 0.

    Raises:
        UserError: for no prompt at all, or keys that are not ascending.
    """
    parts = [part for part in text.split("|") if part.strip()]
    if not parts:
        raise UserError("there is no prompt", way_out='Write at least "a forest at sunrise"')
    if len(parts) == 1 and KEYED.fullmatch(parts[0]) is None:
        return {"0": parts[0].strip()}
    table: dict[str, str] = {}
    for part in parts:
        found = KEYED.fullmatch(part)
        if found is None:
            raise UserError(f"no frame before {part.strip()!r}", way_out='Write "0: one prompt | 24: another"')
        frame = str(int(found[1]))
        if table and int(frame) <= int(list(table)[-1]):
            raise UserError(f"frame {frame} after frame {list(table)[-1]}", way_out="Give frames in ascending order")
        table[frame] = found[2].strip()
    return table


def _project(given: dict[str, Any]) -> dict[str, Any]:
    """The project that the options describe, as data."""
    if given["frames"] < 1:
        raise UserError(f"{given['frames']} frames", where="--frames", way_out="Give 1 or more")
    if given["denoise"] and not any(given[name] for name in ("first", "last", "video")):
        raise UserError("there is no picture to keep", where="--denoise", way_out="Give --first, --last or --video")
    pictures = {name: given[name] for name in ("first", "last", "video") if given[name] is not None}
    named = {name: str(path.resolve()) for name, path in pictures.items()}
    clip: dict[str, Any] = {name: text if name == "video" else {"image": text} for name, text in named.items()}
    clip |= {"module": given["module"]} if given["module"] else {}
    head, prompts, tail = travelling(given["prompts"])
    clip |= {"tail": tail} if tail else {}
    sampling: dict[str, Any] = {"steps": given["steps"], "cfg": _number(given["cfg"])}
    usual = "0.4" if given["video"] else "0.3"
    sampling |= {"denoise": _number(given["denoise"] or usual)} if pictures else {}
    return {
        "size": given["size"],
        "fps": given["fps"],
        "frames": given["frames"],
        "seed": given["seed"],
        "mode": "morph" if given["stills"] else "clip",
        "model": given["model"],
        "prompts": prompts,
        "positive": head,
        "negative": given["negative"],
        "travel": "hold" if given["hold"] else "blend",
        "sampler": given["sampler"],
        "sampling": sampling,
        "clip": clip,
    } | ({"loop": {"method": "closed"}} if given["loop"] else {})


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _job(data: dict[str, Any], out: Path, changes: list[str]) -> "RenderJob":
    from animator.checks import default_name
    from animator.job import RenderJob, with_seed
    from animator.project import parse
    from core.devices import ModelPool
    from media.formats import format_for

    whole = data | {"name": default_name(out.stem), "export": [{"format": format_for(out)}]}
    loaded = parse(whole, "clip", folder=Path.cwd(), changes=changes)
    for text in loaded.warnings:
        warn(text)
    folder = FRAMES / loaded.project.name
    return RenderJob(with_seed(loaded.project, folder), Path.cwd(), folder, ModelPool())


def _render(job: "RenderJob", out: Path, *, fresh: bool) -> None:
    import shutil

    from animator.job import clear
    from commands.render import render_all

    if fresh:
        clear(job.out)
    render_all([job], fresh=False)
    made = next(output.path for output in job.outputs() if output.kind == job.project.export[0].named)
    if made.resolve() != out.resolve():
        out.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir():
            shutil.copytree(made, out, dirs_exist_ok=True)
        else:
            shutil.copy2(made, out)
    say(f"  {'clip':14} {out}")

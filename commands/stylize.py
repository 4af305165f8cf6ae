"""`stylize`: videos and folders of frames drawn over, one after the other."""

import json
import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from commands.outcomes import FAILURES, Outcome, reasons, summed
from commands.terminal import ModelsFolders, Settings, say, warn
from core.errors import MediaError, ProjectError, UserError

if TYPE_CHECKING:
    from animator.job import RenderJob
    from animator.passages import Table
    from animator.project import Loaded
    from core.devices import ModelPool

Clips = Annotated[list[Path], typer.Argument(help="Videos, folders of pictures or of videos, patterns like 'a/*.png'.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write, as out.mp4; of several clips, a folder.")]
Prompt = Annotated[str, typer.Option(help="What to draw.")]
Negative = Annotated[str, typer.Option(help="What not to draw.")]
Words = Annotated[Path | None, typer.Option("--prompts", help="CSV or JSON: prompts by clip and frames.")]
Unit = Annotated[
    list[str] | None,
    typer.Option("--control", metavar="NAME[=WEIGHT]", help="Keep canny, depth, ...; temporal keeps to the past."),
]
Strength = Annotated[float, typer.Option(help="0 keeps the clip, 1 ignores it.")]
Coherence = Annotated[
    Literal["none", "carry", "full"],
    typer.Option(help="none: each frame for itself; carry: moved along; full: with anchors and smoothing."),
]
Grain = Annotated[
    Literal["fixed", "frame", "flow"], typer.Option("--noise", help="The same, new every frame, or moved along.")
]
Fit = Annotated[Literal["stretch", "crop", "fill"], typer.Option(help="How the clip comes to --size.")]
SizeText = Annotated[str, typer.Option("--size", metavar="WxH", help="Of the result; the clip's own if left out.")]
Share = Annotated[float, typer.Option("--scale", help="So many times the clip's size, as in 0.5; even sides.")]
Rate = Annotated[str, typer.Option("--fps", help="Frames per second; a video's own, 24 for a folder of pictures.")]
Seed = Annotated[int, typer.Option(help="-1 draws one.")]
Recipe = Annotated[str, typer.Option("--preset", help="Recipe of a few-step model: lcm, turbo, few-steps ...")]
Steps = Annotated[int | None, typer.Option(help="Of the sampler; else the preset's, 4 with the embedded model, 20.")]
Scale = Annotated[
    float | None, typer.Option("--cfg", help="Guidance; else the preset's, 1 with the embedded model, 7.")
]
Model = Annotated[str, typer.Option(help="A name, a path, a hub id.")]
Compare = Annotated[bool, typer.Option("--compare", help="Write a video of clip and result side by side, too.")]
Template = Annotated[
    str, typer.Option("--name", help="Of results in a folder: {name} {folder} {number} {prompt} {seed}.")
]
Ending = Annotated[str, typer.Option("--format", help="Ending of results in a folder: .mp4, .mov, .webm ...")]
Skip = Annotated[bool, typer.Option("--skip-finished", help="Leave out clips whose result is there.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over: forget finished frames.")]
Work = Annotated[Path, typer.Option("--work", help="Folder of finished frames, reports and contact sheets.")]

PICTURES_FPS = Fraction(24)  # of a folder of pictures
USUAL_NAME, USUAL_ENDING = "{name}", ".mp4"
COHERENCE = ("warp error", "flicker", "edges kept", "edge strength", "drift from the clip")  # figures that are said
OPTIONS = {
    "source.clip": "",
    "source.coherence": "--coherence",
    "sampling.denoise": "--strength",
    "sampling.steps": "--steps",
    "sampling.cfg": "--cfg",
    "size": "--size",
    "fps": "--fps",
    "seed": "--seed",
    "model": "--model",
    "preset": "--preset",
    "negative": "--negative",
}  # fields of a project by what this command calls them; the clip is named by every message anyway


def command(
    clips: Clips, out: Out, prompt: Prompt = "", negative: Negative = "", prompts: Words = None, control: Unit = None,
    strength: Strength = 0.5, coherence: Coherence = "full", noise: Grain = "fixed", fit: Fit = "crop",
    size: SizeText = "", scale: Share = 1.0, fps: Rate = "", seed: Seed = 0, preset: Recipe = "", steps: Steps = None,
    cfg: Scale = None, model: Model = "mini", compare: Compare = False, name: Template = USUAL_NAME,
    ending: Ending = USUAL_ENDING, skip_finished: Skip = False, fresh: Fresh = False, work: Work = Path("renders"),
    settings: Settings = None, models_dir: ModelsFolders = None,
) -> int:  # fmt: skip
    """Draw over videos: same motion, size, rate and sound, other looks. The same command again goes on."""
    from animator.clips import clips_in
    from animator.passages import strangers, table_of
    from core.devices import ModelPool

    if size and scale != 1:
        raise UserError("a size and a scale at once", way_out="Give --size or --scale, not both")
    data: dict[str, Any] = {
        "mode": "stylize",
        "source": {
            "fit": fit,
            "coherence": coherence,
            "grain": "flow" if noise == "flow" else "seed",
            "compare": compare,
        },
        "seed": seed,
        "seeds": {"behavior": "iter" if noise == "frame" else "fixed"},
        "model": model,
        "negative": negative,
        "sampling": {"denoise": strength} | {name: n for name, n in (("steps", steps), ("cfg", cfg)) if n is not None},
        "controls": [_unit(text) for text in control or ()],
        **({"size": size} if size else {}),
        **({"fps": fps} if fps else {}),
        **({"preset": preset} if preset else {}),
    }
    found = clips_in(clips)
    table = {} if prompts is None else table_of(prompts)
    if unknown := strangers(table, found):
        way_out = f"Clips: {', '.join(clip.name for clip in found[:20])}"
        what = f"names {', '.join(map(repr, unknown[:20]))}, not among the clips"
        raise UserError(what, where=str(prompts), way_out=way_out)
    asked = Asked(data, prompt, table, str(prompts), tuple(settings or ()), work, fresh, scale)
    results = _results(found, out, name, ending, prompt, seed)
    waiting = deque(pair for pair in results if not (skip_finished and pair[1].exists()))
    told = [Outcome(clip, "skipped") for clip, target in results if (clip, target) not in waiting]
    if len(results) > 1:
        return summed(told + _all_drawn(asked, waiting))
    for clip, target in waiting:
        _drawn(_job(asked, clip, target, ModelPool()), target)
    for outcome in told:
        say(f"{results[0][1]} is there; {outcome.clip} is skipped")
    return 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of every clip."""

    data: dict[str, Any]  # of the project
    prompt: str
    table: "Table"
    words: str  # the file it comes from
    settings: tuple[str, ...]
    work: Path
    fresh: bool
    scale: float


def _all_drawn(asked: Asked, waiting: "deque[tuple[Path, Path]]") -> list[Outcome]:
    """Draws over many clips. What can be known of all of them is looked at, and told, before the first is drawn."""
    from core.devices import ModelPool

    pool, told, total = ModelPool(), list[Outcome](), len(waiting)
    jobs: deque[tuple[Path, Path, RenderJob]] = deque()
    for clip, target in waiting:
        try:
            jobs.append((clip, target, _job(asked, clip, target, pool, taken=[job.out for _, _, job in jobs])))
        except FAILURES as fault:
            told.append(Outcome.of(clip, fault))
    for line in reasons(told):
        warn(line)
    while jobs:
        clip, target, job = jobs.popleft()  # what it holds in memory goes with it
        try:
            _drawn(job, target, f"[{total - len(jobs)} of {total}] ")
            told.append(Outcome(clip, "done"))
        except FAILURES as fault:
            told.append(Outcome.of(clip, fault))
            warn(f"{clip}: {told[-1].reason}")
    return told


def _drawn(job: "RenderJob", target: Path, place: str = "") -> None:
    """One clip to its result. Of one among many only the main things are said, after its place."""
    from animator.finish import deliveries
    from commands.render import render_one, rendered

    if place:
        say(place + rendered(job))
    else:
        render_one(job)
    _delivered(deliveries(job.project, job.out)[0].path, target)
    report = job.out / f"{job.project.name}.report.json"
    if len(job.timeline) > 1:
        say(f"  {'coherence':14} {_figures(report)}")
    say(f"  {'result':14} {target}")


def _figures(report: Path) -> str:
    """The figures of a report that tell how a result keeps together and to its clip."""
    figures = json.loads(report.read_text(encoding="utf-8"))["figures"]
    known = ((name, figures[name]) for name in COHERENCE if figures[name]["value"] is not None)
    return ", ".join(f"{name} {one['value']:.2g} {one['unit']}".rstrip() for name, one in known)


def _job(asked: Asked, clip: Path, target: Path, pool: "ModelPool", taken: Sequence[Path] = ()) -> "RenderJob":
    """What is to be done for a clip. Args: taken: folders of those before it."""
    from animator.checks import default_name
    from animator.clips import work_folder
    from animator.finish import deliveries
    from animator.job import RenderJob, clear, with_seed
    from animator.passages import keyframes, passages_of
    from animator.project import quickened
    from media.formats import format_for

    if not clip.exists() and not any(clip.parent.glob(clip.name)):
        raise MediaError("there is no such file", where=str(clip), way_out="Give a video, a folder or a pattern")
    if not target.parent.is_dir():
        raise UserError("there is no such folder", where=str(target.parent), way_out="Make it first")
    if target.resolve() == clip.resolve():
        raise UserError("would be written over while it is read", where=str(target), way_out="Give another name")
    source = {**asked.data["source"], "clip": str(clip.resolve())}
    usual = _usual(clip, asked)
    data = {**usual, **asked.data, "source": source, "name": default_name(target.stem)}
    data["export"] = [{"format": format_for(target)}]
    data["prompts"] = {"0": asked.prompt}
    passages = passages_of(asked.table, clip)
    if passages or not asked.prompt.strip():
        where = f"{asked.words}, {clip.name}" if passages else str(clip)
        data["prompts"] = keyframes(passages, asked.prompt, _parsed(asked, data, clip).project.frames, where)
    loaded = _parsed(asked, data, clip)
    for text in loaded.warnings:
        warn(f"{clip}: {text}")
    delivery = deliveries(loaded.project, target.parent)[0]
    try:
        delivery.exporter.check(delivery.size(loaded.project.size), loaded.project.fps)
    except MediaError as fault:
        way_out = "Choose another ending, or give --set export.0.fit=pad (or crop), --scale or --size"
        raise MediaError(fault.what, where=str(target), way_out=way_out) from fault
    folder = work_folder(asked.work, loaded.project.name, clip, taken)
    if asked.fresh:
        clear(folder)
    project = with_seed(quickened(loaded.project), folder)
    return RenderJob(project, clip.resolve().parent, folder, pool)


def _parsed(asked: Asked, data: dict[str, Any], clip: Path) -> "Loaded":
    """A clip's project, whose faults are told by the options they come from."""
    from animator.project import parse

    try:
        return parse(data, str(clip), changes=asked.settings)
    except ProjectError as error:
        faults = [replace(fault, field=_option(fault.field, data["controls"])) for fault in error.faults]
        raise ProjectError(error.source, faults) from error


def _option(field: str, units: Sequence[dict[str, Any]]) -> str:
    """What the command line calls a field of the project; the field itself where it has no word for it."""
    unit = re.match(r"controls\.(\d+)\b", field)
    if unit and int(unit[1]) < len(units):
        return f"--control {units[int(unit[1])]['control']}{field[unit.end() :].removesuffix('.control')}"
    return OPTIONS.get(field, field)


def _usual(clip: Path, asked: Asked) -> dict[str, Any]:
    """Rate and size where a clip does not say them itself. What cannot be read is told when the project is parsed."""
    from media.video import open_video

    try:
        with open_video(clip, PICTURES_FPS) as video:
            info = video.info
    except MediaError:
        return {}
    if info.has_alpha:
        warn(f"{clip}: opacity is left out; transparent parts become black")
    rate = {} if clip.is_file() else {"fps": int(PICTURES_FPS)}
    size = {} if asked.scale == 1 else {"size": [2 * round(side * asked.scale / 2) for side in info.size]}
    return {**rate, **size}


def _results(
    clips: Sequence[Path], out: Path, template: str, ending: str, prompt: str, seed: int
) -> list[tuple[Path, Path]]:
    """Each clip with the file it becomes.

    Raises:
        UserError: if two would become one file, or a single file is asked for of several clips.
    """
    from animator.clips import name_of
    from media.formats import format_for

    ending = "." + ending.lstrip(".")
    if len(clips) == 1 and not out.is_dir() and out.suffix:
        if (template, ending) != (USUAL_NAME, USUAL_ENDING):
            what = "--name and --format are for results in a folder"
            raise UserError(what, where=str(out), way_out="Leave them out, or give a folder as --out")
        return [(clips[0], out)]
    format_for(Path(f"result{ending}"))
    if out.suffix and not out.is_dir():
        raise UserError(f"one file for {len(clips)} clips", where=str(out), way_out="Give a folder")
    out.mkdir(parents=True, exist_ok=True)
    named = [(clip, out / (name_of(template, clip, n, prompt, seed) + ending)) for n, clip in enumerate(clips, 1)]
    targets = [target for _, target in named]
    for clip, target in named:
        if targets.count(target) > 1:
            what = f"several clips would become {target}"
            raise UserError(what, where=str(clip), way_out="Put {number} or {folder} into --name")
    return named


def _unit(text: str) -> dict[str, Any]:
    """A control unit as in `canny`, `canny=0.8`, or, as `image` has it, `canny:0.8`; `temporal` sees the past moved."""
    from animator.controls import CARRIED, TEMPORAL

    name, equals, weight = text.partition("=" if "=" in text else ":")
    unit = {"control": name.strip(), **({"source": CARRIED} if name.strip() == TEMPORAL else {})}
    if not equals:
        return unit
    try:
        return unit | {"weight": float(weight)}
    except ValueError as fault:
        raise UserError(f"{weight!r} is no weight", where="--control", way_out="Write canny=0.8") from fault


def _delivered(made: Path, target: Path) -> None:
    """Puts a result where it was asked for, whole or not at all; the same file, not a copy, where that can be."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".stylize-") as folder:
        waiting = Path(folder) / target.name
        if made.is_dir():
            shutil.copytree(made, waiting)
            if target.is_dir():
                shutil.rmtree(target)
        else:
            try:
                os.link(made, waiting)
            except OSError:
                shutil.copyfile(made, waiting)
        waiting.replace(target)

"""Project: what the user wrote, validated and frozen; how it is read, written, and made smaller for a preview."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from animator.changes import changed
from animator.checks import FORMAT, default_name, faults_of
from animator.clip_rules import ClipRules, clip_warnings
from animator.closing import LoopRules, beat_faults, even_rate, frames_of
from animator.coherence import CoherenceRules
from animator.control_checks import control_warnings
from animator.controls import ControlUnit, with_strengths
from animator.faces import FaceRules
from animator.fields import SIDE_STEP, SMALLEST_SIDE, FrameRate, FrameSize
from animator.guided import GuideRules
from animator.hearing import Audio
from animator.hybrid import HybridRules
from animator.importers import Imported, deforum
from animator.inputs import VideoRules
from animator.jsontext import LARGEST_FILE, parsed
from animator.larger import UpscaleRules
from animator.masks import MaskRules
from animator.mix import FeedbackRules
from animator.pace import InterpolateRules
from animator.presets import with_preset
from animator.second_pass import SecondPass
from animator.serialize import EMBEDDED_KEY, laid_out, to_json
from animator.shape import UnknownKey, is_text, is_told, shaped, unknown_keys
from animator.source import Source, with_coherence
from animator.source_checks import source_warnings, with_clip
from animator.subtitles import SubtitleRules
from animator.wording_checks import wording_warnings
from core.errors import Fault, ProjectError, UserError
from core.image import Size
from core.seeds import SEED_RANGE
from diffusion.models.files import quick_lora, quick_vae
from diffusion.request import DrawingRules, Refiner
from diffusion.sampling.presets import FEW_STEPS, PRESETS
from media.purposes import Fit, Purpose, for_purpose
from motion.camera import Border, Geometry, Resampling

SQUARE = Size(512, 512)
Number = float | str  # a keyframable number: a constant, or the text of a schedule

SeedBehavior = Literal["iter", "fixed", "random", "ladder", "alternate", "schedule"]
Travel = Literal["hold", "blend"]


@dataclass(frozen=True, slots=True)
class SeedRules:
    """How the seed goes from one generated frame to the next."""

    behavior: SeedBehavior = "iter"  # iter: +1; ladder: +2, -1; alternate: +1, -1; schedule: `schedule` says
    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1  # iter only: generated pictures before the next +1
    short_first: bool = False  # iter only: the first seed holds for one picture, as in Deforum
    schedule: str = ""  # schedule only: keyframed seeds, truncated; -1 draws one for that frame


@dataclass(frozen=True, slots=True)
class WarpRules:
    """How pictures are moved."""

    border: Border = "border"  # what comes in from outside: edge pixels, mirror image, black, the other side
    sampling: Resampling = "bicubic"  # bicubic is sharpest, nearest keeps pixel art
    geometry: Geometry = "true"  # a pinhole camera, or Deforum's formulas for its settings files
    flip: bool = False  # whether the perspective flip (camera.flip_*) acts


@dataclass(frozen=True, slots=True)
class DepthRules:
    """Where depth comes from in depth mode."""

    model: str = "mini"  # who looks: flat (all at distance 1), mini, file (rendered elsewhere), transformers
    options: Mapping[str, Any] = field(default_factory=dict)  # of that depth model
    equalize: bool = False  # spread depths evenly over 1..2 in every frame, as Deforum does
    spread: Literal["nearness", "distance"] = "nearness"  # equalize only: of what the even spread is
    warp: bool = True  # false: pictures move as if all were at distance 1; depth is for masks and files alone
    save: bool = False  # write depth/000000.png, 16 bit, with a fixed scale


@dataclass(frozen=True, slots=True)
class Init:
    """The picture the first frame starts from."""

    image: str  # path of a picture, relative to the project file; "video": the first frame of `video`
    denoise: Annotated[float, Field(ge=0, le=1)] = 0.2  # 0 keeps the picture, 1 ignores it


@dataclass(frozen=True, slots=True)
class Export:
    """One file to make of the frames."""

    format: str = ""  # kind of file, with its variant behind a dash: hap-alpha, prores-4444, mp4-h265; empty: mp4
    purpose: Purpose | None = None  # who plays it, in place of format
    options: Mapping[str, Any] = field(default_factory=dict)  # of that kind of file
    fit: Fit = "refuse"  # a size that the format cannot hold: refuse it, pad it with black, crop it
    interpolate: bool = True  # false: the frames alone, without what section interpolate makes between them
    upscale: bool = True  # false: as large as frames are rendered, whatever section upscale says

    @property
    def named(self) -> str:
        """The name of its format."""
        return for_purpose(self.purpose, has_alpha=False) if self.purpose else self.format or "mp4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One animation. Every field has the name and place it has in the file."""

    format: int = FORMAT  # version of the file format
    name: str = "untitled"  # of the output folder and files: letters, digits, space and - _ . ( )
    size: FrameSize = SQUARE  # [width, height] in pixels, each from 16 to 8192; multiples of 8, but in mode stylize
    fps: FrameRate = Fraction(15)  # frames per second, above 0, at most 240; 24, 29.97 or "30000/1001"
    frames: Annotated[int, Field(ge=1, le=1_000_000)] = 120  # how many there are
    seed: Annotated[int, Field(ge=-1, lt=SEED_RANGE)] = 0  # -1: drawn at the first render and kept in the output folder
    seeds: SeedRules = SeedRules()
    mode: str = "flat"  # how frames are made: flat moves in the plane, depth through the scene; render.py list modes
    generator: str = "stills"  # who makes pictures: stills asks a model, passthrough shows the motion alone
    model: str = "mini"  # what the generator loads: a name, a path, a hub id
    vae: str = (
        "automatic"  # autoencoder: automatic (one named like the model), none (its own), taesd (tiny), a name, a path
    )
    checkpoint: str = ""  # a model drawing in place of `model`, or the text of a schedule: 0:("mini"), 60:("other")
    prompts: Mapping[str, str] = field(default_factory=dict)  # "frame": "what to show --neg what not to show"
    positive: str = ""  # put before every prompt
    negative: str = ""  # put after every negative prompt
    styles: str = ""  # put around all prompts: names with commas, or the text of a schedule: 0:("ink"), 30:("ink, fog")
    styles_files: tuple[str, ...] = ()  # CSV tables of styles, relative to the project file; a later one counts more
    travel: Travel = "hold"  # between prompt keyframes: keep the last one, or blend into the next
    init: Init | None = None
    camera: Mapping[str, Number] = field(default_factory=dict)  # fields of CameraMove and Lens
    warp: WarpRules = WarpRules()
    depth: DepthRules = DepthRules()
    preset: str = ""  # recipe of a few-step model: its sampler, noise schedule, steps and cfg, where none are given
    sampler: str = "Euler a"  # a name, or the text of a schedule: 0:("Euler a"), 30:("DDIM")
    noise_schedule: str = "Automatic"  # a name, or the text of a schedule; Automatic: what the sampler says
    sampling: Mapping[str, Number] = field(default_factory=dict)  # fields of Sampling
    drawing: DrawingRules = field(default_factory=DrawingRules)
    refiner: Refiner | None = None
    hires: SecondPass | None = None
    cadence: Annotated[int, Field(ge=1, le=1000)] = 1  # frames from one generated picture to the next; others are moved
    color: CoherenceRules = field(default_factory=CoherenceRules)
    coherence: Mapping[str, Number] = field(default_factory=dict)  # fields of Coherence
    clip: ClipRules = field(default_factory=ClipRules)
    controls: tuple[ControlUnit, ...] = ()  # control networks that steer every generated picture
    feedback: FeedbackRules = field(default_factory=FeedbackRules)
    video: VideoRules | None = None
    hybrid: HybridRules | None = None
    mask: MaskRules | None = None
    guide: GuideRules | None = None
    faces: FaceRules | None = None
    mix: Mapping[str, Number] = field(default_factory=dict)  # fields of Mix
    audio: Audio | None = None
    loop: LoopRules | None = None
    interpolate: InterpolateRules | None = None
    upscale: UpscaleRules | None = None
    subtitles: SubtitleRules | None = None
    source: Source | None = None  # mode stylize: the clip; size, fps and frames that are not given are its own
    stylize: Mapping[str, Number] = field(default_factory=dict)  # fields of Stylize
    export: tuple[Export, ...] = (Export(),)  # files to make of the frames; [] makes frames only


@dataclass(frozen=True, slots=True)
class Loaded:
    """A project and what its user should know about it."""

    project: Project
    warnings: tuple[str, ...] = ()  # unknown settings; for settings of other tools, everything that differs


WARNINGS = (control_warnings, source_warnings, wording_warnings, clip_warnings)  # what does nothing, though not wrong
PREVIEW_SIDE, PREVIEW_STEPS = 256, 8  # pixels of the longer side; steps of a generator that draws
HOW = ("generator", "preset", "sampler", "noise_schedule", "negative")  # fields that say how it is sampled
NUMBERS = {"steps", "cfg"}  # of `sampling`, likewise
MOTION_ALONE = "passthrough"  # the generator of a preview without a model
MOST_WARNINGS = 20  # unknown keys told one by one
RENDERED = (".mp4", ".mov", ".mkv", ".webm", ".png")  # what holds the project it was made from


def load(path: Path, changes: Sequence[str] = ()) -> Loaded:
    """The project in a file: native JSON, flat Deforum settings, or a video or picture rendered by us.

    Args:
        path: where it lies; relative paths in it start at its folder.
        changes: `field=value` texts on top of it, as in "camera.z=0:(0.01)".

    Raises:
        ProjectError: with all faults at once.
        MediaError: for a video or picture that cannot be read.
    """
    data = _embedded(path) if path.suffix.lower() in RENDERED else parsed(_content(path), str(path))
    return parse(data, str(path), folder=path.parent, name=path.stem, changes=changes)


def parse(
    data: object, source: str, *, folder: Path = Path(), name: str = "untitled", changes: Sequence[str] = ()
) -> Loaded:
    """The project that JSON data describe.

    Args:
        data: JSON data, as `parsed` gives them.
        source: what messages call the data.
        folder: where relative paths start.
        name: of a project that does not say its own.
        changes: `field=value` texts on top of the data.

    Raises:
        ProjectError: with all faults at once.
    """
    if not isinstance(data, dict):
        raise ProjectError(source, [Fault("", "this is JSON, but no object", "A project is one object: {…}")])
    is_native = not deforum.is_settings(data, Project.__dataclass_fields__)
    imported = Imported(data) if is_native else deforum.converted(data, name, folder)
    data, mistakes = changed(imported.data, changes, partial(is_text, kind=Project))
    data = with_strengths(with_preset({"name": default_name(name), **data}))
    data = with_clip(with_coherence(data), folder)
    project, misshapen = shaped(data, Project)
    asked = tuple(f"{change.partition('=')[0].strip()}." for change in changes)
    unknown = list(unknown_keys(data, Project))
    misnamed = [key.fault() for key in unknown if any(field.startswith(f"{key.path}.") for field in asked)]
    project, uneven = _timed(project, given={name for name in ("frames", "fps") if name in data})
    misshapen += uneven
    further = (fault for fault in faults_of(project, folder) if not is_told(fault.field, misshapen))
    refused = imported.but_for({change.partition("=")[0].strip() for change in changes})
    faults = [*refused, *map(imported.told, [*mistakes, *misnamed, *misshapen, *further])]
    if faults:
        raise ProjectError(source, faults)
    idle = chain.from_iterable(told(project) for told in WARNINGS)
    return Loaded(project, (*imported.notes, *_ignored(unknown), *idle))


def _timed(project: Project, given: Set[str]) -> tuple[Project, list[Fault]]:
    """The project with the frames that its length in beats makes; faults if these do not come out even.

    Args:
        project: as it was read.
        given: which of `frames` and `fps` the user has said; a rate that is not is chosen so that beats come out even.
    """
    rules = project.loop
    if rules is None:
        return project, []
    fps = project.fps if "fps" in given else even_rate(rules, project.fps)
    faults = list(beat_faults(rules, fps, project.frames if "frames" in given else None))
    if faults or not rules.beats:
        return project, faults
    return replace(project, fps=fps, frames=int(frames_of(rules, fps))), []


def with_settings(project: Project, changes: Sequence[str], folder: Path = Path()) -> Project:
    """The project with `field=value` changes, checked again.

    Raises:
        ProjectError: with all faults at once.
    """
    return parse(to_json(project), "--set", folder=folder, changes=changes).project


def to_text(project: Project) -> str:
    """The project as the text of a file: canonical, complete, equal when read back."""
    return laid_out(to_json(project)) + "\n"


def save(project: Project, path: Path) -> None:
    """Writes a project file.

    Raises:
        UserError: if the file cannot be written.
    """
    try:
        path.write_text(to_text(project), encoding="utf-8")
    except OSError as fault:
        raise UserError(f"cannot be written ({fault.strerror})", where=str(path)) from fault


def as_preview(project: Project, generator: str = "") -> Project:
    """The same animation, small and in few steps, through the same path.

    Args:
        generator: shows camera and timing alone, or draws, with the checkpoint's tiny autoencoder and its LoRA for few
            steps where it has them; "" draws where there is such a LoRA.
    """
    project = replace(project, upscale=None)
    scale = min(1.0, PREVIEW_SIDE / max(project.size))
    size = Size(*(max(SMALLEST_SIDE, round(side * scale / SIDE_STEP) * SIDE_STEP) for side in project.size))
    lora = quick_lora(project.model)
    generator = generator or (project.generator if lora else MOTION_ALONE)
    if generator == MOTION_ALONE:
        return replace(project, size=size, generator=generator)
    small = replace(project, size=size, generator=generator, vae=quick_vae(project.model, project.vae))
    return _in_few_steps(small, lora) if lora else replace(small, sampling={**small.sampling, "steps": PREVIEW_STEPS})


def quickened(project: Project) -> Project:
    """The same in few steps, where its checkpoint has a LoRA for that and nobody said how it is to be sampled.

    Negative prompts say so, too: without guidance they would have no effect.
    """
    usual, lora = Project(), quick_lora(project.model)
    said = any(getattr(project, name) != getattr(usual, name) for name in HOW)
    said = said or any("--neg" in prompt for prompt in project.prompts.values())
    return _in_few_steps(project, lora) if lora and not said and not project.sampling.keys() & NUMBERS else project


def _in_few_steps(project: Project, lora: str) -> Project:
    """The same with a LoRA that was made to draw in few steps without guidance."""
    recipe = PRESETS[FEW_STEPS]
    prompts = {
        frame: prompt if f"<lora:{lora}:" in prompt else f"<lora:{lora}:1>{prompt}"
        for frame, prompt in project.prompts.items()
    }
    sampling = {**project.sampling, "steps": recipe.steps, "cfg": recipe.cfg}
    return replace(
        project, prompts=prompts, preset="", sampler=recipe.sampler, noise_schedule=recipe.schedule, sampling=sampling
    )


def _ignored(unknown: Sequence[UnknownKey]) -> Iterator[str]:
    """A warning for each unknown key, as far as anybody would read them."""
    for key in unknown[:MOST_WARNINGS]:
        yield str(key.fault("no such setting, ignored"))
    if len(unknown) > MOST_WARNINGS:
        yield f"{len(unknown) - MOST_WARNINGS} more settings that do not exist are ignored"


def _content(path: Path) -> bytes:
    """The bytes of a project file, or as many as show that it is too long."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise ProjectError(str(path), [Fault("", f"cannot be read ({reason})", "Give a project file")]) from fault


def _embedded(path: Path) -> object:
    """The project in a video or picture rendered by us."""
    if path.suffix.lower() == ".png":
        from media.stills import read_png_text

        texts = read_png_text(path)
    else:
        from media.read import read_metadata

        texts = read_metadata(path)
    if EMBEDDED_KEY not in texts:
        raise ProjectError(
            str(path), [Fault("", "there is no project in this file", "Give one that was rendered here")]
        )
    return parsed(texts[EMBEDDED_KEY].encode(), str(path))

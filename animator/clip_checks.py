"""What is wrong with a project whose frames belong together: settings without effect, keys beyond the clip, files."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from animator.clip_rules import ClipRules
from animator.sparse_checks import sparse_faults
from core.errors import Fault, MediaError, ProjectError, UserError, WeightsError
from diffusion.clips.families import Traits
from diffusion.clips.motion_files import lora_path, motion_path, traits_of
from diffusion.prompt.language import AND
from diffusion.prompt.named import network_file
from diffusion.sampling.names import SAMPLERS, resolve
from media.footage import Footage
from schedules.prompts import NEGATIVE, Prompts, merged
from schedules.schedule import Schedule, Steps, seed_keys

if TYPE_CHECKING:
    from animator.project import Project

UNUSED = (
    "camera",
    "coherence",
    "color",
    "warp",
    "init",
    "refiner",
    "checkpoint",
    "cadence",
    "hires",
    "feedback",
    "faces",
)  # sections of other modes
CONSTANT = ("cfg", "denoise")  # of `sampling`: all that may change over a clip
UNUSED_NUMBERS = ("skip_negative_below", "skip_negative_early", "extra_noise", "inversion")
SPANS = {"motion": (0.0, 5.0), "lora": (-10.0, 10.0), "sparse": (0.0, 2.0)}


def clip_faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """Faults of both modes."""
    yield from _without_effect(project)
    yield from _idle(project)
    yield from _beyond(project)
    yield from _sampler_faults(project)
    rules = project.clip
    if rules.video and (rules.first or rules.last):
        yield Fault("clip.video", "pictures at the ends, and a video", "Leave one of them out")
    if rules.mask and not (rules.video or rules.first or rules.last):
        yield Fault("clip.mask", "a mask, but nothing that it keeps", "Give clip.video, clip.first or clip.last")
    for name in ("video", "mask"):
        yield from _footage_faults(project, folder, name)
    for name, value in project.sampling.items():
        if name not in CONSTANT and isinstance(value, str) and _changes(project, f"sampling.{name}", value):
            yield Fault(
                f"sampling.{name}", "changes over the clip", "Of sampling only cfg and denoise may change in a clip"
            )
    if not (rules.video or rules.first or rules.last) and "denoise" in project.sampling:
        yield Fault("sampling.denoise", "there is no picture to keep", "Give clip.first, clip.last or clip.video")


def motion_faults(project: "Project", folder: Path) -> Iterator[Fault]:
    """Faults of what moves."""
    rules = project.clip
    if rules.seeds:
        yield Fault("clip.seeds", "belongs to the mode morph", "Give seeds.behavior, or seeds.schedule")
    numbers = [("clip.motion", rules.motion, "motion")]
    numbers += [(f"clip.loras.{n}.weight", one.weight, "lora") for n, one in enumerate(rules.loras)]
    numbers += [("clip.sparse.weight", rules.sparse.weight, "sparse")] if rules.sparse else []
    for field, value, kind in numbers:
        yield from _number_faults(project, field, value, SPANS[kind])
    if rules.sparse is not None:
        yield from sparse_faults(rules.sparse, project)
    try:
        for n, one in enumerate(rules.loras):
            field = f"clip.loras.{n}.name"
            lora_path(one.name, folder)
        if rules.adapter:
            field = "clip.adapter"
            network_file("lora", rules.adapter)
        field = "clip.module"
        traits = traits_of(motion_path(rules.module, project.model, folder))
    except WeightsError as fault:
        yield Fault(field, str(fault))
        return
    yield from _window_faults(project, traits)


def _window_faults(project: "Project", traits: Traits) -> Iterator[Fault]:
    """Windows that the module cannot see, or that do not close as the clip does."""
    windows = project.clip.windows
    frames = windows.frames or traits.window
    if frames > traits.positions:
        what = f"{frames} frames are more than the {traits.positions} that {traits.name} can tell apart"
        yield Fault("clip.windows.frames", what, f"Give at most {traits.positions}")
    if windows.overlap >= frames:
        yield Fault("clip.windows.overlap", f"{windows.overlap} of windows of {frames} frames", f"At most {frames - 1}")
    closed = project.loop is not None and project.loop.method == "closed"
    if windows.scheme == "even" and windows.stride != 1:
        yield Fault(
            "clip.windows.stride", "has no effect with the scheme even", "Choose N, R-P, R+P or A, or leave it out"
        )
    if windows.scheme in ("R+P", "A") and not closed:
        yield Fault("clip.windows.scheme", f"{windows.scheme} closes, the clip does not", 'Set "loop": {}, or R-P')
    if windows.scheme == "N" and closed:
        yield Fault("clip.windows.scheme", "N never wraps round, the loop does", "Choose even, R-P, R+P or A")


def still_faults(project: "Project") -> Iterator[Fault]:
    """Faults of morphs: settings of what they do not have, and seeds."""
    default, rules = ClipRules(), project.clip
    for field in ("module", "windows", "motion", "loras", "adapter", "free_noise", "free_init", "sparse"):
        if getattr(rules, field) != getattr(default, field):
            yield Fault(f"clip.{field}", "has no effect in the mode morph", "Leave it out, or choose the mode clip")
    if project.seeds != type(project.seeds)():
        yield Fault("seeds", "has no effect in the mode morph", "Give clip.seeds")
    if project.loop is not None and project.loop.noise:
        yield Fault("loop.noise", "noise travels between the seeds of a morph", "Give clip.seeds")
    if rules.seeds.strip():
        try:
            seed_keys(rules.seeds, project.frames)
        except UserError as fault:
            yield Fault("clip.seeds", fault.what, fault.way_out)


def _without_effect(project: "Project") -> Iterator[Fault]:
    """Settings of other modes that were given."""
    plain = type(project)()
    if project.depth != plain.depth and not (project.depth.save or project.controls):
        yield Fault("depth", f"has no effect in the mode {project.mode}", "Leave it out")
    if project.drawing.img2img_steps != plain.drawing.img2img_steps:
        yield Fault("drawing.img2img_steps", f"has no effect in the mode {project.mode}", "Leave it out")
    for name in ("grain", "close_camera"):
        if project.loop is not None and getattr(project.loop, name):
            yield Fault(f"loop.{name}", f"has no effect in the mode {project.mode}", "Leave it out")
    for name in UNUSED:
        if getattr(project, name) != getattr(plain, name) and not (name == "color" and project.color.match == "none"):
            way_out = "Give clip.first" if name == "init" else "Leave it out"
            yield Fault(name, f"has no effect in the mode {project.mode}", way_out)
    for name in UNUSED_NUMBERS:
        if project.sampling.get(name):
            yield Fault(f"sampling.{name}", f"has no effect in the mode {project.mode}", "Leave it out")
    if any(unit.looks_back for unit in project.controls):
        yield Fault(
            "controls", "a unit looks at the frame before, but all frames are drawn at once", "Give it a source"
        )


def _idle(project: "Project") -> Iterator[Fault]:
    """Settings of the clip that act on nothing."""
    rules = project.clip
    if project.travel == "hold":
        for name in ("hold", "interpolation"):
            if getattr(rules, name) != getattr(ClipRules(), name):
                yield Fault(f"clip.{name}", "has no effect where prompts change at once", 'Set travel to "blend"')
    if rules.adapter_weight != 1 and not rules.adapter:
        yield Fault("clip.adapter_weight", "there is no adapter", "Give clip.adapter, or leave it out")
    if rules.short != "stop" and not (rules.video or rules.mask or any(unit.files() for unit in project.controls)):
        yield Fault("clip.short", "there is nothing that could end before the clip", "Leave it out")


def _beyond(project: "Project") -> Iterator[Fault]:
    """Keys of prompts at frames that the clip does not have."""
    table = merged(project.prompts, project.positive, project.negative)
    try:
        starts = Prompts.parse(table, project.frames, max(project.seed, 0), travel=project.travel).starts
    except ProjectError:
        return
    for start in starts:
        if not 0 <= start < project.frames:
            yield Fault("prompts", f"frame {start} is beyond the clip", f"It has the frames 0 to {project.frames - 1}")
    for text in table.values():
        if AND.search(text.partition(NEGATIVE)[0]):
            yield Fault("prompts", f"AND in the prompt {text[:80]!r}", "Join the words of a clip with commas")


def _sampler_faults(project: "Project") -> Iterator[Fault]:
    """Samplers and noise schedules that change over the clip, or draw one picture at a time."""
    try:
        for field in ("sampler", "noise_schedule"):
            steps = Steps.parse(getattr(project, field), project.frames, max(project.seed, 0), field=field)
            names = tuple(dict.fromkeys(steps.values()))
            if len(names) > 1:
                yield Fault(field, f"changes over the clip: {', '.join(names)}", "Take one for the whole clip")
            elif field == "sampler" and not (sampler := SAMPLERS[resolve(names[0]).sampler]).fits_batch:
                yield Fault(field, f"{sampler.name} draws one picture at a time", "Choose another sampler")
    except UserError:
        return  # told with all schedules


def _footage_faults(project: "Project", folder: Path, name: str) -> Iterator[Fault]:
    """A video or mask that cannot be read, or ends too soon."""
    text = getattr(project.clip, name)
    footage = Footage(folder / Path(text).expanduser(), project.fps)
    if not text or not (footage.source.exists() or footage.files()):
        return  # told with all files
    try:
        lasts = footage.frames
    except MediaError as fault:
        yield Fault(f"clip.{name}", fault.what, fault.way_out)
        return
    if lasts is not None and lasts < project.frames and project.clip.short == "stop":
        what = f"has {lasts} frames, the clip {project.frames}"
        yield Fault(f"clip.{name}", what, 'Set clip.short to "hold" or "loop", or make the clip shorter')


def _number_faults(project: "Project", field: str, value: float | str, span: tuple[float, float]) -> Iterator[Fault]:
    if not isinstance(value, str):
        if not span[0] <= value <= span[1]:
            yield Fault(field, f"{value:g} is out of range", f"Allowed: {span[0]:g} .. {span[1]:g}")
        return
    try:
        found = Schedule.parse(value, project.frames, max(project.seed, 0), field=field).values()
    except UserError as fault:
        yield Fault(field, fault.what, fault.way_out)
        return
    if not bool(((found >= span[0]) & (found <= span[1])).all()):
        yield Fault(field, f"{value} leaves the range", f"Allowed: {span[0]:g} .. {span[1]:g}")


def _changes(project: "Project", field: str, text: str) -> bool:
    try:
        found = Schedule.parse(text, project.frames, max(project.seed, 0), field=field).values()
    except UserError:
        return False
    return bool((found != found[0]).any())

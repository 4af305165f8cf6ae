"""What is wrong with the videos, masks and guides of a project: missing parts, and parts that nothing would use."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from animator.guided import guide_keys
from animator.mask_words import parsed
from animator.masks import FILE_MASK, MaskRules
from animator.serialize import VIDEO
from core.errors import Fault, ScheduleError
from core.weights import RAFT, on_this_machine
from schedules.schedule import Steps

if TYPE_CHECKING:
    from animator.project import Project

TAKING_PART = ("flat", "depth", "video", "stills")  # modes in which videos, masks and guides take part
FROM_WORDS = "stills"  # the mode that draws every frame on its own
FROM_VIDEO = "video"  # the mode that draws over a video


def input_faults(project: "Project") -> Iterator[Fault]:
    """Faults of `video`, `hybrid`, `mask`, `guide` and `feedback`.

    Args:
        project: with whatever values its types allow.
    """
    if project.mode not in TAKING_PART:
        yield from _idle_faults(project, ("video", "hybrid", "mask", "guide", "mix"))
        return
    if project.mode == FROM_VIDEO:
        yield from _idle_faults(project, ("camera", "coherence", "loop", "init"))
    if project.mode == FROM_WORDS:
        yield from _idle_faults(project, ("camera", "coherence", "video", "hybrid", "guide", "mix"))
    yield from _video_faults(project)
    yield from _flow_faults(project)
    yield from _hybrid_faults(project)
    if project.mask is not None:
        yield from _mask_faults(project, project.mask)
    if project.guide is not None:
        yield from _guide_faults(project)
    lone = project.mode in (FROM_VIDEO, FROM_WORDS)
    if project.feedback.flow_cadence != "none" and (project.cadence == 1 or lone):
        yield Fault("feedback.flow_cadence", "there are no frames in between to meet in", "Give a cadence of 2 or more")
    if lone and project.cadence > 1:
        yield Fault("cadence", f"{project.cadence}: mode {project.mode} draws every frame", "Set it to 1")
    if lone and (project.feedback.redo or project.feedback.flow_redo != "none"):
        yield Fault("feedback", f"mode {project.mode} draws every frame once", "Leave redo and flow_redo out")


def _video_faults(project: "Project") -> Iterator[Fault]:
    video = project.video
    if video is None:
        if project.mode == FROM_VIDEO:
            yield Fault("video", "mode video has no video", "Give video.file")
        elif project.color.reference == VIDEO:
            yield Fault("color.reference", "there is no video to take colours from", "Give video.file")
        if project.init is not None and project.init.image == VIDEO:
            yield Fault("init.image", "there is no video to start from", "Give video.file, or the path of a picture")
        return
    if 0 <= video.last < video.first:
        yield Fault("video.last", f"{video.last} lies before video.first {video.first}", "-1 goes to the end")
    shows_behind = project.mask is not None and project.mask.overlay
    starts = project.init is not None and project.init.image == VIDEO
    takes = project.mode == FROM_VIDEO or project.hybrid or project.color.reference == VIDEO
    if not (takes or starts or shows_behind):
        way_out = "Set mode video, hybrid, mask or color.reference video, or leave video out"
        yield Fault("video", "nothing in this project uses it", way_out)


def _idle_faults(project: "Project", sections: tuple[str, ...]) -> Iterator[Fault]:
    """Sections that a mode does not use."""
    for name in sections:
        if getattr(project, name):
            yield Fault(name, f"has no effect in mode {project.mode}", "Leave it out")


def _flow_faults(project: "Project") -> Iterator[Fault]:
    """RAFT asked for where its weights are not."""
    rules, hybrid = project.feedback, project.hybrid
    asked = {"feedback.flow_cadence": rules.flow_cadence, "feedback.flow_redo": rules.flow_redo}
    if hybrid is not None and hybrid.motion == "flow":
        asked["hybrid.flow"] = hybrid.flow
    for field, name in asked.items():
        if name == "raft" and on_this_machine(RAFT, "raft") is None:
            way_out = f"Put torchvision's raft_large weights into a models folder as raft.pth, or --set {field}=dis"
            yield Fault(field, "raft has no weights on this machine", way_out)


def _hybrid_faults(project: "Project") -> Iterator[Fault]:
    rules = project.hybrid
    if rules is None:
        return
    if project.mode == FROM_VIDEO:
        yield Fault("hybrid", "mode video mixes in nothing, it draws over the video", "Choose mode flat or depth")
    elif rules.composite == "none" and rules.motion == "none":
        yield Fault("hybrid", "neither a composite nor motion is asked for", "Set hybrid.composite or hybrid.motion")
    if project.video is None and (rules.motion != "none" or not rules.picture or rules.mask == "video depth"):
        yield Fault("hybrid", "there is no video", "Give video.file")
    if rules.motion == "flow" and rules.flow == "none":
        yield Fault("hybrid.flow", "nobody sees the flow", "Choose dis, dis-fine, farneback or raft")


def _mask_faults(project: "Project", rules: MaskRules) -> Iterator[Fault]:
    if not rules.draw.strip() and not rules.noise.strip():
        yield Fault("mask", "neither draw nor noise says where", "Give an expression, as in {video_mask}")
    has_file = rules.video is not None or (rules.alpha and project.init is not None)
    for field, text in (("draw", rules.draw), ("noise", rules.noise)):
        if not text.strip():
            continue
        try:
            series = Steps.parse(text, project.frames, max(project.seed, 0)).values()
            atoms = [atom for words in dict.fromkeys(series) for atom in parsed(words).atoms()]
        except ScheduleError as fault:
            yield Fault(f"mask.{field}", fault.what, fault.way_out)
            continue
        used = {atom.text for atom in atoms if atom.kind == "name"}
        if "video_mask" in used and not has_file:
            yield Fault(f"mask.{field}", f"{FILE_MASK} is no picture or video", "Give mask.video.file")
        if "human_mask" in used and (not rules.people or project.video is None):
            way_out = "Give a video, and mask.people: the TorchScript file of a Robust Video Matting network"
            yield Fault(f"mask.{field}", "{human_mask} needs a video to look at and a network that looks", way_out)


def _guide_faults(project: "Project") -> Iterator[Fault]:
    assert project.guide is not None
    if not project.guide.images:
        yield Fault("guide.images", "there is none", 'Write {"0": "first.png"}')
    elif project.mode == FROM_VIDEO:
        yield Fault("guide", "mode video is guided by its video", "Choose mode flat or depth")
    try:
        guide_keys(project.guide.images, project.frames, max(project.seed, 0))
    except ScheduleError as fault:
        yield Fault(f"guide.images.{fault.where[:40]}", fault.what, fault.way_out)

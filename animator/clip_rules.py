"""ClipRules: how frames of a clip belong together; the section `clip` of a project."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from diffusion.clips.order import FreeInit, Interpolation
from diffusion.clips.windows import WindowRules

if TYPE_CHECKING:
    from animator.project import Project

Number = float | str  # a keyframable number: a constant, or the text of a schedule
Short = Literal["stop", "hold", "loop"]


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A motion LoRA, a camera move as a rule."""

    name: str  # a name in the LoRA folders, or a path
    weight: Number = 1.0  # -10 .. 10; keyframable


@dataclass(frozen=True, slots=True)
class End:
    """A picture that a clip leaves from or arrives at; `sampling.denoise` says how freely frames are drawn over it."""

    image: str  # path of a picture, relative to the project file
    power: Annotated[float, Field(ge=0.1, le=10)] = (
        1.0  # of the frames its influence falls over: 1 - frames^power / scale
    )
    scale: Annotated[float, Field(ge=1, le=128)] = 32.0  # frames over which its influence falls, at power 1


@dataclass(frozen=True, slots=True)
class SparseRules:
    """A SparseControl network: pictures at a few frames, which the frames between are drawn towards."""

    model: str = ""  # AnimateDiff's rgb or scribble network: a name in the ControlNet folders, a path, a hub id
    images: Mapping[str, str] = field(default_factory=dict)  # "frame": path of a picture
    control: str = "picture"  # what is kept of the pictures: picture for rgb; scribble, lineart ... for scribble
    options: Mapping[str, Any] = field(default_factory=dict)  # of that control
    weight: Number = 1.0  # 0 .. 2; keyframable
    start: Annotated[float, Field(ge=0, le=1)] = 0.0  # 0 .. 1, share of the steps after which it acts
    end: Annotated[float, Field(ge=0, le=1)] = 1.0  # 0 .. 1, share of the steps after which it acts no more


@dataclass(frozen=True, slots=True)
class ClipRules:
    """What holds for a clip, in the modes clip and morph."""

    module: str = "automatic"  # motion module: automatic (the model's own), a name, a path, a hub id
    windows: WindowRules = field(default_factory=WindowRules)
    together: Annotated[int, Field(ge=1, le=64)] = 1  # windows drawn at once; more needs memory, the frames stay
    motion: Number = 1.0  # 0 .. 5, how much the motion module counts; 0 draws stills; keyframable
    loras: tuple[LoraUse, ...] = ()  # motion LoRAs
    adapter: str = ""  # LoRA that the motion module was trained with (v3's domain adapter), in the LoRA folders
    adapter_weight: Annotated[float, Field(ge=-2, le=2)] = 1.0  # -2 .. 2
    interpolation: Interpolation = "linear"  # between prompts of travel blend: linear, or slerp along the sphere
    hold: Annotated[float, Field(ge=0, le=1)] = (
        0.0  # 0 .. 1, share of the way on which a prompt is kept before it blends
    )
    tail: str = ""  # put after every prompt; `positive` is put before
    shared_noise: Annotated[
        float, Field(ge=-1, le=1)
    ] = -1.0  # 0 .. 1 of the noise common to all frames; -1: as trained
    steady: Annotated[
        float, Field(ge=-1, le=1)
    ] = -1.0  # 0 .. 1 of the steps, in which frames are averaged with their neighbours, and loops paced; -1: as trained
    free_noise: bool = False  # later windows start from the noise of the first, in another order
    free_init: FreeInit | None = None
    first: End | None = None  # the picture the clip begins with
    last: End | None = None  # the picture it ends with
    sparse: SparseRules | None = None  # pictures at some frames for a SparseControl network
    video: str = ""  # video, folder or pattern; every frame is drawn over its picture by `sampling.denoise`
    mask: str = ""  # picture, video or folder; white is drawn anew, the rest of the video or first picture stays
    short: Short = "stop"  # a video, mask or control that ends before the clip: stop tells so, hold, loop
    reverse: bool = False  # delivered from the last frame to the first
    seeds: str = ""  # morph only: seeds over time that the noise travels between, as 0:(1), 24:(7); empty: one a prompt


TOGETHER = ("clip", "morph")  # modes whose frames belong together


def outlasts_sources(project: "Project") -> bool:
    """Whether videos, masks and controls that end before the clip are held or begin again."""
    return project.mode in TOGETHER and project.clip.short != "stop"


def clip_warnings(project: "Project") -> Iterator[str]:
    """The section `clip` of a project whose frames do not belong together."""
    if project.clip != ClipRules() and project.mode not in TOGETHER:
        yield f"clip: has no effect in mode {project.mode}"

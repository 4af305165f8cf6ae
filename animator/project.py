"""Project: what the user wrote, validated and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from animator.coherence import CoherenceRules
from core.image import Size
from motion.camera import Border, Geometry, Resampling

Number = float | str  # a keyframable number: a constant, or the text of a schedule

SeedBehavior = Literal["iter", "fixed", "random", "ladder", "alternate", "schedule"]
Travel = Literal["hold", "blend"]


@dataclass(frozen=True, slots=True)
class SeedRules:
    """How the seed goes from one generated frame to the next."""

    behavior: SeedBehavior = "iter"  # iter: +1; ladder: +2, -1; alternate: +1, -1; schedule: `schedule` says
    every: int = 1  # iter only: generated pictures before the next +1, 1 or more
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

    model: str = "mini"  # entry of motion/depth: flat, mini, file, transformers
    options: Mapping[str, Any] = field(default_factory=dict)  # of that entry
    equalize: bool = False  # spread depths evenly over 1..2 in every frame, as Deforum does
    save: bool = False  # write depth/000000.png, 16 bit, with a fixed scale


@dataclass(frozen=True, slots=True)
class Init:
    """The picture the first frame starts from."""

    image: str  # path of a picture, relative to the project file
    denoise: float = 0.2  # 0..1; 0 keeps the picture


@dataclass(frozen=True, slots=True)
class Export:
    """One file to make of the frames."""

    format: str = "mp4"  # entry of media/exporters
    options: Mapping[str, Any] = field(default_factory=dict)  # of that entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One animation. Every field has the name and place it has in the file."""

    format: int = 1  # version of the file format
    name: str = "untitled"  # of the output folder and files: letters, digits, space and - _ . ( )
    size: Size = Size(512, 512)  # pixels, each side 16..8192
    fps: Fraction = Fraction(15)  # frames per second, above 0, at most 240
    frames: int = 120  # how many, 1 or more
    seed: int = 0  # 0 .. 2**32 - 1, or -1: drawn at the first render and kept in the output folder
    seeds: SeedRules = SeedRules()
    mode: str = "flat"  # entry of animator/modes
    generator: str = "stills"  # entry of diffusion/backends
    model: str = "mini"  # what the generator loads: a name, a path, a hub id
    prompts: Mapping[str, str] = field(default_factory=dict)  # "frame": "prompt --neg negative"
    positive: str = ""  # put before every prompt
    negative: str = ""  # put after every negative prompt
    travel: Travel = "hold"  # between prompt keyframes: keep the last one, or blend into the next
    init: Init | None = None
    camera: Mapping[str, Number] = field(default_factory=dict)  # fields of CameraMove and Lens
    warp: WarpRules = WarpRules()
    depth: DepthRules = DepthRules()
    sampler: str = "Euler a"  # a name, or the text of a schedule: 0:("Euler a"), 30:("DDIM")
    sampling: Mapping[str, Number] = field(default_factory=dict)  # fields of Sampling
    cadence: int = 1  # a picture is generated every this many frames, those between are moved and blended
    color: CoherenceRules = CoherenceRules()
    coherence: Mapping[str, Number] = field(default_factory=dict)  # fields of Coherence
    export: tuple[Export, ...] = (Export(),)  # () makes frames only

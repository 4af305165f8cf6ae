"""Control units of a project: which networks steer its pictures, and what each is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from diffusion.hints import Fit
from diffusion.request import ControlMode, ControlPass

Number = float | str  # a keyframable number: a constant, or the text of a schedule
Strength = Literal["", "light", "medium", "strong"]

INIT, PREVIOUS, CARRIED = "init", "previous", "carried"  # sources that are no files
OF_THE_RENDER = (INIT, PREVIOUS, CARRIED)
LOOKING_BACK = (PREVIOUS, CARRIED)
THIN = ("canny", "mlsd")  # controls whose layers a second pass softens, as the web UI does
TEMPORAL = "temporal"  # the control whose source is the frame before unless told otherwise


@dataclass(frozen=True, slots=True)
class UnitNumbers:
    """The keyframable numbers of one unit at one frame."""

    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, slots=True)
class ControlUnit:
    """One control network and what it is shown; the settings of a ControlNet unit of the web UI."""

    control: str = "canny"  # what is kept of the picture; canny, depth, temporal ...
    model: str = ""  # network: a name, a path, a hub id; empty: the one there is for this control
    options: Mapping[str, Any] = field(default_factory=dict)  # of the control
    source: str = ""  # init, previous, carried, or a picture, folder or video; empty: init, for temporal previous
    first: str = ""  # shown where there is no frame before yet: init, or a picture; empty: the unit rests there
    strength: Strength = ""  # temporal only: writes weight, start, end and mode where they are not given
    weight: Number = 1.0  # 0 .. 2; keyframable; 0 switches the unit off
    start: Number = 0.0  # 0 .. 1, share of the steps after which it acts; keyframable
    end: Number = 1.0  # 0 .. 1, share of the steps after which it acts no more; keyframable
    mode: ControlMode = "balanced"  # what counts more: neither, the prompt, the control
    layers: tuple[
        Annotated[float, Field(ge=0, le=2)], ...
    ] = ()  # factor of each layer, shallow to deep; in place of the mode's own
    fit: Fit = "crop"  # how the hint comes to the size of the frame: stretch, crop, fill
    resolution: Annotated[int, Field(ge=0, le=8192)] = (
        0  # short side in pixels at which the control looks; 0: the source's own
    )
    pixel_perfect: bool = False  # looks at exactly one pixel for each of the frame's
    mask: str = ""  # a picture, folder or video; the unit acts where it is white (inpaint: what is drawn anew)
    acts_in: ControlPass = "both"  # with a second pass ("hires fix"): which one; both, first, second
    low_memory: bool = False  # the network is on the accelerator only while it looks

    @property
    def looked_at(self) -> str:
        """The source, whether given or not."""
        return self.source or (PREVIOUS if self.control == TEMPORAL else INIT)

    @property
    def looks_back(self) -> bool:
        """Whether it sees the frame before."""
        return self.looked_at in LOOKING_BACK

    def files(self) -> dict[str, str]:
        """What it names of files, by field."""
        given = {"source": self.source, "first": self.first, "mask": self.mask}
        return {field: text for field, text in given.items() if text and text not in OF_THE_RENDER}

    def numbers(self) -> dict[str, Number]:
        """Its keyframable numbers as they are given."""
        return {"weight": self.weight, "start": self.start, "end": self.end}


STRENGTHS: Mapping[str, Mapping[str, Any]] = {
    "light": {"weight": 0.4, "end": 0.6},
    "medium": {"weight": 0.6},
    "strong": {"weight": 1.0, "mode": "control"},
}  # of temporal units; medium is what TemporalNet's author used


def with_strengths(data: Mapping[str, Any]) -> dict[str, Any]:
    """Project data with the numbers that the strength of each unit stands for, where the unit does not give them.

    A project written out again holds both, and means the same.
    """
    units = data.get("controls")
    if not isinstance(units, list):
        return dict(data)
    return {**data, "controls": [_with_strength(unit) for unit in units]}


def _with_strength(unit: Any) -> Any:
    if not isinstance(unit, Mapping) or not isinstance(unit.get("strength"), str):
        return unit
    return {**STRENGTHS.get(unit["strength"], {}), **unit}

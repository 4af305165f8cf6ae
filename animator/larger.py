"""Larger: exports whose pictures are made larger than the frames they come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from core.errors import Fault, UnknownName
from core.image import LARGEST_SIDE, Size
from diffusion.upscalers import network_path

if TYPE_CHECKING:
    from animator.project import Project

LANCZOS = "Put its file into ESRGAN of a models folder (--models-dir), or --set upscale.upscaler=Lanczos"


@dataclass(frozen=True, slots=True)
class UpscaleRules:
    """Exports larger than the frames, which stay as they are."""

    upscaler: str = "Lanczos"  # who: Lanczos and Nearest need nothing, networks lie in a models folder
    by: Annotated[float, Field(ge=1, le=16)] = 2.0  # times the sides
    save: bool = False  # keep the large pictures as upscaled/000000.png, too

    def size(self, old: Size) -> Size:
        """Of what a picture becomes."""
        times = Fraction(self.by).limit_denominator(10_000)
        return Size(*(int(side * times) for side in old))


def export_size(project: "Project", *, upscaled: bool = True) -> Size:
    """The size of exports, before formats pad or crop it."""
    return project.upscale.size(project.size) if project.upscale and upscaled else project.size


def upscale_faults(project: "Project") -> Iterator[Fault]:
    """What is wrong with the section `upscale`."""
    rules = project.upscale
    if rules is None:
        return
    try:
        network_path(rules.upscaler)
    except UnknownName as fault:
        yield Fault("upscale.upscaler", fault.what, f"{fault.way_out}. {LANCZOS}")
    if max(size := rules.size(project.size)) > LARGEST_SIDE:
        yield Fault("upscale.by", f"{size} is too large", f"Sides may have up to {LARGEST_SIDE} pixels")
    if not rules.save and not any(export.upscale for export in project.export):
        yield Fault("upscale", "there is no export that would show it", "Give export, or leave the section out")

"""Larger: exports whose pictures are made larger than the frames they come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from animator.enlarging import Enlarging
from core.devices import ModelPool
from core.errors import Fault, UnknownName, UserError
from core.hashing import array_fingerprint, fingerprint
from core.image import Image, Size
from diffusion.upscalers import identity
from media.read import read_image
from media.stills import read_png_text, write_png

if TYPE_CHECKING:
    from animator.project import Project

LANCZOS = (
    "Put its file into ESRGAN of a models folder (--models-dir), or --set upscale.upscaler=Lanczos, which needs none"
)
MADE_OF = "made of"  # text in a kept picture: what it was made of, and how


@dataclass(frozen=True, slots=True)
class UpscaleRules:
    """Exports larger than the frames, which stay as they are."""

    upscaler: str = "Lanczos"  # who: Lanczos and Nearest need nothing, networks lie in a models folder
    by: Annotated[float, Field(ge=1, le=16)] = 2.0  # times the sides
    save: bool = False  # keep the large pictures as upscaled/000000.png, too

    @property
    def enlarging(self) -> Enlarging:
        """The same for one picture."""
        return Enlarging(self.upscaler, self.by)


@dataclass(frozen=True, slots=True)
class Larger:
    """Makes the frames of one render larger."""

    rules: UpscaleRules
    folder: Path  # of pictures that are kept
    pool: ModelPool

    def at(self, index: int, frame: Image) -> Image:
        """A frame made larger; taken from the folder if it lies there, made of the same picture in the same way."""
        if not self.rules.save:
            return self.rules.enlarging.enlarged(frame, self.pool)
        path = self.folder / f"{index:06d}.png"
        key = fingerprint(
            self.rules.upscaler.lower(), identity(self.rules.upscaler), self.rules.by, array_fingerprint(frame)
        )
        kept = _kept(path, key)
        if kept is not None:
            return kept
        made = self.rules.enlarging.enlarged(frame, self.pool)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_png(path, made, {MADE_OF: key})
        return made


def _kept(path: Path, key: str) -> Image | None:
    """The picture of a file; None if it is not there, damaged, or made of something else."""
    try:
        return read_image(path) if path.is_file() and read_png_text(path).get(MADE_OF) == key else None
    except UserError:
        return None


def export_size(project: "Project", *, upscaled: bool = True) -> Size:
    """The size of exports, before formats pad or crop it."""
    rules = project.upscale
    return rules.enlarging.size(project.size) if rules and upscaled else project.size


def upscale_faults(project: "Project") -> Iterator[Fault]:
    """What is wrong with the section `upscale`."""
    rules = project.upscale
    if rules is None:
        return
    try:
        rules.enlarging.check()
        rules.enlarging.size(project.size)
    except UserError as fault:
        is_unknown = isinstance(fault, UnknownName)
        way_out = f"{fault.way_out}. {LANCZOS}" if is_unknown else fault.way_out
        yield Fault("upscale.upscaler" if is_unknown else "upscale.by", fault.what, way_out)
    if not rules.save and not any(export.upscale for export in project.export):
        yield Fault("upscale", "there is no export that would show it", "Give export, or leave the section out")

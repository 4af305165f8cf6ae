"""Finished pictures made larger: by a factor or to a size, by one upscaler or two blended; frames for exports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from animator.larger import UpscaleRules
from core.devices import ModelPool
from core.errors import UserError
from core.hashing import array_fingerprint, fingerprint
from core.image import LARGEST_SIDE, Image, Rgba, Size, resized, rounded
from diffusion.canvas import Enlarge, fitted, scaled
from diffusion.upscalers import TileRules, identity, plain_name, shown_name
from diffusion.upscaling import enlarger
from media.read import read_image
from media.stills import read_png_text, write_png

MADE_OF = "made of"  # text in a kept picture: what it was made of, and how


@dataclass(frozen=True, slots=True)
class Enlarging:
    """How large pictures become, and by what."""

    upscaler: str = "Lanczos"  # by name; a latent mode is none
    by: Annotated[float, Field(ge=1, le=16)] = 2.0  # 1..16; times the sides, where no size is given
    longest: int = 0  # pixels; with a factor, the longer side becomes no longer than this; 0 = no limit
    to: Size | None = None  # pixels; the picture covers this size
    crop: bool = True  # whether what stands over that size is cut
    second: str = ""  # an upscaler whose picture is blended over the first
    share: Annotated[float, Field(ge=0, le=1)] = 0.0  # 0..1; how much of it
    tiles: TileRules = field(default_factory=TileRules)

    def check(self) -> None:
        """Raises UserError for numbers out of range, what has no effect, or an upscaler that is not there."""
        if not 1 <= self.by <= 16:
            raise UserError(f"{self.by:g} times as large", where="--by", way_out="Choose 1 to 16")
        if not 0 <= self.share <= 1:
            raise UserError(f"a share of {self.share:g}", where="--share", way_out="Choose 0 to 1")
        if bool(self.second) != bool(self.share):
            raise UserError("a second upscaler and its share go together", where="--second", way_out="Give both")
        if self.to is not None and self.longest:
            raise UserError("it limits a factor, but a size is given", where="--longest", way_out="Leave it out")
        for name in filter(None, (self.upscaler, self.second)):
            enlarger(name, ModelPool(), self.tiles)

    def size(self, old: Size) -> Size:
        """The size of what a picture becomes.

        Raises:
            UserError: if it is larger than pictures may be.
        """
        if self.to is not None and self.crop:
            return self.to
        growth = self._growth(old)
        found = Size(*(max(1, int(side * growth)) for side in old))
        if max(found) > LARGEST_SIDE:
            raise UserError(f"{found} is too large", way_out=f"Sides may have up to {LARGEST_SIDE} pixels")
        return found

    def enlarged(self, image: Image | Rgba, pool: ModelPool) -> Image | Rgba:
        """The picture; its opacity, if it has any, is enlarged by Lanczos.

        Args:
            image: uint8, H x W x 3 or 4.
            pool: keeps networks.
        """
        colors = np.ascontiguousarray(image[..., :3])
        upscalers = partial(enlarger, pool=pool, tiles=self.tiles)
        found = self._by_one(colors, upscalers, self.upscaler)
        if self.second:
            other = self._by_one(colors, upscalers, self.second).astype(np.float32)
            found = rounded(found * (1 - self.share) + other * self.share)
        if image.shape[2] == 3:
            return found
        opacity = self._by_one(np.repeat(image[..., 3:], 3, axis=2), lambda _: partial(resized, kind="lanczos"), "")
        return np.ascontiguousarray(np.dstack([found, opacity[..., 0]]))

    def facts(self) -> Mapping[str, str]:
        """What is said of an enlarged picture, in the web UI's words."""
        found = (
            {"Postprocess upscale by": f"{self.by:g}"} if self.to is None else {"Postprocess upscale to": str(self.to)}
        )
        found |= {"Postprocess upscale max side": str(self.longest)} if self.longest else {}
        found |= {"Postprocess crop to": str(self.to)} if self.to is not None and self.crop else {}
        found["Postprocess upscaler"] = shown_name(self.upscaler)
        if self.second:
            found |= {
                "Postprocess upscaler 2": shown_name(self.second),
                "Postprocess upscaler 2 visibility": f"{self.share:g}",
            }
        return found

    def _growth(self, old: Size) -> Fraction:
        """Times the sides."""
        if self.to is not None:
            return max(Fraction(self.to.width, old.width), Fraction(self.to.height, old.height))
        growth = Fraction(self.by).limit_denominator(10_000)
        return min(growth, Fraction(self.longest, max(old))) if self.longest else growth

    def _by_one(self, image: Image, upscalers: Callable[[str], Enlarge], name: str) -> Image:
        """The picture by one upscaler. A network runs even where the size stays: it may be one that cleans."""
        old = Size.of(image)
        if self.to is not None and self.crop:
            return fitted(image, self.to, "crop", upscalers(name))
        size, enlarge = self.size(old), upscalers(name)
        if size == old and plain_name(name) is None and name:
            return resized(enlarge(image, size), size, "lanczos")
        return scaled(image, size, enlarge)


@dataclass(frozen=True, slots=True)
class Larger:
    """Makes the frames of one render larger."""

    rules: UpscaleRules
    folder: Path  # of pictures that are kept
    pool: ModelPool

    def at(self, index: int, frame: Image) -> Image:
        """A frame made larger; taken from the folder if it lies there, made of the same picture in the same way."""
        if not self.rules.save:
            return self._made(frame)
        name, path = self.rules.upscaler.lower(), self.folder / f"{index:06d}.png"
        key = fingerprint(name, identity(name), self.rules.by, array_fingerprint(frame))
        kept = _kept(path, key)
        if kept is not None:
            return kept
        made = self._made(frame)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_png(path, made, {MADE_OF: key})
        return made

    def _made(self, frame: Image) -> Image:
        return Enlarging(self.rules.upscaler, self.rules.by).enlarged(frame, self.pool)


def _kept(path: Path, key: str) -> Image | None:
    """The picture of a file; None if it is not there, damaged, or made of something else."""
    try:
        return read_image(path) if path.is_file() and read_png_text(path).get(MADE_OF) == key else None
    except UserError:
        return None

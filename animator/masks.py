"""Masks: which parts of a picture are drawn anew, which get noise, and what is laid back over the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from animator.coherence import Reach
from animator.inputs import VideoRules
from animator.mask_words import Atom, parsed
from core.image import Image, Mask, Size, blended, resized
from diffusion.inpainting import LARGEST_SIGMA, Canvas, Content, InpaintRules, canvas
from diffusion.request import Inpaint

FILE_MASK = "{video_mask}"


@dataclass(frozen=True, slots=True)
class MaskRules:
    """Which part of every picture is drawn anew. White draws anew, black stays; the first frame from text has none."""

    video: VideoRules | None = None  # {video_mask}: a picture or video; `file`, `every`, `first`, `last` as in `video`
    alpha: bool = False  # {video_mask} is the opacity of the init picture, if it has any
    people: str = ""  # {human_mask}: a picture or video with people in white, or weights of a matting network
    words_model: str = "CIDAS/clipseg-rd64-refined"  # looks for <words>: folder or hub id of a CLIPSeg
    draw: str = FILE_MASK  # what is drawn anew: an expression, or the text of a schedule; empty: everything
    noise: str = ""  # what gets noise, likewise; empty: as `draw`
    brightness: Annotated[float, Field(ge=0, le=100)] = 1.0  # factor on the levels of {video_mask}
    contrast: Annotated[float, Field(ge=0, le=100)] = 1.0  # factor on its levels about their mean
    invert: bool = False  # turns inside out what is drawn
    overlay: bool = True  # lays a background over what is not drawn
    behind: Literal["video", "init"] = "video"  # that background; init also where there is no video
    blur: Annotated[float, Field(ge=0, le=LARGEST_SIGMA)] = 4.0  # pixels 0..64; softness of the drawn part's edge
    content: Content = "original"  # what lies under the mask before it is drawn
    only_masked: bool = True  # whether just the masked part is drawn, at the full size of the frame
    padding: Annotated[int, Field(ge=0, le=1024)] = 4  # pixels of surroundings that `only_masked` sees


@dataclass(frozen=True, slots=True)
class MaskWords:
    """The mask expressions of one frame; empty where there is none."""

    draw: str = ""
    noise: str = ""


Named = Callable[[int], Mask]  # a mask at a frame, in the size of the render


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of one project with everything they name."""

    rules: MaskRules
    size: Size
    names: Mapping[str, Named] = field(default_factory=dict)  # video_mask, human_mask: those there are
    file: Callable[[str], Mask] | None = None  # by path, in the size of the render
    words: Callable[[Image, str], Mask] | None = None  # where a picture shows what words say
    background: Callable[[int], Image] | None = None  # what lies behind at a frame; None: the picture itself

    def drawn(self, image: Image, words: MaskWords, frame: int) -> Mask | None:
        """What of the picture is drawn anew; None for everything."""
        if not words.draw:
            return None
        return self._turned(self._composed(words.draw, image, frame))

    def reach(self, image: Image, words: MaskWords, frame: int) -> Reach:
        """Where the picture gets noise, and where it is sharpened: in the opacity of the init picture, if that is the
        mask, else everywhere.
        """
        expression = words.noise or words.draw
        noise = self._turned(self._composed(expression, image, frame)) if expression else None
        opacity = self.names["video_mask"](frame) if self.rules.alpha and "video_mask" in self.names else None
        return Reach(noise, opacity)

    def canvas(self, image: Image, mask: Mask) -> Canvas | None:
        """The picture made ready to be drawn under a mask; None if all of it is drawn."""
        rules = self.rules
        made = canvas(
            image,
            mask,
            self.size,
            InpaintRules(
                blur_x=rules.blur,
                blur_y=rules.blur,
                content=rules.content,
                only_masked=rules.only_masked,
                padding=rules.padding,
            ),
        )
        return made if made.mask is not None else None

    def laid_over(self, image: Image, words: MaskWords, frame: int) -> Image:
        """The picture with the background where it is not drawn."""
        if not self.rules.overlay or not words.draw or self.background is None:
            return image
        mask = self.drawn(image, words, frame)
        assert mask is not None
        return blended(self.background(frame), image, mask)

    def inpaint(self, made: Canvas) -> Inpaint:
        """The mask of a request that draws a canvas."""
        assert made.mask is not None
        content = "original" if self.rules.content == "fill" else self.rules.content
        return Inpaint(made.mask, content)

    def _turned(self, mask: Mask) -> Mask:
        return np.asarray(1 - mask, np.float32) if self.rules.invert else mask

    def _composed(self, expression: str, image: Image, frame: int) -> Mask:
        def of(atom: Atom) -> Mask:
            if atom.kind == "words":
                assert self.words is not None
                return self.words(image, atom.text)
            if atom.kind == "file":
                assert self.file is not None
                return self.file(atom.text)
            if atom.text in self.names:
                return self.names[atom.text](frame)
            return np.ones((self.size.height, self.size.width), np.float32)

        return parsed(expression).over(of)


def adjusted(picture: Image, rules: MaskRules, size: Size) -> Mask:
    """A picture as a mask: its gray, with brightness and contrast as the rules say; float32, H x W of the size.

    Args:
        picture: uint8, H x W x 3, RGB, of any size.
    """
    levels = resized(picture, size, "lanczos").astype(np.float32) * np.float32(rules.brightness)
    if rules.contrast != 1:
        mean = np.float32(np.rint(_gray(np.clip(levels, 0, 255)).mean()))
        levels = mean + (np.clip(levels, 0, 255) - mean) * np.float32(rules.contrast)
    return np.asarray(_gray(np.clip(levels, 0, 255)) / np.float32(255), np.float32)


def _gray(levels: np.ndarray) -> Mask:  # type: ignore[type-arg]
    """Rec. 601 luma of float levels."""
    return np.asarray(levels @ np.array((0.299, 0.587, 0.114), np.float32), np.float32)

"""What happens to the carried picture between frames: colour match, grayscale, contrast, unsharp, seeded noise."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

ColorSpace = Literal["lab", "hsv", "rgb"]
NoiseKind = Literal["white", "perlin"]
Look = Literal["true", "deforum"]


@dataclass(frozen=True, slots=True)
class Coherence:
    """The keyframable numbers of one frame's conditioning. The defaults change nothing."""

    noise: float = 0.0  # about 0..1; grain put on the picture so that diffusion finds new detail; 0.02..0.1 is usual
    contrast: float = 1.0  # 0 or more, multiplies all levels; slightly above 1 keeps long renders from fading
    sharpen: float = 0.0  # amount of unsharp masking, 0 or less is off; 0.1..0.5 undoes the blur of many warps
    sharpen_kernel: float = 5.0  # pixels, 1..255, truncated; an even width becomes the next odd one
    sharpen_sigma: float = 1.0  # pixels, 0..100; blur radius of the unsharp mask, 0 takes it from the kernel
    sharpen_threshold: float = 0.0  # levels 0..255; fainter detail than this is left alone


@dataclass(frozen=True, slots=True)
class CoherenceRules:
    """The choices behind the conditioning that hold for a whole render."""

    color: Literal["none", "lab", "hsv", "rgb"] = "lab"  # space in which the palette is held
    reference: str = "first"  # whose palette: "first" frame, or the path of a picture
    repin: bool = False  # whether each frame made without the one before (denoise 1) becomes the new reference
    match_result: bool = False  # whether generated pictures are matched too, not only what they start from
    noise_kind: NoiseKind = "perlin"  # grain of one strength everywhere, or of drifting patches
    octaves: Annotated[int, Interval(ge=1, le=8)] = 4  # perlin only; layers of ever finer patches
    persistence: Annotated[float, Interval(ge=0, le=1)] = 0.5  # perlin only; strength of each layer against the last
    grayscale: bool = False  # whether every picture is turned to gray
    look: Look = "true"  # clean mathematics, or Deforum's numbers for its settings files

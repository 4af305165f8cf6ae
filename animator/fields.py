"""What the fields of a project are: keyframable names, ranges, types that JSON lacks, comments that describe them."""

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from dataclasses import MISSING, dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from animator.coherence import Coherence
from animator.mix import Mix
from animator.source import Stylize
from core.errors import UserError
from core.image import Size
from diffusion.request import Sampling
from motion.camera import CameraMove, Lens

SMALLEST_SIDE, LARGEST_SIDE = 16, 8192  # pixels
SIDE_STEP = 8  # pixels; models draw in cells of 8, and what is no clip's own size is made of whole ones
FASTEST = 240  # frames per second

MOST_TIMES = 1000  # as many frames

_TIMES = re.compile(r"\d{1,4}(\.\d{1,6})?|\d{1,7}/\d{1,7}")
_FRACTION = re.compile(r"\d{1,3}(\.\d{1,6})?|\d{1,7}/\d{1,7}")


@dataclass(frozen=True, slots=True)
class Span:
    """The values a keyframable number may have, in every frame."""

    low: float
    high: float
    open: bool = False  # whether the ends themselves are left out
    gap: float = 0.0  # numbers nearer to 0 than this are left out

    def __contains__(self, value: float) -> bool:
        """Whether the value is allowed; NaN never is."""
        inside = self.low < value < self.high if self.open else self.low <= value <= self.high
        return inside and abs(value) >= self.gap

    def __str__(self) -> str:
        """`0 .. 1`, as messages and tables show it."""
        if self == ANY:
            return f"any number up to {self.high:,.0f}"
        low, high = (f"{end:.0f}" if end.is_integer() else f"{end:g}" for end in (float(self.low), float(self.high)))
        between = f"between {low} and {high}" if self.open else f"{low} .. {high}"
        return f"{between}, not nearer to 0 than {self.gap:g}" if self.gap else between


ANY = Span(-1e6, 1e6)
SPANS = {
    "camera.zoom": Span(0, 100, open=True),
    "camera.flip_view": Span(0, 180, open=True),
    "camera.fov": Span(-180, 180, gap=0.1),
    "camera.aspect": Span(-100, 100, gap=0.01),
    "sampling.steps": Span(1, 1000),
    "sampling.cfg": Span(0, 100),
    "sampling.cfg_rescale": Span(0, 1),
    "sampling.skip_negative_below": Span(0, 1000),
    "sampling.skip_negative_early": Span(0, 1),
    "sampling.denoise": Span(0, 1),
    "sampling.noise_multiplier": Span(0, 10),
    "sampling.extra_noise": Span(0, 10),
    "sampling.inversion": Span(0, 8),
    "sampling.eta_ddim": Span(0, 1),
    "sampling.eta_ancestral": Span(0, 1),
    "sampling.s_noise": Span(0, 10),
    "sampling.s_churn": Span(0, 1000),
    "sampling.s_tmin": Span(0, 1000),
    "sampling.s_tmax": Span(0, 1000),
    "sampling.sigma_min": Span(0, 1000),
    "sampling.sigma_max": Span(0, 1000),
    "sampling.rho": Span(0, 100),
    "sampling.variation_seed": Span(0, 2**32 - 1),
    "sampling.variation_strength": Span(0, 1),
    "sampling.seed_width": Span(0, 8192),
    "sampling.seed_height": Span(0, 8192),
    "sampling.seed_delta": Span(0, 2**32 - 1),
    "sampling.clip_skip": Span(1, 12),
    "coherence.contrast": Span(0, 100),
    "coherence.sharpen_kernel": Span(1, 255),
    "coherence.sharpen_sigma": Span(-100, 100),
    "coherence.sharpen_threshold": Span(0, 255),
    "stylize.carry": Span(0, 1),
    "stylize.renewal": Span(0, 1),
    "stylize.anchor": Span(0, 1e6),
    "stylize.color": Span(0, 1),
    "stylize.smooth": Span(0, 1),
    "stylize.attention": Span(0, 1),
    "mix.video": Span(0, 1),
    "mix.mask_blend": Span(0, 1),
    "mix.mask_contrast": Span(0, 255),
    "mix.mask_low": Span(0, 100),
    "mix.mask_high": Span(0, 100),
    "mix.motion": Span(-100, 100),
    "mix.cadence_flow": Span(-100, 100),
    "mix.redo_flow": Span(-100, 100),
    "mix.guide_peak": Span(-10, 10),
    "mix.guide_swing": Span(-10, 10),
    "mix.guide_frames": Span(0, 1_000_000),
    "mix.guide_color": Span(0, 1),
}

PINHOLE_SPANS = {"camera.fov": Span(0.1, 179)}  # narrower ones in `true` geometry

SECTIONS: dict[str, tuple[type, ...]] = {
    "camera": (CameraMove, Lens),
    "sampling": (Sampling,),
    "coherence": (Coherence,),
    "stylize": (Stylize,),
    "mix": (Mix,),
}  # the sections of a project whose fields are keyframable


@dataclass(frozen=True, slots=True)
class Keyframable:
    """One number over time."""

    name: str
    default: float
    span: Span
    comment: str


@cache
def keyframable(section: str) -> dict[str, Keyframable]:
    """The numbers of one of SECTIONS, by name."""
    return {
        field.name: Keyframable(
            field.name, field.default, SPANS.get(f"{section}.{field.name}", ANY), comments(kind)[field.name]
        )
        for kind in SECTIONS[section]
        for field in dataclasses.fields(kind)
        if field.default is not MISSING
    }


@cache
def comments(kind: type) -> dict[str, str]:
    """What stands behind each field of a dataclass in its source: the one description of it there is."""
    source = textwrap.dedent(inspect.getsource(kind))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    notes = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    [body] = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)
    return {
        statement.target.id: " ".join(notes[line] for line in _lines(statement) if line in notes)
        for statement in body.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def _lines(statement: ast.stmt) -> range:
    """The lines a statement stands on."""
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _frames_per_second(value: Any) -> Fraction:
    text = str(Decimal(str(value))) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if isinstance(text, str) and _FRACTION.fullmatch(text) and not re.fullmatch(r".*/0+", text):
        fps = Fraction(text)
        if 0 < fps <= FASTEST:
            return fps
    raise ValueError(f'expected frames per second above 0, at most {FASTEST}, as in 24, 29.97 or "30000/1001"')


def _times(value: Any) -> Fraction:
    text = str(Decimal(str(value))) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if isinstance(text, str) and _TIMES.fullmatch(text) and not re.fullmatch(r".*/0+", text):
        factor = Fraction(text)
        if 1 / Fraction(MOST_TIMES) <= factor <= MOST_TIMES:
            return factor
    raise ValueError(f'expected a factor above 0, at most {MOST_TIMES}, as in 4, 2.5 or "15/4"')


def _frame_size(value: Any) -> Size:
    size = _as_size(value)
    if size and all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
        return size
    raise ValueError(f"expected [width, height] in pixels, each from {SMALLEST_SIDE} to {LARGEST_SIDE}")


def _as_size(value: Any) -> Size | None:
    """[512, 288] or "512x288" as a size, None if it is neither."""
    if isinstance(value, list) and len(value) == 2 and all(type(side) is int for side in value):
        return Size(*value)
    if isinstance(value, str):
        try:
            return Size.parse(value)
        except UserError:
            return None
    return None


FrameRate = Annotated[
    Fraction,
    PlainValidator(_frames_per_second),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": FASTEST},
                {"type": "string", "pattern": f"^({_FRACTION.pattern})$"},
            ]
        }
    ),
]
Factor = Annotated[
    Fraction,
    PlainValidator(_times),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_TIMES},
                {"type": "string", "pattern": f"^({_TIMES.pattern})$"},
            ]
        }
    ),
]
FrameSize = Annotated[
    Size,
    PlainValidator(_frame_size),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "items": {
                        "type": "integer",
                        "minimum": SMALLEST_SIDE,
                        "maximum": LARGEST_SIDE,
                    },
                    "minItems": 2,
                    "maxItems": 2,
                },
                {"type": "string", "pattern": "^[0-9]+x[0-9]+$"},
            ]
        }
    ),
]

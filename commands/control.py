"""`control`: what a control sees in a picture, as the hint a control network would be shown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import numpy as np
import typer

from commands.terminal import warn
from core.errors import Fault, ProjectError, UnknownName, UserError
from core.image import Image, Mask, Size, resized
from diffusion.hints import Fit, Hint, at_short_side

if TYPE_CHECKING:
    from diffusion.controls import Control, Given

Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the control, as in low=50.")
]


def command(
    name: Annotated[str, typer.Argument(help="canny, depth, ...; `list controls` tells all.")],
    picture: Annotated[Path, typer.Argument(help="The picture to look at.")],
    out: Annotated[Path, typer.Argument(help="The hint, as PNG.")],
    options: Options = None,
    resolution: Annotated[int, typer.Option(help="Short side at which it looks, in pixels; 0: the picture's.")] = 0,
    size: Annotated[str, typer.Option(help="Size of the hint, as in 512x512; the picture's if left out.")] = "",
    fit: Annotated[str, typer.Option(help="stretch, crop or fill to that size.")] = "crop",
    mask: Annotated[Path | None, typer.Option(help="For inpaint: white where to draw anew.")] = None,
    depth: Annotated[str, typer.Option(help="For depth and normal: which depth model looks; mini if left out.")] = "",
    seed: Annotated[int, typer.Option(help="For shuffle.")] = 0,
    following: Annotated[
        Path | None, typer.Option("--next", help="For temporal: the frame after, to show how pixels moved.")
    ] = None,
) -> None:
    """Show what a control keeps of a picture."""
    from core.devices import ModelPool
    from diffusion.controls import Given
    from media.read import read_image
    from media.stills import write_png
    from motion.depth import REGISTRY as DEPTH
    from motion.flow import REGISTRY as FLOW

    if fit not in get_args(Fit):
        raise UnknownName("fit", fit, get_args(Fit))
    if out.suffix.lower() != ".png":
        raise UserError("a hint is written as PNG", where=str(out), way_out="Give a name that ends in .png")
    pool = ModelPool()
    control = built(name, options or (), pool)
    image = read_image(picture)
    seen = at_short_side(image, _checked_side(resolution)) if resolution else image
    masked = None if mask is None else _mask(read_image(mask), Size.of(seen))
    estimator = DEPTH.build(depth or "mini", {}, pool=pool)
    after = None if following is None else read_image(following)
    if after is not None and Size.of(after) != Size.of(image):
        what = f"is {Size.of(after)}, the frame before it {Size.of(image)}"
        raise UserError(what, where=str(following), way_out="Give two frames of one size")
    moves = FLOW.build("dis", {}, pool=pool)
    flow = None if after is None else lambda: moves.flow(resized(after, Size.of(seen)), seen)
    given = Watched(Given(seen, seed, masked, lambda looked: estimator.estimate(looked, 0), flow))
    hint = control.hint(cast("Given", given))
    extras = {"mask": ("--mask", mask), "depth": ("--depth", depth), "seed": ("--seed", seed)}
    for part, (option, value) in {**extras, "flow": ("--next", following)}.items():
        if value and part not in given.asked:
            warn(f"{option}: the control {name} does not ask for it, so it has no effect")
    write_png(out, shown(hint.fitted(Size.parse(size) if size else Size.of(image), fit)))  # type: ignore[arg-type]


class Watched:
    """What a control may look at, which remembers what it did look at."""

    def __init__(self, given: "Given") -> None:
        """Args: given: what is there."""
        self._given = given
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        """A part of it."""
        self.asked.add(name)
        return getattr(self._given, name)


def built(name: str, options: Sequence[str], pool: Any) -> "Control":
    """The control with `option=value` texts as its options.

    Raises:
        ProjectError: with all that is wrong with the options.
    """
    from animator.entries import option_faults
    from diffusion.controls import REGISTRY

    given: dict[str, Any] = {}
    faults: list[Fault] = []
    for text in options:
        key, equals, value = text.partition("=")
        if not equals:
            faults.append(Fault("--set", f"{text!r} is no option", "Write option=value, as in low=50"))
        given[key.strip()] = _value(value)
    faults += option_faults(REGISTRY, "--set", name, given)
    if faults:
        raise ProjectError(f"control {name}", faults)
    control: Control = REGISTRY.build(name, given, pool=pool)
    return control


def shown(hint: Hint) -> Image:
    """A hint as people can look at it: what is hidden is black, a flow picture stands on the right."""
    image = hint.image if hint.hidden is None else np.where(hint.hidden[..., None] > 0.5, np.uint8(0), hint.image)
    return np.ascontiguousarray(image if hint.flow is None else np.hstack([image, hint.flow]))


def _value(text: str) -> Any:
    """JSON, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _mask(picture: Image, size: Size) -> Mask:
    """How white a picture is; 0..1, of a size."""
    return np.asarray(resized(picture, size).max(axis=2) / np.float32(255), np.float32)


def _checked_side(side: int) -> int:
    """The side itself.

    Raises:
        UserError: if nothing can be seen at it.
    """
    if not 16 <= side <= 8192:
        raise UserError(f"a resolution of {side}", where="--resolution", way_out="Choose 16 to 8192")
    return side

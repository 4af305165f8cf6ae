"""`upscale`: pictures, folders of them and videos made larger, by resampling or by a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.progress import progress
from commands.terminal import ModelsFolders, say, warn
from core.errors import UserError
from core.image import Image, Rgba, Size

if TYPE_CHECKING:
    from animator.enlarging import Enlarging

Source = Annotated[Path, typer.Argument(metavar="IN", help="A picture, a folder of pictures, or a video.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="A file, or a folder; of a video, a video.")]


def command(
    source: Source,
    out: Out,
    upscaler: Annotated[str, typer.Option(help="By name; `list upscalers` tells all.")] = "Lanczos",
    by: Annotated[float, typer.Option(help="Times the sides, 1 to 16.")] = 2.0,
    to: Annotated[str, typer.Option(metavar="WxH", help="A size that is covered, in place of --by.")] = "",
    crop: Annotated[bool, typer.Option(help="Cut what stands over --to.")] = True,
    longest: Annotated[int, typer.Option(min=0, help="With --by: the longer side at most, in pixels.")] = 0,
    second: Annotated[str, typer.Option(help="Another upscaler, blended over the first.")] = "",
    share: Annotated[float, typer.Option(help="How much of it, 0 to 1.")] = 0.0,
    tile: Annotated[int, typer.Option(min=0, max=4096, help="Pixels of a tile; 0 takes the whole picture.")] = 192,
    overlap: Annotated[int, typer.Option(min=0, max=512, help="Pixels that tiles share.")] = 8,
    picture_format: Annotated[str, typer.Option("--format", help="Of a folder: png, jpg, webp.")] = "png",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are in the way.")] = False,
    models_dir: ModelsFolders = None,
) -> None:
    """Make pictures or a video larger, by resampling or by a network of yours (ESRGAN, Real-ESRGAN, SwinIR ...)."""
    from animator.enlarging import Enlarging
    from diffusion.upscalers import TileRules
    from media.read import SUFFIXES

    size = Size.parse(to) if to else None
    rules = Enlarging(upscaler, by, longest, size, crop, second, share, TileRules(tile, overlap))
    rules.check()
    is_clip = source.is_file() and source.suffix.lower() not in SUFFIXES
    if is_clip:
        _upscale_clip(source, out, rules, may_replace=overwrite)
    else:
        _upscale_pictures(source, out, rules, f".{picture_format.lower().lstrip('.')}", may_replace=overwrite)


def _upscale_pictures(source: Path, out: Path, rules: "Enlarging", suffix: str, *, may_replace: bool) -> None:
    """Pictures one by one; each keeps the text that says how it was made."""
    from animator.orders.files import Target, pictures_in
    from core.devices import ModelPool
    from media.inscribed import infotext_in, picture_format, write_picture

    found = pictures_in(source)
    target, pool = Target(out, suffix), ModelPool()
    if source.is_dir() and not target.is_folder:
        raise UserError("many pictures do not go into one", where=str(out), way_out="Give a folder")
    paths = target.names([0] * len(found), [path.stem for path in found])
    for path in paths:
        picture_format(path)
    target.check(paths, may_replace=may_replace)
    with progress("upscale", len(found), 0, unit="picture") as advance:
        for picture, path in zip(found, paths, strict=True):
            image = rules.enlarged(_read(picture), pool)
            infotext, text = _said(infotext_in(picture), rules, path)
            write_picture(path, image, infotext, text=text)
            advance()
            say(f"{path}  {Size.of(image)}")


def _read(path: Path) -> Image | Rgba:
    """A picture with its opacity, if any of it is transparent."""
    import numpy as np

    from core.image import rounded
    from media.read import read_image_and_alpha

    image, alpha = read_image_and_alpha(path)
    return image if alpha.min() == 1 else np.ascontiguousarray(np.dstack([image, rounded(alpha * 255)]))


def _said(infotext: str, rules: "Enlarging", path: Path) -> tuple[str, dict[str, str]]:
    """How the picture was made, and how it was enlarged: in a PNG a text of its own, else among the fields."""
    from media.infotext import Infotext, parsed

    facts = rules.facts()
    if path.suffix.lower() == ".png":
        return infotext, {"postprocessing": str(Infotext(fields=facts))}
    before = parsed(infotext)
    return str(Infotext(before.prompt, before.negative, {**before.fields, **facts})), {}


def _upscale_clip(source: Path, out: Path, rules: "Enlarging", *, may_replace: bool) -> None:
    """A video frame by frame, with its sound."""
    from commands.clips import opened
    from core.devices import ModelPool
    from media.formats import Delivery, build, delivering, format_for
    from media.sound import Soundtrack

    if out.exists() and not may_replace:
        raise UserError("would be replaced", where=str(out), way_out="Give another name, or --overwrite")
    if out.resolve() == source.resolve() or not out.parent.is_dir():
        raise UserError("cannot be written to", where=str(out), way_out="Give another name in a folder that exists")
    pool = ModelPool()
    with opened(source, "24") as video:
        info = video.info
        if info.has_alpha:
            warn("opacity is left out; transparent parts become black")
        size = rules.size(info.size)
        delivery = Delivery(out, build(format_for(out)))
        sound = Soundtrack(source) if info.sound is not None else None
        with (
            delivering([delivery], size, info.fps, {"Software": "Driftloop"}, sound) as write,
            progress(source.name, round(info.seconds * info.fps), 0) as advance,
        ):
            for _, image in video:
                write(rules.enlarged(image, pool))
                advance()
    say(f"{out}  {size}")

"""Pictures read from files: upright, opaque, in sRGB and of a bounded size."""

import io
import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageCms
import PIL.ImageOps
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import LARGEST_SIDE, Image, Mask, Size, rounded, to_float

log = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".exr"})
MAY_MOVE = frozenset({".gif", ".webp"})  # endings of stills and of moving pictures alike
BLACK = (0, 0, 0)
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, PIL.Image.DecompressionBombError)  # of Pillow


def read_image(path: Path, background: tuple[int, int, int] = BLACK) -> Image:
    """A picture as uint8, H x W x 3, RGB, turned upright as its EXIF orientation says.

    Args:
        path: PNG, JPEG, WebP, BMP, TIFF, GIF (its first picture), AVIF or OpenEXR (in linear light).
        background: RGB levels 0..255 that show where the picture is transparent.

    Raises:
        MediaError: if the file is missing, no such picture, damaged or too large.
    """
    image, alpha = _decoded(path)
    if alpha is None:
        return image
    share = alpha[..., None]
    return rounded(image * share + np.array(background, np.float32) * (1 - share))


def read_image_and_alpha(path: Path) -> tuple[Image, Mask]:
    """A picture, whatever colour lies under its transparent parts, and its opacity: 1 where nothing shines through.

    Raises:
        MediaError: as `read_image`.
    """
    image, alpha = _decoded(path)
    return image, np.ones(image.shape[:2], np.float32) if alpha is None else alpha


def check_one_size(paths: Sequence[Path]) -> None:
    """Looks at the headers of pictures; those that tell no size are left to whoever decodes them.

    Raises:
        MediaError: for the first that is not as large as those before it.
    """
    first = _stored_size(paths[0])
    for path in paths[1:]:
        size = _stored_size(path)
        if size and first and size != first:
            way_out = "Give all pictures of a folder one size"
            raise MediaError(f"is {size}, the pictures before it are {first}", where=str(path), way_out=way_out)


def _stored_size(path: Path) -> Size | None:
    """How large a picture is when upright, by its header, which is read once; None where it tells nothing."""
    try:
        return _size_in_header(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=100_000)
def _size_in_header(path: Path, _changed: int) -> Size | None:
    try:
        with PIL.Image.open(path, formats=FORMATS) as picture:
            turns = picture.getexif().get(PIL.ExifTags.Base.Orientation, 1) > 4
            return Size(picture.height, picture.width) if turns else Size(*picture.size)
    except UNREADABLE:
        return None


def _decoded(path: Path) -> tuple[Image, Mask | None]:
    """A picture's colours, and its opacity if it has any."""
    if path.suffix.lower() == ".exr":
        from media.exr import read_exr

        return read_exr(path)
    try:
        with PIL.Image.open(path, formats=FORMATS) as picture:
            if max(picture.size) > LARGEST_SIDE:
                raise MediaError(
                    f"{picture.width}x{picture.height} is too large",
                    where=str(path),
                    way_out=f"Sides may have up to {LARGEST_SIDE} pixels",
                )
            upright = PIL.ImageOps.exif_transpose(_eight_bit(picture))
            has_alpha = upright.has_transparency_data
            levels = np.array(_in_srgb(upright.convert("RGBA" if has_alpha else "RGB"), path))
    except UNREADABLE as fault:
        raise MediaError(
            f"cannot be read as a picture ({getattr(fault, 'strerror', None) or fault})",
            where=str(path),
            way_out=f"Readable are {', '.join(FORMATS)}",
        ) from fault
    if not has_alpha:
        return levels, None
    return np.ascontiguousarray(levels[..., :3]), to_float(levels[..., 3])


def _eight_bit(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A gray picture of 16 bits as one of 8; any other as it is."""
    if not picture.mode.startswith("I;16"):
        return picture
    levels: NDArray[np.floating] = np.asarray(picture, dtype=np.float32) / 257
    gray = PIL.Image.fromarray(rounded(levels))
    gray.info = picture.info
    return gray


def _in_srgb(picture: PIL.Image.Image, path: Path) -> PIL.Image.Image:
    """An RGB or RGBA picture, converted if its file brings a colour profile."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    try:
        source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = PIL.ImageCms.profileToProfile(picture, source, PIL.ImageCms.createProfile("sRGB"))
    except (PIL.ImageCms.PyCMSError, OSError) as fault:
        log.warning("%s: its colour profile cannot be used (%s); its colours are taken as sRGB", path, fault)
        return picture
    return converted or picture


def read_metadata(path: Path) -> dict[str, str]:
    """The texts in a video file by keyword, such as the project it was made from.

    Raises:
        MediaError: if the file is missing or no video.
    """
    import av  # not needed to read pictures, and slow to load

    try:
        with av.open(str(path)) as container:
            if container.format.name.startswith("matroska"):  # which writes all keywords in capitals
                return {key.lower(): value for key, value in container.metadata.items()}
            return dict(container.metadata)
    except (av.FFmpegError, OSError) as fault:
        raise MediaError(f"cannot be opened as a video ({fault.strerror or fault})", where=str(path)) from fault

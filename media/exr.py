"""OpenEXR pictures: scene-linear half floats, as compositing programs want them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError, MissingLibrary
from core.image import LARGEST_SIDE, Image, Rgba, rounded, to_float

Floats = NDArray[np.floating[Any]]
_TO_LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
)  # Source: IEC 61966-2-1


def openexr() -> Any:
    """The library.

    Raises:
        MissingLibrary: without it.
    """
    try:
        import OpenEXR
    except ImportError as fault:
        raise MissingLibrary("OpenEXR", "OpenEXR", "exr") from fault
    return OpenEXR


def write_exr(path: Path, image: Image | Rgba, text: Mapping[str, str], compression: str, *, linear: bool) -> None:
    """Writes one picture. Colours are multiplied by opacity, as is the custom in this format.

    Args:
        path: of the file.
        image: uint8, H x W x 3 or, with opacity, H x W x 4.
        text: put into the header.
        compression: NO, ZIP, ZIPS, PIZ, DWAA or DWAB.
        linear: whether sRGB levels become amounts of light; else they are stored as 0..1.

    Raises:
        OSError: if the file cannot be written.
        MissingLibrary: without OpenEXR.
    """
    library = openexr()
    colours = (_TO_LINEAR[image[..., :3]] if linear else to_float(image[..., :3])).astype(np.float32)
    channels = {"RGB": colours.astype(np.float16)}
    if image.shape[2] == 4:
        alpha = to_float(image[..., 3:])
        channels = {"RGBA": np.concatenate([colours * alpha, alpha], -1).astype(np.float16)}
    header = {
        "compression": getattr(library, f"{compression}_COMPRESSION"),
        "type": library.scanlineimage,
        "colorSpace": "linear BT.709" if linear else "sRGB",
        **text,
    }
    try:
        with library.File(header, channels) as file:
            file.write(str(path))
    except RuntimeError as fault:
        raise OSError(None, str(fault)) from fault


def read_exr(path: Path) -> tuple[Image, NDArray[np.float32] | None]:
    """A picture in sRGB, what is brighter than white cut off, and its opacity 0..1 if it has any.

    Raises:
        MediaError: if the file is none, damaged, too large, or has no colours.
        MissingLibrary: without OpenEXR.
    """
    library = openexr()
    try:
        with library.File(str(path), separate_channels=True, header_only=True) as file:
            header = dict(file.header())  # it empties when the file is closed
            low, high = header["dataWindow"]
        if max(int(end) - int(start) + 1 for start, end in zip(low, high, strict=True)) > LARGEST_SIDE:
            what = f"sides of more than {LARGEST_SIDE} pixels"
            raise MediaError(what, where=str(path))
        with library.File(str(path), separate_channels=True) as file:
            channels = {name: np.asarray(channel.pixels, np.float32) for name, channel in file.channels().items()}
    except (RuntimeError, OSError, ValueError, TypeError) as fault:
        raise MediaError(f"cannot be read as OpenEXR ({fault})", where=str(path)) from fault
    names = ("R", "G", "B") if "R" in channels else ("Y", "Y", "Y")
    if not all(name in channels for name in names):
        raise MediaError(
            f"only the channels {', '.join(channels)}", where=str(path), way_out="Colours are R, G, B or Y"
        )
    light: Floats = np.nan_to_num(np.stack([channels[name] for name in names], -1), nan=0, posinf=1, neginf=0)
    alpha = np.clip(np.nan_to_num(channels["A"]), 0, 1) if "A" in channels else None
    if alpha is not None:
        light = light / np.maximum(alpha, 1e-6)[..., None]
    return _shown(light, linear=header.get("colorSpace") != "sRGB"), alpha


def _shown(light: Floats, *, linear: bool) -> Image:
    """Amounts of light 0..1 as sRGB levels."""
    bounded: Floats = np.clip(light, 0, 1)
    if linear:
        bounded = np.where(bounded <= 0.0031308, 12.92 * bounded, 1.055 * bounded ** (1 / 2.4) - 0.055)
    return rounded(bounded * np.float32(255))

"""What one file of a depth pass holds, as numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from core.errors import MediaError, MissingLibrary
from core.image import LARGEST_SIDE

_DEPTH_CHANNELS = ("Z", "DEPTH", "Y", "R", "V")  # last part of a channel's name, in order of preference


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one frame of a depth pass."""

    values: NDArray[np.float32]  # H x W
    is_share: bool  # whether they are levels, 0 black to 1 white, and not numbers with a unit


def numbers(file: Path) -> Numbers:
    """The numbers a .png, .exr or .npy holds.

    Raises:
        MediaError: if it is damaged, too large, coloured, or has no channel that can be depth.
        MissingLibrary: for an .exr, if OpenEXR is not installed.
    """
    if file.suffix.lower() == ".png":
        return Numbers(_from_png(file), is_share=True)
    return Numbers(_from_exr(file) if file.suffix.lower() == ".exr" else _from_npy(file), is_share=False)


def share(levels: NDArray[Any]) -> NDArray[np.float32]:
    """Levels of 8 or 16 bit as 0..1."""
    shares: NDArray[np.float32] = np.multiply(levels, np.float32(1 / np.iinfo(levels.dtype).max), dtype=np.float32)
    return shares


def check_size(width: int, height: int, file: Path) -> None:
    """Raises MediaError for sides that no picture here has."""
    if not 0 < min(width, height) <= max(width, height) <= LARGEST_SIDE:
        way_out = f"Sides may have 1 to {LARGEST_SIDE} pixels"
        raise MediaError(f"a picture of {width}x{height}", where=str(file), way_out=way_out)


def _from_png(file: Path) -> NDArray[np.float32]:
    """Levels 0..1 of a gray picture; colours that are gray will do."""
    try:
        with PIL.Image.open(file, formats=("PNG",)) as picture:
            check_size(*picture.size, file)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as fault:
        raise MediaError(f"no PNG ({fault})", where=str(file)) from fault
    levels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if levels is None:
        raise MediaError("a damaged PNG", where=str(file))
    if levels.ndim == 2:
        return share(levels)
    colours = share(levels[..., :3])
    if np.ptp(colours, axis=2).max() > 1 / 255:
        way_out = "Render depth in gray: a colour table cannot be turned back into distances"
        raise MediaError("a coloured picture", where=str(file), way_out=way_out)
    return np.ascontiguousarray(colours[..., 0])


def _from_npy(file: Path) -> NDArray[np.float32]:
    """An H x W array of numbers; axes of length 1 are dropped."""
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as fault:
        raise MediaError(f"no array of numbers ({fault})", where=str(file)) from fault
    array = stored.squeeze() if isinstance(stored, np.ndarray) else np.empty(0)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise MediaError(
            f"an array of {array.dtype} with shape {array.shape}", where=str(file), way_out="H x W numbers"
        )
    check_size(array.shape[1], array.shape[0], file)
    return np.array(array, dtype=np.float32)


def _from_exr(file: Path) -> NDArray[np.float32]:
    """The channel of an OpenEXR file that looks most like depth."""
    try:
        import OpenEXR
    except ImportError as fault:
        raise MissingLibrary("reading .exr", "OpenEXR", "exr") from fault
    try:
        with OpenEXR.File(str(file), separate_channels=True, header_only=True) as header:
            low, high = header.header()["dataWindow"]
        check_size(int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1, file)
        with OpenEXR.File(str(file), separate_channels=True) as opened:
            pixels = {name: channel.pixels for name, channel in opened.channels().items()}
    except (RuntimeError, OSError, ValueError, TypeError) as fault:
        raise MediaError(f"no OpenEXR picture ({fault})", where=str(file)) from fault
    ranked = {name: _DEPTH_CHANNELS.index(kind) for name in pixels if (kind := _kind(name)) in _DEPTH_CHANNELS}
    if not ranked:
        way_out = f"Depth is looked for in channels named {', '.join(_DEPTH_CHANNELS)}"
        raise MediaError(f"only the channels {', '.join(pixels)}", where=str(file), way_out=way_out)
    return np.asarray(pixels[min(ranked, key=lambda name: (ranked[name], name))], dtype=np.float32)


def _kind(channel: str) -> str:
    """`ViewLayer.Depth.Z` to `Z`."""
    return channel.rpartition(".")[2].upper()

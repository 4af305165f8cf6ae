"""Decoded frames as images: turned upright, in sRGB, whatever the file's colours are."""

from enum import StrEnum
from functools import cache
from typing import Any

import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from core.image import Image, Rgba, Size

HD_HEIGHT = 720  # pixels; from here on a video that does not say so is taken as BT.709, below as BT.601
SCALING = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
)  # of chroma; exact to half a level
GLIMPSE = 32  # pixels; sides of a glimpse
LARGE = 256  # pixels; what is larger is halved
UNSAID = 2  # of colour spaces
BT2020 = (9, 10)  # numbers of its colour spaces

WHITE = 203.0  # nits; what is diffuse white in HDR. Source: ITU-R BT.2408
PEAK = 1000.0  # nits; the brightest that still differs from white
HLG_GAMMA = 1.2  # of a display of 1000 nits. Source: ITU-R BT.2100, table 5
KNEE = 0.7  # of white; below it HDR levels stay as they are
TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # linear BT.2020 to linear BT.709. Source: ITU-R BT.2087


class Range(StrEnum):
    """How bright the brightest is: standard, or one of the two high dynamic ranges."""

    SDR = "sdr"
    PQ = "pq"  # SMPTE ST 2084, as HDR10 has it
    HLG = "hlg"  # ARIB STD-B67


RANGES = {16: Range.PQ, 18: Range.HLG}  # by number of the transfer characteristic. Source: ITU-T H.273


def dynamic_range(frame: Any) -> Range:
    """What the frame says about itself."""
    return RANGES.get(frame.color_trc, Range.SDR)


def is_transparent(frame: Any) -> bool:
    """Whether the frame's format holds opacity."""
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


def image_of(frame: Any, convert: VideoReformatter) -> Image:
    """A decoded frame as uint8, H x W x 3, RGB, upright; HDR is tone-mapped, transparent parts keep their colour."""
    levels = dynamic_range(frame)
    if levels is Range.SDR:
        return _upright(_converted(frame, convert, "rgb24"), frame)
    return _upright(_tone_mapped(_converted(frame, convert, "rgb48le"), levels), frame)


def rgba_of(frame: Any, convert: VideoReformatter) -> Rgba:
    """A decoded frame as uint8, H x W x 4, RGB and opacity, upright; opaque where the file holds no opacity."""
    if dynamic_range(frame) is Range.SDR:
        return _upright(_converted(frame, convert, "rgba"), frame)
    alpha = _converted(frame, convert, "rgba")[..., 3:]
    return np.concatenate([image_of(frame, convert), _upright(alpha, frame)], axis=2)


def glimpse(frame: Any) -> Any:
    """A frame of the same mean colours, GLIMPSE x GLIMPSE, not turned: its planes are shrunk before any conversion.

    The frame itself where it is small already, or its channels do not lie in planes of their own.
    """
    planes = [component.plane for component in frame.format.components]
    is_packed = len(set(planes)) < len(planes) or frame.format.has_palette or frame.format.is_big_endian
    if is_packed or min(frame.width, frame.height) < 2 * GLIMPSE:
        return frame
    small = VideoFrame(GLIMPSE, GLIMPSE, frame.format.name)
    kind = np.uint8 if frame.format.components[0].bits <= 8 else np.uint16
    for plane, shrunk in zip(frame.planes, small.planes, strict=True):
        _levels(shrunk, kind)[:] = means(_levels(plane, kind), Size(shrunk.width, shrunk.height))
    small.colorspace, small.color_range, small.color_trc = _space(frame), frame.color_range, frame.color_trc
    return small


def means(levels: NDArray[Any], size: Size) -> NDArray[Any]:
    """Means over the cells of a coarse grid, of each channel. Large arrays are halved first, which is much faster."""
    while min(levels.shape[:2]) > LARGE:
        levels = cv2.resize(levels, (levels.shape[1] // 2, levels.shape[0] // 2), interpolation=cv2.INTER_AREA)
    shrunk: NDArray[Any] = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    return shrunk


def _levels(plane: Any, kind: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """What a plane holds, H x W, without copying it."""
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:, : plane.width]


def _space(frame: Any) -> int:
    """What its colours mean, as a number of FFmpeg's."""
    if frame.colorspace == UNSAID:
        return Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    return int(frame.colorspace)


def _converted(frame: Any, convert: VideoReformatter, format_: str) -> NDArray[Any]:
    space = Colorspace.BT2020 if _space(frame) in BT2020 else _space(frame)
    converted = convert.reformat(
        frame, format=format_, src_colorspace=space, dst_color_range=ColorRange.JPEG, interpolation=SCALING
    )
    levels: NDArray[Any] = converted.to_ndarray()
    return levels


def _upright(levels: NDArray[np.uint8], frame: Any) -> NDArray[np.uint8]:
    turns = round(frame.rotation / 90)
    return np.ascontiguousarray(np.rot90(levels, turns) if turns else levels)


def _tone_mapped(levels: NDArray[np.uint16], kind: Range) -> Image:
    """HDR levels in BT.2020 as sRGB.

    Up to KNEE of white nothing changes but the primaries; from there PEAK is bent down to white, by the brightest
    channel, so that hues stay. Source: E. Reinhard et al., Photographic Tone Reproduction for Digital Images (2002),
    eq. 4.

    Args:
        levels: uint16, H x W x 3.
        kind: the curve they stand on.
    """
    light = _light_of(kind)[levels]
    if kind is Range.HLG:
        luminance = light @ np.array([0.2627, 0.678, 0.0593], np.float32)
        light *= (PEAK / WHITE) * np.maximum(luminance, 1e-6)[..., None] ** np.float32(HLG_GAMMA - 1)
    light = np.maximum(cv2.transform(light, TO_BT709), 0)
    brightest = light.max(axis=2)
    over = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    end = (PEAK / WHITE - KNEE) / (1 - KNEE)
    bent = np.where(brightest > KNEE, KNEE + (1 - KNEE) * over * (1 + over / end**2) / (1 + over), brightest)
    light *= (bent / np.maximum(brightest, 1e-6))[..., None]
    image: Image = _srgb()[np.minimum(light * 65535 + 0.5, 65535).astype(np.uint16)]
    return image


@cache
def _light_of(kind: Range) -> NDArray[np.float32]:
    """Level 0..65535 to light: PQ by white; HLG the scene's, 0..1. Source: ITU-R BT.2100, tables 4 and 5."""
    signal = np.arange(65536) / 65535
    if kind is Range.PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = signal ** (1 / m2)
        light = 10000 / WHITE * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return light.astype(np.float32)


@cache
def _srgb() -> NDArray[np.uint8]:
    """Linear light 0..65535 to sRGB levels. Source: IEC 61966-2-1."""
    light = np.arange(65536) / 65535
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * signal).astype(np.uint8)

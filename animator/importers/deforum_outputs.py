"""The sections of a native project for what becomes of frames: files, frames in between, larger pictures, sound."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from animator.importers import Imported
from animator.importers.deforum_key import OFF
from animator.importers.deforum_units import named
from core.errors import Fault

Settings = Mapping[str, Any]

UPSCALERS = {
    "realesr-animevideov3": "realesr-animevideov3",
    "realesrgan-x4plus": "RealESRGAN_x4plus",
    "realesrgan-x4plus-anime": "RealESRGAN_x4plus_anime_6B",
}  # networks that Deforum names, and what their files are called


def outputs(settings: Settings) -> Imported:
    """Files to make, what is made of frames for them, and their sound."""
    has_video, ways, notes = not settings["skip_video_creation"], _ways(settings), []
    data: dict[str, Any] = {**ways, "export": []}
    if has_video:
        data["export"] = [{"format": "mp4"}]
        if len(ways) == 2 and not settings["frame_interpolation_use_upscaled"]:
            data["export"] = [{"format": "mp4", "upscale": False}, {"format": "mp4", "interpolate": False}]
            notes = ["r_upscale_video, frame_interpolation_engine: a video of more frames and one of larger ones"]
    if settings["make_gif"]:
        data["export"].append({"format": "gif"} | dict.fromkeys(ways, False))
    track = settings["add_soundtrack"]
    if track == "File":
        data["audio"] = {"file": settings["soundtrack_path"]}
    elif track == "Init Video":
        data["audio"] = {"file": settings["video_init_path"]}
    elif track not in OFF:
        fault = Fault("add_soundtrack", f"{track!r} is no choice", "Known: None, File, Init Video")
        return Imported(data, faults=(fault,))
    return Imported(data, tuple(notes))


def _ways(settings: Settings) -> dict[str, Any]:
    """The sections that say what is made of frames for exports."""
    has_video, ways = not settings["skip_video_creation"], {}
    if settings["frame_interpolation_engine"] not in OFF and has_video:
        ways["interpolate"] = _interpolation(settings)
    if settings["r_upscale_video"] not in OFF and (has_video or settings["r_upscale_keep_imgs"]):
        ways["upscale"] = _upscaling(settings)
    return ways


def _interpolation(settings: Settings) -> dict[str, Any]:
    """Frames in between: x times as many, played at x times the rate, or at that divided by the slow motion."""
    factor = settings["frame_interpolation_x_amount"]
    slow = settings["frame_interpolation_slow_mo_amount"] if settings["frame_interpolation_slow_mo_enabled"] else 1
    if type(factor) is int and type(slow) is int and slow > 0:
        ratio = Fraction(factor, slow)
        factor = ratio.numerator if ratio.denominator == 1 else f"{ratio.numerator}/{ratio.denominator}"
    model = named(settings["frame_interpolation_engine"], {"RIFE v4.6": "rife", "FILM": "film"})
    return {"model": model, "factor": factor, "slow": slow}


def _upscaling(settings: Settings) -> dict[str, Any]:
    """Pictures so many times as large, by the network that Deforum names."""
    factor = settings["r_upscale_factor"]
    if isinstance(factor, str) and re.fullmatch(r"x\d+(\.\d+)?", factor.strip()):
        factor = float(factor.strip()[1:])
    upscaler = named(settings["r_upscale_model"], UPSCALERS)
    return {"upscaler": upscaler, "by": factor, "save": settings["r_upscale_keep_imgs"]}

"""H.264 or H.265 in MP4: plays everywhere; no opacity."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from core.image import Size
from media.encode import Encoding, encode
from media.exporters import Exporter

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


@dataclass(frozen=True, slots=True)
class Options:
    """How well and how fast frames are compressed."""

    crf: Annotated[float, Field(ge=0, le=51)] = (
        17.0  # 0 is best, 51 worst; 17 looks like the frames, 23 is half the size
    )
    preset: Preset = "slow"  # slower makes smaller files of the same look
    variant: Literal["h264", "h265"] = "h264"  # h265 is smaller and plays in fewer places
    all_intra: bool = False  # every frame stands alone: larger, but players jump and run backwards at once
    threads: Annotated[int, Field(ge=0, le=64)] = 0  # that encode; 0 takes what the machine has


def build(options: Options, pool: object) -> Exporter:
    """Writes yuv420p in BT.709 at one rate, every frame once from time 0, ready to play while it loads.

    No frame refers to a later one, so nothing is delayed and a loop has no hiccup where it starts again.
    """
    return Exporter(
        "H.264" if options.variant == "h264" else "H.265",
        ".mp4",
        partial(encode, partial(_encoding, options)),
        step=Size(2, 2),
        keeps_sound=True,
        keeps_captions=True,
        keeps_text=True,
    )


def _encoding(options: Options, has_alpha: bool) -> Encoding:
    given = {"crf": f"{options.crf:g}", "preset": options.preset, "bf": "0"}
    if options.all_intra:
        given["g"] = "1"
    if options.threads:
        given["threads"] = str(options.threads)
    codec = "libx264"
    if options.variant == "h264":
        given["x264-params"] = "mbtree=0"  # without B-frames x264's tree gives other bytes in 1 of 200 runs
    if options.variant == "h265":
        codec = "libx265"
        pools = f":pools={options.threads}" if options.threads else ""
        given |= {"tag": "hvc1", "x265-params": f"log-level=error:bframes=0{pools}"}
    movflags = "+faststart+use_metadata_tags"  # the index in front; texts under any keyword
    return Encoding("mp4", codec, "yuv420p", given, {"movflags": movflags}, "aac", is_left_sited=True)

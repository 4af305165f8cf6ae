"""Animated GIF with one palette made for the whole clip; opacity is on or off."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import av
import numpy as np
from pydantic import Field

from core.errors import MediaError
from core.image import Image, Rgba, Size
from media.atomic import replacing, scratch
from media.encode import Clip
from media.exporters import Exporter
from media.verify import Witness

log = logging.getLogger(__name__)

TICK = Fraction(1, 100)  # seconds; what GIF counts time in
FASTEST = 50  # frames per second; browsers slow down what is faster
LARGEST = 65535  # pixels
SHOWN = 128  # opacity from which on a pixel shows


@dataclass(frozen=True, slots=True)
class Options:
    """How 16 million colours become few, and how often it plays."""

    colors: Annotated[int, Field(ge=2, le=256)] = 256  # in the palette; fewer make smaller files
    dither: Literal["none", "bayer", "sierra2_4a", "floyd_steinberg"] = (
        "sierra2_4a"  # how colours between are feigned; bayer makes smaller files, none shows bands
    )
    plays: Annotated[int, Field(ge=0, le=65535)] = 0  # how often it plays; 0: for ever


def build(options: Options, pool: object) -> Exporter:
    """Frames show at the hundredth of a second nearest to their time, so the whole keeps its length."""
    return Exporter("GIF", ".gif", _Palettes(options).encode, keeps_alpha=True, refuse=_check)


def _check(size: Size, fps: Fraction) -> None:
    """At most 50 frames per second; sides up to 65535."""
    if fps > FASTEST:
        raise MediaError(f"{fps} frames per second are too many for GIF", way_out=f"Up to {FASTEST} will do")
    if max(size) > LARGEST:
        raise MediaError(f"{size} is too large for GIF", way_out=f"Sides may have up to {LARGEST} pixels")


@dataclass(frozen=True, slots=True)
class _Palettes:
    """Two passes over the frames: colours are chosen, then used."""

    options: Options

    def encode(self, clip: Clip, images: Iterator[Image | Rgba]) -> None:
        """Writes all images; as the palette must know all of them, they lie in a lossless file between the passes."""
        path, fps = clip.path, clip.fps
        if (1 / fps / TICK).denominator > 1:
            log.warning("GIF counts hundredths of a second: at %s frames per second frames last unevenly; "
                        "20, 25 and 50 are even", fps)  # fmt: skip
        witness = Witness(has_alpha=False)
        images = map(_switched, images)
        first = next(images, None)
        if first is None:
            raise MediaError("no frame was handed over", where=str(path))
        try:
            with replacing(path) as temporary, scratch(path) as between:
                shown = Size.of(first)
                palette = self._palette(between, shown, witness.seeing(chain([first], images)))
                self._write(temporary, between, palette, fps)
                witness.compare(temporary, path, clip.size, fps)
        except av.FFmpegError as fault:
            raise MediaError(f"cannot be encoded ({fault.strerror or fault})", where=str(path)) from fault

    def _palette(self, between: Path, size: Size, images: Iterator[Image | Rgba]) -> Any:
        """The colours for all images, which go into a lossless file on the way."""
        graph = av.filter.Graph()
        source = graph.add_buffer(width=size.width, height=size.height, format="bgra", time_base=TICK)
        made = graph.add("palettegen", f"max_colors={self.options.colors}:reserve_transparent=1:stats_mode=full")
        graph.link_nodes(source, made, graph.add("buffersink")).configure()
        with av.open(str(between), "w", format="matroska") as container:
            stream = container.add_stream("ffv1", rate=FASTEST)
            stream.width, stream.height, stream.pix_fmt = *size, "bgra"
            for n, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(image, "rgba" if image.shape[2] == 4 else "rgb24")
                frame = frame.reformat(format="bgra")
                frame.pts, frame.time_base = n, Fraction(1, FASTEST)
                graph.push(frame)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        graph.push(None)
        return graph.pull()

    def _write(self, path: Path, between: Path, palette: Any, fps: Fraction) -> None:
        """The frames of the lossless file in the palette's colours."""
        with av.open(str(between)) as lossless, self._opened(path) as container:
            pictures = lossless.streams.video[0]
            stream = container.add_stream("gif", rate=fps)
            stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "pal8"
            stream.codec_context.time_base = TICK
            graph = self._graph(Size(pictures.width, pictures.height), palette)
            for n, frame in enumerate(lossless.decode(pictures)):
                frame.pts, frame.time_base = n, TICK
                graph.push(frame, at=0)
                mapped = graph.pull()
                mapped.pts, mapped.time_base = round(n / fps / TICK), TICK
                container.mux(stream.encode(mapped))
            container.mux(stream.encode())

    def _opened(self, path: Path) -> Any:
        """The file to write to. It tells how often it plays again, and nothing where it plays once."""
        again = self.options.plays - 1 if self.options.plays > 1 else -self.options.plays
        return av.open(str(path), "w", format="gif", container_options={"loop": str(again)})

    def _graph(self, size: Size, palette: Any) -> Any:
        """What gives frames the colours of the palette."""
        graph = av.filter.Graph()
        pictures = graph.add_buffer(width=size.width, height=size.height, format="bgra", time_base=TICK)
        colors = graph.add_buffer(width=palette.width, height=palette.height, format="bgra", time_base=TICK)
        use = graph.add("paletteuse", f"dither={self.options.dither}:diff_mode=rectangle:alpha_threshold={SHOWN}")
        sink = graph.add("buffersink")
        pictures.link_to(use, 0, 0)
        colors.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        palette.pts = 0
        graph.push(palette, at=1)
        graph.push(None, at=1)
        return graph


def _switched(image: Image | Rgba) -> Image | Rgba:
    """The image with opacity on or off."""
    if image.shape[2] == 3:
        return image
    shown = np.where(image[..., 3:] >= SHOWN, 255, 0).astype(np.uint8)
    return np.concatenate([image[..., :3], shown], axis=2)
